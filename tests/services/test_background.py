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
