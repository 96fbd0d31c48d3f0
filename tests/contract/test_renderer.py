"""What every renderer promises, run against the process pool with real child processes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from registry.adapters.local.clock import SystemClock
from registry.adapters.local.render_pool import ProcessRenderer
from registry.domain.errors import RenderFailed, RenderLimit, Unavailable, VariablesInvalid
from registry.domain.ids import TemplateName
from registry.domain.rendering import Rendered
from registry.domain.template import (
    Json,
    Message,
    OfflineTest,
    Placeholder,
    Template,
    TemplateType,
    Text,
    Variable,
    VariableType,
)
from registry.ports.renderer import Renderer


def text(source: str, *variables: Variable, tests: tuple[OfflineTest, ...] = ()) -> Template:
    return Template(
        TemplateType.TEXT, variables={v.name: v for v in variables}, text=Text(source, "/text"), tests=tests
    )


def variable(name: str, type_: str = "string", **more: Json) -> Variable:
    return Variable(name, VariableType(type_), **more)


@pytest.fixture
async def renderer() -> AsyncIterator[ProcessRenderer]:
    async with ProcessRenderer(deadline=0.8) as pool:
        await pool.start()
        yield pool


BOMBS = {
    "list of strings": "{{ ['x'*100000]*100000 }}",
    "replace": "{{ ('x'*100000)|replace('x','y'*100000) }}",
    "doubling": "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s }}",
    "repeat": "{{ 'x' * 3000000000 }}",
    "literal in a loop": "{% for i in range(30000) %}" + "y" * 20_000 + "{% endfor %}",
    "loops": "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
    "join": "{{ (['x'*1000000]*1000)|join('y') }}",
    "nested lists": "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
    "indent": "{{ ('\n'*100000)|indent(1000, true, true) }}",
    "batch": "{% for i in range(999) %}{{ range(100000)|batch(1)|map('join', 'x'*100000)|list }}{% endfor %}",
    "escape": "{{ ('<' * 90000000)|escape }}",
}


async def test_bombs_are_stopped_and_the_next_rendering_works(renderer: Renderer) -> None:
    stopped = await asyncio.gather(
        *(renderer.render(text(bomb), {}, {}) for bomb in BOMBS.values()), return_exceptions=True
    )
    for name, outcome in zip(BOMBS, stopped, strict=True):
        assert isinstance(outcome, RenderLimit), (name, outcome)
        assert "[render-limit]" in outcome.message
    assert await renderer.render(text("ok"), {}, {}) == Rendered(text="ok")


async def test_recursion_is_a_failure(renderer: Renderer) -> None:
    with pytest.raises(RenderFailed, match="recursion"):
        await renderer.render(text("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), {}, {})
    circle = {TemplateName("a"): text('{% include "a" %}')}
    with pytest.raises(RenderFailed):
        await renderer.render(text('{% include "a" %}'), circle, {})


async def test_a_hostile_pattern_is_stopped_and_others_go_on(renderer: Renderer) -> None:
    template = text("{{ x }}", variable("x", pattern="^(a+)+$"))
    hostile = asyncio.create_task(renderer.render(template, {}, {"x": "a" * 40 + "b"}))
    await asyncio.sleep(0.05)
    assert (await renderer.render(text("ok"), {}, {})).text == "ok"
    with pytest.raises(RenderLimit, match="render-limit"):
        await hostile


async def test_render(renderer: Renderer) -> None:
    template = Template(
        TemplateType.CHAT,
        variables={"who": variable("who"), "history": variable("history", "messages")},
        messages=(
            Message("system", Text('{% include "p" %}{{ who }}\n', "/messages/0/content")),
            Placeholder("history"),
        ),
    )
    history = [{"role": "user", "content": [{"type": "image", "url": "https://a.example"}]}]
    rendered = await renderer.render(
        template, {TemplateName("p"): text("안녕 ")}, {"who": "김👍", "history": history, "z": 1}
    )
    assert rendered == Rendered(({"role": "system", "content": "안녕 김👍\n"}, *history), None, ("z",))


async def test_errors_come_through(renderer: Renderer) -> None:
    template = text("{{ a.b }}", variable("a", "object"))
    with pytest.raises(VariablesInvalid) as caught:
        await renderer.render(template, {}, {"a": 1})
    assert caught.value.problems == (("a", "must be an object, not a number"),)
    with pytest.raises(VariablesInvalid, match="is not declared"):
        await renderer.render(template, {}, {"a": {}, "b": 1}, strict=True)
    with pytest.raises(RenderFailed, match=r"`a\.b` is undefined"):
        await renderer.render(template, {}, {"a": {}})


async def test_values_that_no_json_could_carry_are_refused_not_fatal(renderer: Renderer) -> None:
    for value in ("\ud800", {"a": {1, 2}}, float("nan"), [b"x"]):
        with pytest.raises(VariablesInvalid):
            await renderer.render(
                text("{{ a }}", variable("a", "array" if isinstance(value, list) else "string")), {}, {"a": value}
            )


async def test_values_nested_too_deeply_are_refused_not_fatal(renderer: Renderer) -> None:
    for depth in (100, 100_000):
        deep: Json = []
        for _ in range(depth):
            deep = [deep]
        with pytest.raises(VariablesInvalid):
            await renderer.render(text("{{ a }}", variable("a", "array")), {}, {"a": deep})
        while deep:  # taken apart by hand: the interpreter would do it by recursion
            deep = deep.pop()


async def test_large_values_and_answers(renderer: Renderer) -> None:
    big = "가" * 1_000_000
    assert (await renderer.render(text("{{ a }}", variable("a")), {}, {"a": big})).text == big


async def test_offline_tests(renderer: Renderer) -> None:
    tests = (OfflineTest("good", {}, ({"contains": "x"},)), OfflineTest("bad", {}, ({"contains": "y"},)))
    results = await renderer.run_tests(text("x", tests=tests), {})
    assert [(result.name, result.passed) for result in results] == [("good", True), ("bad", False)]
    assert "'y'" in results[1].problems[0]
    assert list(await renderer.run_tests(text("x"), {})) == []


async def test_a_test_that_hits_a_limit_is_a_failed_test_and_the_others_run(renderer: Renderer) -> None:
    template = text(
        "{% if a %}" + BOMBS["doubling"] + "{% endif %}ok",
        variable("a", "boolean"),
        tests=(
            OfflineTest("first", {"a": False}, ({"equals": "ok"},)),
            OfflineTest("bomb", {"a": True}, ({"contains": "ok"},)),
            OfflineTest("expected", {"a": True}, ({"error": "render-limit"},)),
            OfflineTest("last", {"a": False}, ({"equals": "ok"},)),
        ),
    )
    results = await renderer.run_tests(template, {})
    assert [result.passed for result in results] == [True, False, True, True]
    assert "render-limit" in results[1].problems[0]


async def test_many_at_once(renderer: Renderer) -> None:
    template = text("{{ n }}", variable("n", "integer"))
    rendered = await asyncio.gather(*(renderer.render(template, {}, {"n": n}) for n in range(100)))
    assert [each.text for each in rendered] == [str(n) for n in range(100)]


async def test_a_full_queue_refuses() -> None:
    async with ProcessRenderer(processes=1, waiting=3) as pool:
        await pool.start()
        slow = text("{{ x }}", variable("x", pattern="^(a+)+$"))
        working = asyncio.create_task(pool.render(slow, {}, {"x": "a" * 40 + "b"}))
        await asyncio.sleep(0.02)  # from now on the only worker has enough to do
        results = await asyncio.gather(*(pool.render(text("x"), {}, {}) for _ in range(20)), return_exceptions=True)
        with pytest.raises(RenderLimit):
            await working
    assert [type(each) for each in results] == [Rendered] * 3 + [Unavailable] * 17


async def test_a_killed_worker_is_replaced(renderer: ProcessRenderer) -> None:
    for worker in renderer._idle:
        os.kill(worker.process.pid, signal.SIGKILL)
    failures = 0
    for _ in range(4):
        try:
            assert (await renderer.render(text("ok"), {}, {})).text == "ok"
        except RenderLimit:
            failures += 1
    assert failures <= 2


async def test_a_cancelled_call_leaves_no_answer_for_the_next(renderer: ProcessRenderer) -> None:
    slow = text("{{ x }}", variable("x", pattern="^(a+)+$"))
    for _ in range(3):
        task = asyncio.create_task(renderer.render(slow, {}, {"x": "a" * 40 + "b"}))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await renderer.render(text("mine"), {}, {})).text == "mine"


async def test_workers_have_a_clean_environment_and_little_memory(renderer: ProcessRenderer) -> None:
    for worker in renderer._idle:
        proc = Path(f"/proc/{worker.process.pid}")
        assert (proc / "environ").read_bytes() == b""
        assert {str(fd.readlink()) for fd in (proc / "fd").iterdir() if fd.name in {"1", "2"}} == {"/dev/null"}
        assert len(list((proc / "fd").iterdir())) <= 4
        (rss,) = [line for line in (proc / "status").read_text().splitlines() if line.startswith("VmRSS")]
        assert int(rss.split()[1]) < 25 * 1024
        (space,) = [line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max address space")]
        assert space.split()[3] == str(256 * 1024 * 1024)


async def test_close_ends_the_workers_and_later_calls_are_refused() -> None:
    pool = ProcessRenderer()
    await pool.start()
    workers = [worker.process for worker in pool._idle]
    await pool.close()
    assert all(process.poll() is not None for process in workers)
    with pytest.raises(Unavailable):
        await pool.render(text("x"), {}, {})


async def test_close_does_not_wait_for_who_is_at_work() -> None:
    pool = ProcessRenderer(processes=1, deadline=30)
    slow = text("{{ x }}", variable("x", pattern="^(a+)+$"))
    waiting = [asyncio.create_task(pool.render(slow, {}, {"x": "a" * 40 + "b"})) for _ in range(3)]
    await asyncio.sleep(0.4)
    begin = time.perf_counter()
    await pool.close()
    assert time.perf_counter() - begin < 5
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)


async def test_workers_that_do_not_start_are_not_tried_in_a_loop() -> None:
    pool = ProcessRenderer(memory=2**70)  # a limit that no system can set: the worker dies of it
    begin = time.perf_counter()
    for _ in range(50):
        with pytest.raises(Unavailable):
            await pool.render(text("x"), {}, {})
    assert time.perf_counter() - begin < 2
    assert pool._start_failures == 1
    with pytest.raises(Unavailable):
        await ProcessRenderer(memory=2**70).start()
    await pool.close()


def test_children_end_with_a_parent_that_is_killed() -> None:
    code = (
        "import asyncio, time\n"
        "from registry.adapters.local.render_pool import ProcessRenderer\n"
        "async def main():\n"
        "    pool = ProcessRenderer()\n"
        "    await pool.start()\n"
        "    print(*(w.process.pid for w in pool._idle), flush=True)\n"
        "    time.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(alive(pid) for pid in pids):
        time.sleep(0.02)
    assert not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_workers_of_a_large_parent_are_kept() -> None:
    """Linux lets a child's highest memory begin with its parent's: a server of 200 MiB must not replace each worker."""
    script = """if True:
        import asyncio
        from registry.adapters.local.render_pool import ProcessRenderer
        from registry.domain.template import Template, TemplateType, Text

        ballast = bytearray(b"x" * 220_000_000)

        async def main():
            async with ProcessRenderer(processes=1) as pool:
                await pool.start()
                before = [worker.process.pid for worker in pool._idle]
                await pool.render(Template(TemplateType.TEXT, text=Text("hello", "/text")), {}, {})
                assert [worker.process.pid for worker in pool._idle] == before

        asyncio.run(main())
        """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_works_under_uvloop_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    async def main() -> str | None:
        async with ProcessRenderer(processes=1, deadline=1) as pool:
            with pytest.raises(RenderLimit):
                await pool.render(text(BOMBS["doubling"]), {}, {})
            return (await pool.render(text("ok"), {}, {})).text

    assert uvloop.run(main()) == "ok"
    assert capfd.readouterr() == ("", "")


def test_the_clock_knows_its_zone() -> None:
    now = SystemClock().now()
    assert now.utcoffset() is not None
    assert abs(now.timestamp() - time.time()) < 5
