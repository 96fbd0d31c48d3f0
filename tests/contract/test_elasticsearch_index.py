"""What Elasticsearch's index does besides what every search index does: generations, versions, failures."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from registry.adapters.elasticsearch.cluster import Cluster
from registry.adapters.elasticsearch.search_index import ElasticsearchSearchIndex
from registry.adapters.elasticsearch.writing import REFRESHED_AT_MOST
from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.domain.catalogue import Checkpoint, SearchDocument
from registry.domain.errors import Unavailable
from registry.domain.search import Query
from tests.indexes import delete_indexes, namespace
from tests.projected import History, plain_facts


class Engine(NamedTuple):
    index: ElasticsearchSearchIndex
    cluster: Cluster
    namespace: str
    database: Database

    async def indexes(self) -> dict[str, set[str]]:
        found = await self.cluster.call("GET", f"/{self.namespace}@*/_alias")
        return {name: {alias.rpartition("@")[2] for alias in each["aliases"]} for name, each in found.items()}

    async def page(self, text: str = "word") -> tuple[list[str], bool]:
        page = await self.index.search(Query("default", text))
        return [hit.name for hit in page.hits], page.degraded


@pytest.fixture
async def engine(catalogue_path: Path) -> AsyncIterator[Engine]:
    database = await Database.open(catalogue_path)
    async with namespace() as (cluster, name):
        yield Engine(index_in(cluster, name, database), cluster, name, database)
    await database.close()


def index_in(cluster: Cluster, namespace: str, database: Database) -> ElasticsearchSearchIndex:
    return ElasticsearchSearchIndex(cluster, namespace=namespace, templates=SqlTemplateIndex(database))


def document(name: str, body: str = "word", ordinal: int = 1) -> SearchDocument:
    return SearchDocument("default", name, ordinal, plain_facts(), body)


async def numbers(engine: Engine, at: Checkpoint | None) -> tuple[list[tuple[str, int | None]], bool]:
    page = await engine.index.search(Query("default", "word"), at)
    return [(hit.name, hit.latest) for hit in page.hits], page.degraded


async def fill(engine: Engine, *names: str) -> None:
    await engine.index.renew("default")
    await engine.index.put([document(name) for name in names])
    await engine.index.swap("default", len(names))


async def test_a_late_writer_loses_against_a_delete(engine: Engine) -> None:
    await engine.index.put([document("a", ordinal=3), document("b")])
    await engine.index.delete("default", ["a"], 5)
    await engine.index.put([document("a", ordinal=4)])
    assert await engine.page() == (["b"], True)
    await engine.index.put([document("a", ordinal=5)])
    assert await engine.page() == (["a", "b"], True)


async def test_many_documents_too_are_found_and_gone_when_they_were_put_and_deleted(engine: Engine) -> None:
    await fill(engine)
    (name,) = await engine.indexes()
    never = {"index": {"refresh_interval": "-1"}}  # else a busy machine's second would do it
    await engine.cluster.call("PUT", f"/{name}/_settings", never)
    names = [f"t{number}" for number in range(REFRESHED_AT_MOST + 50)]
    await engine.index.put([document(name) for name in names])
    assert (await engine.index.search(Query("default", "word"))).total == len(names)
    await engine.index.delete("default", names[1:], 2)
    assert await engine.page() == (["t0"], False)


async def test_what_comes_after_an_index_was_lost_is_never_taken_for_all(engine: Engine) -> None:
    await fill(engine, "a", "b")
    assert await engine.page() == (["a", "b"], False)
    assert not (await engine.index.suggest("default", "a", 5)).degraded
    await delete_indexes(engine.cluster, engine.namespace)
    await another(engine).put([document("a", ordinal=2)])
    # At once: this one has not looked again whether the index is there.
    assert await engine.page() == (["a"], True)
    assert await engine.page("nowhere") == ([], True)
    suggested = await engine.index.suggest("default", "a", 5)
    assert ([each.name for each in suggested.found], suggested.degraded) == (["a"], True)
    page = await engine.index.search(Query("default", "word", versions=True))
    assert ([hit.name for hit in page.hits], page.degraded) == (["a"], True)
    await fill(engine, "a", "b")
    assert await engine.page() == (["a", "b"], False)
    assert sorted(map(sorted, (await engine.indexes()).values())) == [["default", "write"]]


async def test_the_index_before_is_kept_for_a_cycle_and_strays_are_swept(engine: Engine) -> None:
    await fill(engine, "a")
    first = set(await engine.indexes())
    await engine.index.renew("default")  # given up
    await fill(engine, "a", "b")
    second = await engine.indexes()
    assert sorted(map(sorted, second.values())) == [["default", "write"], ["old"]]
    assert first < set(second)
    await fill(engine, "a", "b", "c")
    third = await engine.indexes()
    assert len(third) == 2
    assert not first & set(third)
    assert await engine.page() == (["a", "b", "c"], False)


async def test_who_begins_beside_another_does_not_sweep_what_that_is_about_to_fill(engine: Engine) -> None:
    for _ in range(3):
        renewing = [each.renew("default") for each in (engine.index, another(engine), another(engine))]
        done = await asyncio.gather(*renewing, return_exceptions=True)
        assert None in done
        assert all(each is None or isinstance(each, Unavailable) for each in done), done
        assert list((await engine.indexes()).values()) == [{"write"}], "those that were given up are gone"
    await engine.index.put([document("a")])
    await engine.index.swap("default", 1)
    assert await engine.page() == (["a"], False)


async def test_an_index_that_was_opened_stays_where_only_the_answer_was_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(engine, "a")
    call = engine.cluster.call

    async def lost(method: str, path: str, *given: Any, **more: Any) -> Any:
        answer = await call(method, path, *given, **more)
        if path == "/_aliases":
            raise Unavailable("Elasticsearch did not answer.")
        return answer

    monkeypatch.setattr(engine.cluster, "call", lost)
    with pytest.raises(Unavailable):
        await engine.index.renew("default")
    monkeypatch.undo()
    await engine.index.put([document("a", ordinal=2), document("b")])
    await engine.index.swap("default", 2)
    assert await engine.page() == (["a", "b"], False)


async def test_what_was_just_begun_is_nobody_elses_to_sweep(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    call, other = engine.cluster.call, another(engine)

    async def interrupted(method: str, path: str, body: object = None, **more: Any) -> Any:
        if path == "/_aliases":  # the index is there, and has yet to be the one that documents go to
            monkeypatch.setattr(engine.cluster, "call", call)
            await other.renew("default")
        return await call(method, path, body, **more)

    monkeypatch.setattr(engine.cluster, "call", interrupted)
    await engine.index.renew("default")
    await fill(engine, "a")
    assert await engine.page() == (["a"], False)


async def test_an_index_that_another_process_is_about_to_sweep_is_not_searched(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(engine, "a")
    await engine.index.renew("default")
    await engine.index.put([document("a", ordinal=2), document("b")])
    call, swapped, sweeping = engine.cluster.call, asyncio.Event(), asyncio.Event()
    renewing: list[asyncio.Task[None]] = []

    async def interrupted(method: str, path: str, *given: Any, **more: Any) -> Any:
        if method == "DELETE":
            sweeping.set()
            await swapped.wait()
        elif path == "/_aliases" and not renewing:  # the one that is to be searched has lost its name meanwhile
            renewing.append(asyncio.create_task(another(engine).renew("default")))
            await sweeping.wait()
        return await call(method, path, *given, **more)

    monkeypatch.setattr(engine.cluster, "call", interrupted)
    with pytest.raises(Unavailable):
        await engine.index.swap("default", 2)
    swapped.set()
    await renewing[0]
    assert await engine.page() == (["a"], False)
    await engine.index.put([document("a", ordinal=2), document("b")])
    await engine.index.swap("default", 2)
    assert await engine.page() == (["a", "b"], False)
    assert sorted(map(sorted, (await engine.indexes()).values())) == [["default", "write"], ["old"]]


async def test_what_a_killed_process_only_began_is_swept_when_it_is_old(engine: Engine) -> None:
    for seconds in (0, 3600):
        begun = {"aliases": {f"{engine.namespace}@default@begun": {}}}
        name = f"{engine.namespace}@default@{time.time_ns() - seconds * 10**9:x}abcd"
        await engine.cluster.call("PUT", f"/{name}", begun)
    await engine.index.renew("default")
    assert sorted(map(list, (await engine.indexes()).values())) == [["begun"], ["write"]]


async def test_of_two_that_make_the_first_index_at_once_one_makes_it(engine: Engine) -> None:
    others = [another(engine) for _ in range(3)]
    for repository in ("one", "two"):
        puts = [each.put([replace(document("a"), repository=repository)]) for each in others]
        done = await asyncio.gather(*puts, return_exceptions=True)
        assert all(each is None or isinstance(each, Unavailable) for each in done), done
        for each in others:  # what failed is tried again
            await each.put([replace(document("b"), repository=repository)])
        assert [hit.name for hit in (await others[0].search(Query(repository, "word"))).hits] == ["a", "b"]
        names = [name for name in await engine.indexes() if f"@{repository}@" in name]
        assert len(names) == 1


def another(engine: Engine) -> ElasticsearchSearchIndex:
    """The same index as another process sees it."""
    return index_in(engine.cluster, engine.namespace, engine.database)


async def test_an_index_that_is_being_filled_is_not_refreshed_or_copied_until_it_serves(engine: Engine) -> None:
    await engine.index.renew("default")
    (name,) = await engine.indexes()
    filling = await settings(engine, name)
    assert (filling["refresh_interval"], filling["number_of_replicas"]) == ("-1", "0")
    await engine.index.put([document("a")])
    await engine.index.swap("default", 1)
    serving = await settings(engine, name)
    assert (serving["refresh_interval"], serving["auto_expand_replicas"]) == ("1s", "0-1")


async def settings(engine: Engine, name: str) -> dict[str, str]:
    return (await engine.cluster.call("GET", f"/{name}/_settings"))[name]["settings"]["index"]


async def test_an_index_that_was_lost_says_that_it_is_not_whole_until_it_is_filled_again(engine: Engine) -> None:
    assert await engine.page() == ([], True)
    assert await engine.index.whole("default") is None
    await fill(engine, "a", "b")
    assert await engine.page() == (["a", "b"], False)
    assert await engine.index.whole("default") == 2
    await delete_indexes(engine.cluster, engine.namespace)
    assert await engine.page() == ([], True)
    await engine.index.put([document("c")])
    assert await engine.page() == (["c"], True)
    assert await engine.index.whole("default") is None
    await fill(engine, "a", "b", "c")
    assert await engine.page() == (["a", "b", "c"], False)


async def test_an_index_that_takes_nothing_is_said_to_lack_something(engine: Engine) -> None:
    """As the engine does by itself at its flood-stage watermark; it may lift the block by itself, half a minute on."""

    async def block(value: bool | None) -> None:
        settings = {"index.blocks.read_only_allow_delete": value}
        await engine.cluster.call("PUT", f"/{engine.namespace}@default/_settings", settings)
        await asyncio.sleep(1.1)  # so long an index is believed to be as it was

    await fill(engine, "a", "b")
    assert await engine.page() == (["a", "b"], False)
    assert not (await engine.index.suggest("default", "a", 5)).degraded
    await block(True)
    with pytest.raises(Unavailable):
        await engine.index.put([document("c")])
    assert await engine.page() == (["a", "b"], True)
    assert (await engine.index.suggest("default", "a", 5)).degraded
    assert await engine.index.whole("default") == 2, "it need not be filled anew"
    await block(None)
    await engine.index.put([document("c")])
    assert await engine.page() == (["a", "b", "c"], False)


async def test_an_index_of_old_texts_that_was_lost_is_missed_too(engine: Engine) -> None:
    back = Query("default", "word", versions=True)
    old = SearchDocument("default", "a", 1, plain_facts(), "word", version=1)
    await engine.index.renew("default")
    await engine.index.put([document("a", "now"), old])
    await engine.index.swap("default", 1)
    page = await engine.index.search(back)
    assert ([(hit.name, hit.version) for hit in page.hits], page.degraded) == ([("a", 1)], False)
    for index in await engine.cluster.call("GET", f"/{engine.namespace}~*/_alias"):
        await engine.cluster.call("DELETE", f"/{index}")
    assert await engine.index.whole("default") is None
    page = await engine.index.search(back)
    assert (page.hits, page.degraded) == ((), True)
    assert not (await engine.index.search(Query("default", "now"))).degraded, "of templates as they are nothing is lost"
    await engine.index.put([old])
    assert (await engine.index.search(back)).degraded, "others may be missing"
    assert await engine.index.whole("default") is None


async def test_no_namespace_has_what_another_keeps_old_texts_in(engine: Engine) -> None:
    other = index_in(engine.cluster, f"{engine.namespace}-versions", engine.database)
    await engine.index.renew("default")
    await engine.index.put([document("a"), SearchDocument("default", "a", 1, plain_facts(), "word", version=1)])
    await engine.index.swap("default", 1)
    page = await other.search(Query("default", "word"))
    assert (page.hits, page.degraded) == ((), True)


async def test_repositories_whose_names_begin_alike_keep_apart(engine: Engine) -> None:
    for repository in ("a", "a.b", "a-b", "a_b"):
        await engine.index.renew(repository)
        await engine.index.put([SearchDocument(repository, "t", 1, plain_facts(), "word")])
        await engine.index.swap(repository, 1)
    assert len(await engine.indexes()) == 4
    for repository in ("a", "a.b", "a-b", "a_b"):
        assert (await engine.index.search(Query(repository, "word"))).total == 1


async def test_an_engine_that_is_away_is_unavailable_without_its_address(engine: Engine) -> None:
    away = Cluster("http://somebody:secret@127.0.0.1:9")
    index = index_in(away, "x", engine.database)
    try:
        with pytest.raises(Unavailable) as raised:
            await index.search(Query("default", "word"))
        assert "secret" not in raised.value.message
        for call in (index.put([document("a")]), index.renew("default"), index.swap("default", 0)):
            with pytest.raises(Unavailable):
                await call
    finally:
        await away.close()


async def test_of_several_parts_that_fail_none_is_left_unasked(engine: Engine) -> None:
    away, told = Cluster("http://127.0.0.1:9"), list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    index = index_in(away, "x", engine.database)
    try:
        for _ in range(20):  # whether two fail in the same moment is up to the loop
            with pytest.raises(Unavailable):
                await index.put([SearchDocument(name, "t", 1, plain_facts(), "word") for name in ("a", "b", "c")])
        gc.collect()
        await asyncio.sleep(0)
        assert told == []
    finally:
        await away.close()


async def test_a_catalogue_that_is_away_leaves_hits_without_numbers(engine: Engine, catalogue_path: Path) -> None:
    await fill(engine, "a")
    await engine.database.close()
    assert await numbers(engine, None) == ([("a", None)], True)


async def test_what_the_catalogue_says_of_a_hit_is_kept_for_its_checkpoint(engine: Engine) -> None:
    projection, history = SqlProjection(engine.database), History()

    async def commit(text: str) -> Checkpoint | None:
        await projection.apply(history.commit({"a": text, "b": text}))
        return await projection.checkpoint("default")

    first = await commit("1")
    await engine.index.put([document("a")])
    await engine.index.swap("default", 1)
    assert await numbers(engine, first) == ([("a", 1)], True)
    second = await commit("2")
    assert await numbers(engine, first) == ([("a", 1)], True), "as of the checkpoint that was asked for"
    assert await numbers(engine, None) == ([("a", 2)], True)
    assert await numbers(engine, second) == ([("a", 2)], True)
    await engine.index.put([document("b")])
    assert await numbers(engine, second) == ([("a", 2), ("b", 2)], True)
    third = await commit("3")
    await engine.database.close()
    assert await numbers(engine, second) == ([("a", 2), ("b", 2)], True)
    assert await numbers(engine, third) == ([("a", None), ("b", None)], True)
