"""Duties beside answering: one that ends is told of at once, and begins again."""

import asyncio

import pytest

from registry import background
from registry.background import lasting, on_and_on, running


@pytest.mark.parametrize("how", ["fails", "returns"])
async def test_a_duty_that_ends_is_logged_at_once_and_begins_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(background, "AGAIN_SECONDS", 0.02)
    begun: asyncio.Queue[int] = asyncio.Queue()
    ended = asyncio.Event()

    async def duty() -> None:
        await begun.put(1)
        if begun.qsize() == 1 and not ended.is_set():
            if how == "fails":
                raise RuntimeError("a driver's own")
            return
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with on_and_on("the duty", duty), asyncio.timeout(5):
        while begun.qsize() < 2:
            await asyncio.sleep(0.01)
        told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(told) == 1
        assert "the duty" in told[0]
    assert ended.is_set(), "it ends with its context"


async def test_work_that_fails_is_told_of_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise RuntimeError("a driver's own")

    async def beside() -> None:
        async with running(work()):
            await asyncio.sleep(0.05)
            told.extend(record.levelname for record in caplog.records if record.name == "registry.background")

    told: list[str] = []
    with pytest.raises(RuntimeError):
        await beside()
    assert told == ["ERROR"]


async def test_what_may_end_is_over_where_it_ends_and_not_where_it_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "AGAIN_SECONDS", 0.01)
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)
        if len(begun) == 1:
            raise OSError("the first time")

    async with asyncio.timeout(5):
        await lasting("the work", work, may_end=True)
    assert len(begun) == 2


@pytest.mark.parametrize("ends", ["by itself", "in an error"])
async def test_who_is_cancelled_while_work_takes_leave_is_cancelled(ends: str) -> None:
    """An indexer that lost leadership waits for what it has begun: a signal to end must get through meanwhile."""
    leaving = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            leaving.set()
            await asyncio.sleep(0.2)
            if ends == "in an error":
                raise RuntimeError("a driver's own")

    async def outer() -> None:
        async with running(work()):
            await asyncio.sleep(0.01)
        await asyncio.sleep(60)

    task = asyncio.create_task(outer())
    await leaving.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.sleep(0.3)


async def test_an_error_under_way_is_not_replaced_by_that_of_the_work() -> None:
    async def work() -> None:
        raise RuntimeError("the work's")

    async def outer() -> None:
        async with running(work()):
            await asyncio.sleep(0.01)
            raise ValueError("the body's")

    with pytest.raises(ValueError, match="the body's"):
        await outer()
