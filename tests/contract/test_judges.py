"""What everything promises that judges templates elsewhere, run against the worker processes."""

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from registry.adapters.local.judge_pool import ProcessJudges
from registry.adapters.local.worker_process import WorkerProcess
from registry.domain.errors import Unavailable
from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.judging import Case, judge, judge_file
from registry.ports.judging import Judges

TEXT = "schema: prompt/v1\ntype: text\n{more}text: {text}\n"
TESTED = TEXT.format(more="tests:\n  - name: greets\n    expect: [{contains: Hello}]\n", text="Hello")
FILES = {
    "partials/tone": TEXT.format(more="", text="Be kind"),
    "includes/one": TEXT.format(more="", text="\"{% include 'partials/tone' %}\""),
    "includes/none": TEXT.format(more="", text="\"{% include 'partials/none' %}\""),
    "broken/one": "schema: prompt/v1\ntype: [\n",
    "unused/one": TEXT.format(more="variables: {x: {type: string}}\n", text="Hello"),
    "tested/one": TESTED,
    "tested/korean": TESTED.replace("text: Hello", "text: Hello 안녕하세요"),
}


def cases_of(files: Mapping[str, str]) -> tuple[list[Case], dict[BlobId, bytes]]:
    bodies = {BlobId(hashlib.sha1(text.encode()).hexdigest()): text.encode() for text in files.values()}
    ids = {body: blob for blob, body in bodies.items()}
    graph = TemplateGraph(Change(TemplateName(n), ids[t.encode()], raw_includes(t.encode())) for n, t in files.items())
    return [(TemplateName(name), graph.closure(TemplateName(name))) for name in files], bodies


@pytest.fixture
async def judges() -> AsyncIterator[ProcessJudges]:
    pool = ProcessJudges(processes=2)
    yield pool
    await pool.close()


async def ready(judges: Judges) -> None:
    judges.prepare()
    async with asyncio.timeout(20):
        while judges.room() < 4:
            await asyncio.sleep(0.01)


def pids(judges: ProcessJudges) -> list[int]:
    return [worker.process.process.pid for worker in judges._workers]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def gone(numbers: Sequence[int]) -> bool:
    for _ in range(500):
        if not any(alive(pid) for pid in numbers):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_it_says_what_judging_here_says(judges: ProcessJudges) -> None:
    cases, bodies = cases_of(FILES)
    here = [judge(case, lambda name, blob: judge_file(name, bodies[blob])) for case in cases]
    await ready(judges)
    there = await judges.judge(cases, bodies, whole=True)
    assert [outcome for outcome, _ in there] == [checked.outcome for checked in here]
    assert [checked for _, checked in there] == [checked if checked.outcome.tested else None for checked in here]
    assert sum(checked is not None for _, checked in there) == 2
    assert [checked for _, checked in await judges.judge(cases, bodies, whole=False)] == [None] * len(cases)


async def test_batches_at_once_get_each_their_own_answer(judges: ProcessJudges) -> None:
    await ready(judges)

    async def one(number: int) -> bool:
        files = {f"many/n{number}x{i}": TEXT.format(more="", text=f"{number} {i} " + "x" * 3_000) for i in range(20)}
        cases, bodies = cases_of({**files, "unused/one": FILES["unused/one"]})
        answers = await judges.judge(cases, bodies, whole=True)
        tokens = [outcome.facts.tokens for outcome, _ in answers if outcome.facts]
        return len(answers) == len(tokens) == 21 and answers[-1][0].diagnostics != ()

    assert all(await asyncio.gather(*(one(number) for number in range(12))))


async def test_nobody_is_there_until_there_is_something_to_judge(judges: ProcessJudges) -> None:
    assert pids(judges) == []
    with pytest.raises(Unavailable):
        await judges.judge(*cases_of(FILES), whole=False)
    assert judges.room() == 0
    await asyncio.sleep(0.3)
    assert (pids(judges), judges.room()) == ([], 0), "asking for room started somebody"
    await ready(judges)
    assert len(pids(judges)) == 2


async def test_a_killed_worker_is_told_and_replaced(judges: ProcessJudges) -> None:
    await ready(judges)
    for pid in (killed := pids(judges)):
        os.kill(pid, signal.SIGSTOP)
    waiting = [asyncio.create_task(judges.judge(*cases_of(FILES), whole=False)) for _ in range(4)]
    await asyncio.sleep(0.05)
    assert judges.room() == 0
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    assert [type(answer) for answer in await asyncio.gather(*waiting, return_exceptions=True)] == [Unavailable] * 4
    await ready(judges)
    assert not set(killed) & set(pids(judges))
    assert len(await judges.judge(*cases_of(FILES), whole=False)) == len(FILES)


@pytest.mark.parametrize("answer", [b"cregistry.domain.judging\nGone\n.", b"cregistry.gone\nGone\n.", b"I1\n)R.", b"x"])
async def test_an_answer_that_cannot_be_read_is_a_lost_worker(judges: ProcessJudges, answer: bytes) -> None:
    """As after an upgrade beside a running server, whose new workers know other classes than it."""
    code = f"""if True:
        import socket
        from registry.adapters.local.worker_frames import frame, receive
        with socket.socket(fileno=0) as channel:
            while receive(channel) is not None:
                channel.sendall(frame({answer!r}))
    """
    await ready(judges)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    environment = {"PYTHONPATH": ":".join(sys.path)}
    with theirs, subprocess.Popen([sys.executable, "-c", code], stdin=theirs.fileno(), env=environment) as upgraded:
        worker = judges._workers[0]
        before, worker.process = worker.process, WorkerProcess(upgraded, ours)
        before.kill()
        with pytest.raises(Unavailable, match="cannot be read"):
            await judges.judge(*cases_of(FILES), whole=False)
        assert worker not in judges._workers
    await ready(judges)
    assert len(await judges.judge(*cases_of(FILES), whole=False)) == len(FILES)


async def test_a_cancelled_call_leaves_no_answer_for_the_next(judges: ProcessJudges) -> None:
    await ready(judges)
    for pid in pids(judges):
        os.kill(pid, signal.SIGSTOP)
    calls = [asyncio.create_task(judges.judge(*cases_of(FILES), whole=False)) for _ in range(2)]
    await asyncio.sleep(0.05)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await ready(judges)
    cases, bodies = cases_of({"one/only": FILES["unused/one"]})
    assert len(await judges.judge(cases, bodies, whole=False)) == 1


async def test_workers_end_when_there_is_nothing_to_do() -> None:
    judges = ProcessJudges(processes=1, idle=0.2)
    judges.prepare()
    async with asyncio.timeout(20):
        while not judges.room():
            await asyncio.sleep(0.01)
    numbers = pids(judges)
    await judges.judge(*cases_of(FILES), whole=False)
    assert await gone(numbers)
    assert pids(judges) == []
    await judges.close()


async def test_close_ends_workers_and_whoever_waits() -> None:
    judges = ProcessJudges(processes=2)
    await ready(judges)
    for pid in (numbers := pids(judges)):
        os.kill(pid, signal.SIGSTOP)
    waiting = asyncio.create_task(judges.judge(*cases_of(FILES), whole=False))
    await asyncio.sleep(0.05)
    await judges.close()
    with pytest.raises(Unavailable):
        await waiting
    assert await gone(numbers)
    judges.prepare()
    await asyncio.sleep(0)
    assert (judges._starting, judges.room()) == (set(), 0)


def test_workers_end_with_a_parent_that_is_killed() -> None:
    code = """if True:
        import asyncio, time
        from registry.adapters.local.judge_pool import ProcessJudges
        async def main():
            judges = ProcessJudges(processes=2)
            judges.prepare()
            while judges.room() < 4:
                await asyncio.sleep(0.01)
            print(*(w.process.process.pid for w in judges._workers), flush=True)
            time.sleep(60)
        asyncio.run(main())
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    with parent:
        assert parent.stdout is not None
        numbers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(numbers) == 2
        parent.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(alive(pid) for pid in numbers):
        time.sleep(0.02)
    assert not any(alive(pid) for pid in numbers)
