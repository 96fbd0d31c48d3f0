"""A large checkout is judged by other processes; the findings are those of this one, to the last."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence

import pytest

from registry.adapters.local.judge_pool import ProcessJudges
from registry.adapters.local.render_pool import ProcessRenderer
from registry.domain.ids import BlobId
from registry.services import checkout as module
from registry.services.checking import MANY
from registry.services.checkout import Checkout
from registry.services.checkout_changes import Base, check_changes
from tests.pushing import text_template

TESTED = "tests:\n  - name: greets\n    variables: {{name: Ada}}\n    expect: [{{contains: {word}}}]\n"
KINDS = (
    text_template("Hello {{ name }}"),
    text_template("Hello {{ nmae }}"),
    text_template('{% include "partials/tone" %} {{ name }}'),
    text_template('{% include "partials/none" %} {{ name }}'),
    "schema: prompt/v1\ntype: [\n",
    text_template("Hello {{ name }}") + TESTED.format(word="Hello"),
    text_template('{% include "partials/tone" %} {{ name }}') + TESTED.format(word="Goodbye"),
    text_template("Hello {{ name }}") + "status: deprecated\nreplaced_by: nowhere\n",
    text_template("Hello {{ name }} ghp_" + "a1B2" * 9),
)
MOST = 400


def files(count: int = MOST) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {
        f"prompts/many/t{number:03}.prompt.yaml": (KINDS[number % len(KINDS)] + f"# {number}\n").encode()
        for number in range(count)
    }
    return found | {
        "prompts/partials/tone.prompt.yaml": text_template("kind", variables="{}").encode(),
        "prompts/MANY/t000.prompt.yaml": KINDS[0].encode(),
        "prompts/link.prompt.yaml": None,
        "labels/production/many.yaml": b"t000: 1\nnobody: 2\n",
        ".registry.yaml": b"schema: registry/v1\nlimits: {tokens: 5, unknown: 1}\n",
    }


@pytest.fixture
async def judges() -> AsyncIterator[ProcessJudges]:
    pool = ProcessJudges(processes=2)
    yield pool
    await pool.close()


@pytest.fixture
async def renderer() -> AsyncIterator[ProcessRenderer]:
    pool = ProcessRenderer(processes=2, deadline=10)
    yield pool
    await pool.close()


async def ready(judges: ProcessJudges) -> None:
    judges.prepare()
    async with asyncio.timeout(60):
        while judges.room() < 4:
            await asyncio.sleep(0.01)


def pids(judges: ProcessJudges) -> Sequence[int]:
    return [worker.process.process.pid for worker in judges._workers]


@pytest.mark.parametrize("together", [module.TOGETHER, 90])
async def test_findings_are_the_same_wherever_they_are_found(
    judges: ProcessJudges, renderer: ProcessRenderer, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOGETHER", together)
    here = await Checkout(files()).judge(files(), renderer=renderer)
    await ready(judges)
    told: list[tuple[int, int]] = []
    checkout = Checkout(files(), judges=judges)
    there = await checkout.judge(files(), renderer=renderer, progress=lambda *done: told.append(done))
    assert there == here
    assert {"test-failed", "secret", "include-missing", "replaced-by-nowhere", "file-mode", "name-collision"} <= {
        each.rule for each in there.diagnostics
    }
    assert told == sorted(told)
    assert (told[-1], len(told)) == ((len(files()), len(files())), -(-len(files()) // together))
    assert await Checkout(files(), judges=judges).run_tests(files(), renderer) == await Checkout(files()).run_tests(
        files(), renderer
    )


async def test_killed_workers_change_nothing(judges: ProcessJudges) -> None:
    many = files(2_000)
    here = await Checkout(many).judge(many)
    await ready(judges)
    judging = asyncio.create_task(Checkout(many, judges=judges).judge(many))
    killed: set[int] = set()
    while not judging.done():
        for pid in pids(judges):
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.01)
    assert await judging == here
    assert killed, "nobody was there to be killed"


async def test_few_files_start_nobody(judges: ProcessJudges) -> None:
    few = files(MANY - 8)
    assert (await Checkout(few, judges=judges).judge(few)).templates > MANY - 8
    assert (pids(judges), judges._starting) == ([], set())


async def test_changes_are_judged_the_same(judges: ProcessJudges, renderer: ProcessRenderer) -> None:
    before = Checkout({path: data and data.replace(b"Hello", b"Hi") for path, data in files().items()})
    narrow = {
        path: data and data.replace(b"{type: string}", b"{type: string, max_length: 9}")
        for path, data in files().items()
    }
    bodies = {path: data for path, data in before.files.items() if data is not None}
    blobs: dict[str, BlobId] = {path: blob for path in bodies if (blob := before.blob(path)) is not None}
    base = Base("main", blobs, bodies, ())
    here = await check_changes(Checkout(narrow), base, narrow, renderer=renderer)
    there = await check_changes(Checkout(narrow, judges=judges), base, narrow, renderer=renderer)
    assert there == here
    assert sum(each.rule == "breaking-change" for each in here.diagnostics) > MOST / 4
