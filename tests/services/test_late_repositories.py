"""Repositories that are late are tried again soon, and only while they are."""

import asyncio

import pytest

from registry.domain.ids import RepositoryName
from registry.services import late_repositories
from registry.services.late_repositories import LateRepositories

ONE, TWO = RepositoryName("one"), RepositoryName("two")


async def test_who_is_late_is_due_soon_and_who_caught_up_meanwhile_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_repositories, "LATE_SECONDS", 0.05)
    late = LateRepositories()
    assert await late.due(0.1) == []
    late.add(TWO)
    late.add(ONE)
    assert await late.due(5.0) == [ONE, TWO]
    late.discard(ONE)
    assert await late.due(5.0) == [TWO]
    waiting = asyncio.create_task(late.due(5.0))
    await asyncio.sleep(0.01)
    late.discard(TWO)
    await asyncio.sleep(0.1)
    assert not waiting.done(), "nobody is late now, and the time is not over"
    late.add(ONE)
    assert await waiting == [ONE]
