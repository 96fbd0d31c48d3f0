"""Whoever leads the projection goes on leading, whatever breaks one of its pieces of work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from indexer import lead
from registry.bootstrap import Registry, open_registry
from registry.domain.ids import RepositoryName
from registry.ports.signals import Told
from registry.settings import Settings
from tests.pushing import REPOSITORY

PATIENCE = 20.0
HINTED = RepositoryName("hinted")
"""Not one on disk, whose refs are watched too."""


class Leading:
    """Leads at once, or breaks as often as it is told to; counts how often it led."""

    def __init__(self) -> None:
        self.times = 0
        self.breaking = 0
        self.lost = asyncio.Event()

    @contextlib.asynccontextmanager
    async def lead(self) -> AsyncIterator[asyncio.Event]:
        if self.breaking:
            self.breaking -= 1
            raise RuntimeError("asking for the lead broke")
        self.times += 1
        self.lost = asyncio.Event()
        yield self.lost


class Hints:
    """Tells what a test puts in; listening breaks as often as it is told to."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[RepositoryName | None] = asyncio.Queue()
        self.breaking = 0

    @contextlib.asynccontextmanager
    async def hints(self) -> AsyncIterator[Told]:
        if self.breaking:
            self.breaking -= 1
            raise RuntimeError("listening broke")
        yield self._each()

    async def _each(self) -> AsyncIterator[RepositoryName | None]:
        while True:
            yield await self.told.get()


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(Settings(data=tmp_path, render_workers=1, reconcile_seconds=300)) as opened:
        opened.git.create(REPOSITORY)
        yield opened


@contextlib.asynccontextmanager
async def led(registry: Registry, leading: Leading, hints: Hints) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(lead.run(registry, leading, hints))  # type: ignore[arg-type]  # hints are all it hears
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: "asyncio.Event") -> None:
    async with asyncio.timeout(PATIENCE):
        await condition.wait()


async def test_a_hint_that_fails_in_an_unknown_way_is_logged_and_the_next_is_followed(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poked = asyncio.Event()

    async def poke(repository: RepositoryName) -> None:
        if repository == "odd":
            raise RuntimeError("nobody has thought of this")
        if repository == HINTED:
            poked.set()

    monkeypatch.setattr(registry.indexing, "poke", poke)
    leading, hints = Leading(), Hints()
    async with led(registry, leading, hints):
        hints.told.put_nowait(RepositoryName("odd"))
        hints.told.put_nowait(HINTED)
        await until(poked)
    assert leading.times == 1
    assert "nobody has thought of this" in caplog.text


async def test_what_broke_off_is_logged_and_begins_again_while_leadership_stays(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("registry.background.AGAIN_SECONDS", 0.01)
    poked = asyncio.Event()

    async def poke(repository: RepositoryName) -> None:
        if repository == HINTED:
            poked.set()

    monkeypatch.setattr(registry.indexing, "poke", poke)
    leading, hints = Leading(), Hints()
    hints.breaking = 2
    hints.told.put_nowait(HINTED)
    async with led(registry, leading, hints):
        await until(poked)
    assert leading.times == 1
    assert caplog.text.count("following hints broke off and begins again") == 2


async def test_who_cannot_ask_for_the_lead_asks_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("registry.background.AGAIN_SECONDS", 0.01)
    leading, hints = Leading(), Hints()
    leading.breaking = 2
    async with led(registry, leading, hints), asyncio.timeout(PATIENCE):
        while not leading.times:
            await asyncio.sleep(0.01)
    assert caplog.text.count("leading the projection broke off and begins again") == 2


async def test_who_loses_leadership_waits_for_it_again(registry: Registry) -> None:
    leading, hints = Leading(), Hints()
    async with led(registry, leading, hints):
        async with asyncio.timeout(PATIENCE):
            while leading.times < 1:
                await asyncio.sleep(0.01)
            leading.lost.set()
            while leading.times < 2:
                await asyncio.sleep(0.01)
