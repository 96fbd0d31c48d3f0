"""What every event log promises, run against the one in SQLite: all of the past in order, none of another history."""

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.event_log import SqlEventLog
from registry.adapters.sql.projection import SqlProjection
from registry.domain.events import BEGINNING, Position, RefProjected, read_position
from registry.ports.events import EventLog
from tests.projected import BROKEN, History

KOREAN = "고객지원/환불"


@pytest.fixture
def log(database: Database) -> EventLog:
    return SqlEventLog(database)


@pytest.fixture
def projection(database: Database) -> SqlProjection:
    return SqlProjection(database)


async def told(log: EventLog, position: Position = BEGINNING, limit: int = 100) -> list[tuple[str, ...]]:
    """Everything but the ends of commits, shortly."""
    found = await log.since("default", position, limit)
    assert found is not None
    return [
        (str(each.position).partition("-")[0], each.event.type, each.event.name)  # type: ignore[attr-defined]
        for each in found
        if not isinstance(each.event, RefProjected)
    ]


async def test_nothing_has_happened_in_a_repository_that_nobody_knows(log: EventLog) -> None:
    assert await log.head("default") == BEGINNING
    assert await log.since("default", BEGINNING, 10) == []
    assert await log.since("default", Position(3, commit="0" * 12), 10) is None


async def test_everything_is_told_in_the_order_in_which_it_happened(log: EventLog, projection: SqlProjection) -> None:
    history = History()
    await projection.apply(history.commit({"b": "1", "a": '{% include "b" %}', KOREAN: "1"}))
    await projection.apply(history.commit({"b": BROKEN, KOREAN: None}, labels={("production", "a"): 1}))
    await projection.apply(history.commit({"a": None, "c": '{% include "b" %}'}, labels={("production", "a"): None}))
    assert await told(log) == [
        ("1.1", "template_changed", "a"),
        ("1.2", "template_changed", "b"),
        ("1.3", "template_changed", KOREAN),
        ("2.1", "template_removed", KOREAN),
        ("2.2", "template_changed", "a"),
        ("2.3", "template_changed", "b"),
        ("2.4", "label_moved", "a"),
        ("3.1", "template_moved", "a"),
        ("3.2", "template_changed", "c"),
        ("3.3", "label_dropped", "a"),
    ]


async def test_events_say_what_changed(log: EventLog, projection: SqlProjection) -> None:
    history = History()
    await projection.apply(history.commit({"b": "1", "a": '{% include "b" %}'}))
    await projection.apply(history.commit({"b": BROKEN}, labels={("production", "a"): 1}))
    await projection.apply(history.commit({"a": None}, labels={("production", "a"): None}))
    by_place = {str(each.position).partition("-")[0]: each.event for each in await log.since("default", BEGINNING, 99)}  # type: ignore[union-attr]
    changed, broken, moved = by_place["2.1"], by_place["2.2"], by_place["2.3"]
    assert (changed.version, changed.valid, changed.cause) == (2, True, "b")  # type: ignore[attr-defined]
    assert (broken.version, broken.valid, broken.cause) == (2, False, None)  # type: ignore[attr-defined]
    assert (moved.label, moved.old, moved.new) == ("production", None, 1)  # type: ignore[attr-defined]
    assert by_place["3.1"].last_version == 2  # type: ignore[attr-defined]
    assert by_place["3.2"].old == 1  # type: ignore[attr-defined]
    assert (by_place["3"].commit, by_place["3"].ref) == (history.tip, "refs/heads/main")  # type: ignore[attr-defined]


async def test_every_position_leads_on_to_the_next_event(log: EventLog, projection: SqlProjection) -> None:
    history = History()
    for number in range(3):
        files = {"b": str(number), "a": '{% include "b" %}', f"new{number}": "1"}
        await projection.apply(history.commit(files, labels={("production", "b"): number + 1}))
    whole = await log.since("default", BEGINNING, 100)
    assert whole is not None
    for at, each in enumerate(whole):
        again = read_position(str(each.position))
        assert again is not None
        assert await log.since("default", again, 100) == whole[at + 1 :]
    assert whole[-1].position == await log.head("default")
    assert (await log.head("default")).commit == history.tip


async def test_too_many_events_are_not_told(log: EventLog, projection: SqlProjection) -> None:
    history = History()
    await projection.apply(history.commit({"a": "1", "b": "1"}))
    await projection.apply(history.commit({"a": "2", "b": "2"}))
    assert len(await log.since("default", BEGINNING, 6) or []) == 6
    assert await log.since("default", BEGINNING, 5) is None
    within = (await log.since("default", BEGINNING, 6) or [])[0].position
    assert len(await log.since("default", within, 5) or []) == 5
    assert await log.since("default", within, 4) is None


async def test_a_position_of_another_history_is_void(log: EventLog, projection: SqlProjection) -> None:
    history, rewritten = History(), History(seed="rewritten")
    await projection.apply(history.commit({"a": "1"}))
    await projection.apply(history.commit({"a": "2"}))
    position = await log.head("default")
    first = rewritten.commit({"a": "1"}, replay=True, final=False)
    await projection.apply(first)
    assert await log.since("default", position, 10) == [], "a staged build is not seen"
    await projection.apply(rewritten.commit({"a": "3"}, replay=True))
    assert await log.since("default", position, 10) is None
    assert len(await told(log)) == 2, "and nothing of the old one is left"


async def test_a_rebuild_of_the_same_history_keeps_every_position(log: EventLog, projection: SqlProjection) -> None:
    for history in (History(), History()):
        first = history.commit({"a": "1"}, replay=True, final=False)
        await projection.apply(first)
        await projection.apply(history.commit({"a": None}, replay=True))
        whole = await log.since("default", BEGINNING, 10) or []
        assert [str(each.position)[:3] for each in whole] == [
            "1.1",
            "1-" + first.commit[0],
            "2.1",
            f"2-{history.tip[0]}",
        ]  # type: ignore[index]
        assert await log.since("default", Position(1, 1, first.commit[:12]), 10) == whole[1:]


@pytest.mark.parametrize("text", ["0", "7-9c1f0a6d3b7e", "7.3-9c1f0a6d3b7e"])
def test_a_position_is_read_back(text: str) -> None:
    assert str(read_position(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1", "-1", "0-9c1f0a6d3b7e", "7.0-9c1f0a6d3b7e", "7-9C1F0A6D3B7E", "7-9c1f", "７-9c1f0a6d3b7e", "7\n"]
)
def test_what_is_no_position_is_not_taken_for_one(text: str) -> None:
    assert read_position(text) is None
