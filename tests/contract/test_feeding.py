"""A search index in the catalogue's own database is fed in the batch's transaction, and never overtakes the outbox."""

import asyncio
import time
from typing import NamedTuple

import pytest
from sqlalchemy import Connection

from registry.adapters.sql.engine import Database
from registry.adapters.sql.feeding import FED_AT_ONCE
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.signals import PostgresSignals
from registry.domain.catalogue import Fed
from registry.domain.errors import Unavailable
from registry.domain.search import Query
from registry.ports.projection import Outbox, Projection
from registry.ports.search_index import SearchIndex
from registry.services import feeding as feedings
from registry.services import followed_projection
from registry.services.feeding import Feeding
from registry.services.followed_projection import FollowedFeed
from registry.services.search_feed import SearchFeed
from tests.projected import History

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


class Store(NamedTuple):
    database: Database
    projection: Projection
    outbox: Outbox
    index: SearchIndex


@pytest.fixture
async def store(database: Database) -> Store:
    index = SqlSearchIndex(database)
    return Store(database, SqlProjection(database, index=index), SqlOutbox(database), index)


@pytest.fixture
async def history(store: Store) -> History:
    """A repository that has been projected and indexed."""
    history = History()
    assert await store.projection.apply(history.commit({"a": "text: apple", "b": "text: bread"}))
    await drain(store)
    return history


async def drain(store: Store) -> None:
    await SearchFeed(outbox=store.outbox, index=store.index).drain()


async def ask_for_a_short_index(store: Store) -> None:
    """As if another process had fed one of the two templates already."""
    await store.outbox.fill("default")
    await store.outbox.done([entry for entry in await store.outbox.pending() if entry.name == "a"])


async def found(store: Store, text: str) -> list[str]:
    return [hit.name for hit in (await store.index.search(Query("default", text, limit=100))).hits]


async def test_a_small_batch_is_searchable_when_it_is_written(store: Store, history: History) -> None:
    assert not await store.projection.apply(history.commit({"a": "text: cherry", "c": "text: date"}))
    assert await store.outbox.depth() == 0
    assert (await found(store, "cherry"), await found(store, "date")) == (["a"], ["c"])
    assert await found(store, "apple") == []


async def test_what_is_deleted_or_renamed_leaves_the_index_with_the_batch(store: Store, history: History) -> None:
    assert not await store.projection.apply(history.commit({"a": None, "d": "text: apple", "b": None}))
    assert await found(store, "") == ["d"]


async def test_a_large_batch_waits_in_the_outbox(store: Store, history: History) -> None:
    many = {f"many/{number}": "text: apple" for number in range(FED_AT_ONCE + 1)}
    assert await store.projection.apply(history.commit(many))
    assert await found(store, "apple") == ["a"]
    assert await store.outbox.depth() == len(many)
    assert await store.projection.apply(history.commit({"a": "text: cherry"})), "it must not overtake"
    await drain(store)
    assert len(await found(store, "apple")) == len(many)
    assert await found(store, "cherry") == ["a"]


async def test_a_new_index_has_what_was_written_while_it_was_filled(store: Store, history: History) -> None:
    await store.outbox.fill("default")
    assert await store.projection.apply(history.commit({"new": "text: date"}))
    await drain(store)
    assert await found(store, "") == ["a", "b", "new"]
    assert not await store.projection.apply(history.commit({"newer": "text: elder"}))
    assert await found(store, "elder") == ["newer"]


async def test_an_index_that_fails_leaves_the_catalogue_whole_and_is_told_again(
    store: Store, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    def lose(connection: Connection) -> None:
        index = connection.exec_driver_sql("SELECT max(id) FROM search_indexes").scalar_one()
        connection.exec_driver_sql(f"DROP TABLE search_text_{index}")

    await store.database.write(lose)
    batch = history.commit({"a": "text: cherry"})
    assert await store.projection.apply(batch)
    assert "could not be fed with a" in caplog.text
    checkpoint = await store.projection.checkpoint("default")
    assert checkpoint is not None
    assert checkpoint.commit == batch.commit
    assert [entry.name for entry in await store.outbox.pending()] == ["a"]


async def test_without_an_index_beside_it_everything_goes_by_the_outbox(store: Store, history: History) -> None:
    elsewhere = SqlProjection(store.database)
    assert await elsewhere.apply(history.commit({"a": "text: cherry"}))
    assert await found(store, "cherry") == []
    await drain(store)
    assert await found(store, "cherry") == ["a"]


async def test_a_short_index_never_takes_the_place_of_the_old_one_and_is_filled_again(
    store: Store, history: History
) -> None:
    await ask_for_a_short_index(store)
    with pytest.raises(Unavailable, match=r"default has 1 documents where 2 are expected.* old one stays"):
        await drain(store)
    assert await found(store, "") == ["a", "b"]
    assert await store.outbox.depth() == 4, "all of it waits again: RENEW, two templates, SWAP"
    await drain(store)
    assert (await found(store, ""), await store.outbox.depth()) == (["a", "b"], 0)


async def test_a_rebuild_tries_again_by_itself_where_another_process_fed_beside_it(
    store: Store, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedings, "RETRY_SECONDS", 0.01)
    feeding = Feeding([SearchFeed(outbox=store.outbox, index=store.index)])
    await ask_for_a_short_index(store)
    await feeding.drain(tries=2)
    assert (await found(store, ""), await store.outbox.depth()) == (["a", "b"], 0)
    await ask_for_a_short_index(store)
    with pytest.raises(Unavailable):
        await feeding.drain()


async def test_while_a_rebuild_waits_for_its_next_try_others_feed(
    store: Store, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedings, "RETRY_SECONDS", 60.0)
    feeding = Feeding([SearchFeed(outbox=store.outbox, index=store.index)])
    await ask_for_a_short_index(store)
    rebuild = asyncio.create_task(feeding.drain(tries=2))
    while not any(entry.name == "a" for entry in await store.outbox.pending()):
        await asyncio.sleep(0.01)  # it has found the new index short, and all waits again
    assert await waited(feeding) < 2.0
    assert (await found(store, ""), await store.outbox.depth()) == (["a", "b"], 0)
    rebuild.cancel()
    await asyncio.gather(rebuild, return_exceptions=True)


async def test_two_who_feed_begin_one_new_index(store: Store, history: History) -> None:
    """A rebuild by command beside a server: both read the same entries, and one is done before the other begins."""
    await store.outbox.fill("default")
    read, *_ = await store.outbox.pending()
    feed = SearchFeed(outbox=store.outbox, index=store.index)
    await store.index.renew("default")
    await store.outbox.done([read])
    (a,) = [entry for entry in await store.outbox.pending() if entry.name == "a"]
    await store.index.put(await store.outbox.documents([a]))
    await store.outbox.done([a])
    await feed._feed(read.kind, [read])
    await drain(store)
    assert await found(store, "") == ["a", "b"]


async def test_what_still_waits_is_not_missed_in_a_new_index(store: Store, history: History) -> None:
    await store.outbox.fill("default")
    assert await store.projection.apply(history.commit({"a": "text: cherry", "c": "text: date"}))
    assert await store.outbox.fed_at_least("default") == 0
    upto_swap = await store.outbox.pending(3)
    assert [entry.kind.value for entry in upto_swap][-1] == "swap"
    await drain(store)
    assert await found(store, "") == ["a", "b", "c"]
    assert await store.outbox.fed_at_least("default") == 3


async def waited(feeding: Feeding) -> float:
    """How long a write waits for its search index."""
    began = time.monotonic()
    feeding.start()
    await feeding.wait()
    return time.monotonic() - began


async def test_elsewhere_only_what_is_urgent_is_waited_for_and_the_rest_where_that_is_late(
    store: Store, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_projection, "FED_SECONDS", 0.5)
    monkeypatch.setattr(feedings, "RETRY_SECONDS", 0.05)
    signals, engine = PostgresSignals(NOWHERE), SqlOutbox(store.database, fed=Fed.ENGINE)
    own, whole = (FollowedFeed(outbox=each, signals=signals) for each in (store.outbox, engine))
    feeding = Feeding([own, whole], FollowedFeed(outbox=engine, signals=signals, texts=False))
    await store.outbox.fill("default")
    assert await waited(feeding) < 0.4, "the catalogue's own full text may wait"
    await engine.fill("default")
    assert await waited(feeding) >= 1.0, "the engine is late, and its stead, too"
    assert await waited(feeding) < 0.4, "both are known to be late"
    await engine.done(await engine.pending())
    async with asyncio.timeout(5):
        while feeding._asked() is not feeding._urgent:
            await asyncio.sleep(0.05)
    assert await waited(feeding) < 0.4, "the other one is late still"
    await feeding.close()


async def test_an_index_that_is_fed_elsewhere_is_waited_for_once_while_nobody_feeds_it(
    store: Store, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_projection, "FED_SECONDS", 1.5)
    monkeypatch.setattr(feedings, "RETRY_SECONDS", 0.05)
    feeding = Feeding([FollowedFeed(outbox=store.outbox, signals=PostgresSignals(NOWHERE))])
    assert await waited(feeding) < 1.2, "nothing waits"
    await store.outbox.fill("default")
    assert await waited(feeding) >= 1.5
    assert [await waited(feeding) < 1.0 for _ in range(3)] == [True] * 3, "it is known to be late"
    assert await feeding.catch_up(["default"]), "whoever feeds it sees to that"

    await drain(store)
    async with asyncio.timeout(5):
        while (runner := feeding._runners[0]).late:
            await asyncio.sleep(0.05)
    assert not runner.tasks
    await store.outbox.fill("default")
    waiting = asyncio.create_task(feeding.wait())  # asked for by nobody here: a replica's reader
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await drain(store)
    await waiting
    assert not runner.late
    await feeding.close()
