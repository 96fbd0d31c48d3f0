"""What every keeper of pushers promises (``registry.ports.pushers.Pushers``): the first one stays."""

import asyncio

import pytest

from registry.adapters.sql import pushers as adapter
from registry.adapters.sql.engine import Database
from registry.adapters.sql.pushers import SqlPushers
from registry.domain.ids import CommitId, RepositoryName, UserName
from registry.ports.pushers import Pushers

HERE, THERE = RepositoryName("default"), RepositoryName("other")
KIM, LEE = UserName("kim"), UserName("이")
ONE, TWO, THREE = (CommitId(digit * 40) for digit in "abc")


@pytest.fixture
def pushers(database: Database) -> Pushers:
    return SqlPushers(database)


async def test_what_is_noted_is_told(pushers: Pushers) -> None:
    await pushers.note(HERE, {ONE: KIM, TWO: LEE})
    assert await pushers.of(HERE, [ONE, TWO, THREE]) == {ONE: KIM, TWO: LEE}
    assert await pushers.of(HERE, {TWO}) == {TWO: LEE}
    assert await pushers.of(HERE, []) == {}
    assert await pushers.of(THERE, [ONE, TWO]) == {}


async def test_the_first_one_stays(pushers: Pushers) -> None:
    await pushers.note(HERE, {ONE: KIM})
    await pushers.note(HERE, {ONE: LEE, TWO: LEE})
    await pushers.note(THERE, {ONE: LEE})
    assert await pushers.of(HERE, [ONE, TWO]) == {ONE: KIM, TWO: LEE}
    assert await pushers.of(THERE, [ONE]) == {ONE: LEE}


async def test_a_whole_history_is_noted_in_pieces(pushers: Pushers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "AT_ONCE", 7)
    history = {CommitId(f"{number:040x}"): KIM for number in range(50)}
    await pushers.note(HERE, history)
    await pushers.note(HERE, {})
    assert await pushers.of(HERE, history) == history


async def test_several_may_note_at_once(pushers: Pushers) -> None:
    history = [CommitId(f"{number:040x}") for number in range(200)]
    await asyncio.gather(
        *(pushers.note(HERE, dict.fromkeys(some, KIM)) for some in (history, history[::-1], history[50:150]))
    )
    assert len(await pushers.of(HERE, history)) == 200
