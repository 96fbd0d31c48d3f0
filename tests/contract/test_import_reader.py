"""What everything promises that reads uploads elsewhere, run against the worker processes."""

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from registry.adapters.local.import_reader import ProcessImportReader
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.importing.files import SourceFile, read_files
from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.plans import plan_import


def export(versions: int, text: str = "Hallo {{이름}}, {{name}}") -> list[SourceFile]:
    entries = [
        {"name": "chat/환불", "version": number, "type": "text", "prompt": f"{text} {number}", "labels": []}
        for number in range(1, versions + 1)
    ]
    return [SourceFile("export.json", json.dumps(entries).encode(), "export.json")]


def children() -> set[int]:
    """Of all threads of this process."""
    return {int(pid) for each in Path("/proc/self/task").glob("*/children") for pid in each.read_text().split()}


async def one_more(before: set[int]) -> int:
    async with asyncio.timeout(20):
        while not (children() - before):
            await asyncio.sleep(0.01)
    return (children() - before).pop()


@pytest.mark.parametrize(
    "files",
    [
        export(3),
        [
            SourceFile("ask.prompty", b"---\nname: ask\n---\nsystem:\nBe kind\n", "ask.prompty"),
            SourceFile("README.md", b"About", "README.md"),
        ],
        [SourceFile("lines/a.md", "안녕하세요 {{x}}".encode(), "a.md"), SourceFile("b.prompt", b"---\n---\nHi", "b")],
    ],
)
async def test_a_plan_is_that_of_this_process(files: Sequence[SourceFile]) -> None:
    found = read_files(files, None)
    planned = await ProcessImportReader().plan(files, None, "moved/")
    assert planned == (plan_import(found.prompts, "moved/"), found.left_out)


async def test_what_cannot_be_read_is_said_in_the_same_words() -> None:
    files = [SourceFile("export.json", b'{"data": [', "export.json")]
    with pytest.raises(SourceUnreadable) as here:
        read_files(files, None)
    with pytest.raises(SourceUnreadable) as there:
        await ProcessImportReader().plan(files, None, "")
    assert str(there.value) == str(here.value)


@pytest.mark.parametrize(
    ("reader", "files"),
    [
        (ProcessImportReader(deadline=1), export(60_000)),
        (ProcessImportReader(memory=160 * 1_048_576), export(4, "x" * 16_000_000)),
    ],
    ids=["time", "memory"],
)
async def test_too_much_is_told_and_the_next_one_is_read(
    reader: ProcessImportReader, files: Sequence[SourceFile]
) -> None:
    with pytest.raises(BadRequest, match="Send fewer at a time"):
        await reader.plan(files, None, "")
    plans, _ = await reader.plan(export(2), None, "")
    assert [len(plan.steps) for plan in plans] == [2]


async def test_a_killed_process_is_told_and_leaves_nobody_waiting() -> None:
    reader, before = ProcessImportReader(), children()
    reading = asyncio.create_task(reader.plan(export(60_000), None, ""))
    os.kill(await one_more(before), signal.SIGKILL)
    with pytest.raises((BadRequest, Unavailable)):
        await reading
    assert (await reader.plan(export(1), None, ""))[0][0].name == "chat/환불"


async def test_a_caller_that_went_away_leaves_no_process() -> None:
    reader, before = ProcessImportReader(), children()
    reading = asyncio.create_task(reader.plan(export(60_000), None, ""))
    await one_more(before)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with asyncio.timeout(20):
        while children() - before:
            await asyncio.sleep(0.01)


async def test_a_mistake_of_ours_is_no_fault_of_the_files() -> None:
    with pytest.raises(RuntimeError, match="reading an upload failed"):
        await ProcessImportReader().plan([SourceFile("x.json", None, "x.json")], None, "")  # type: ignore[arg-type]  # the mistake


async def test_nobody_waits_for_longer_than_the_patience() -> None:
    reader = ProcessImportReader(patience=0.2)
    reading = asyncio.create_task(reader.plan(export(20_000), None, ""))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="Try again"):
        await reader.plan(export(1), None, "")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert len((await reader.plan(export(1), None, ""))[0]) == 1


async def test_many_plans_come_whole_and_in_order() -> None:
    entries = [
        {"name": f"p/{n}", "version": 1, "type": "text", "prompt": "x" * (n * 60), "labels": []} for n in range(300)
    ]
    files = [SourceFile("export.json", json.dumps(entries).encode(), "export.json")]
    planned = await ProcessImportReader().plan(files, None, "")
    assert planned == (plan_import(read_files(files, None).prompts), ())


async def test_few_wait_and_others_are_told_to_come_back() -> None:
    reader = ProcessImportReader(waiting=1)
    both = [asyncio.create_task(reader.plan(export(1), None, "")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="Try again"):
        await reader.plan(export(1), None, "")
    assert [len(plans) for plans, _ in await asyncio.gather(*both)] == [1, 1]
