"""Searching with a search engine beside the catalogue: fed, fallen back from, healed, kept."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import orjson
import pytest
from typer.testing import CliRunner

from api.answer_cache import AnswerCache
from api.cli import app
from api.list_bodies import search_answer, suggestions
from registry.adapters.elasticsearch.cluster import Cluster
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.bootstrap import Registry, open_registry
from registry.domain.catalogue import Checkpoint
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search import Query, SearchPage
from registry.domain.selectors import Selector
from registry.ports.projection import Outbox
from registry.ports.search_index import CountedSearchIndex
from registry.services.search import Search
from registry.settings import Settings
from tests.backing import elasticsearch_url
from tests.indexes import delete_indexes, namespace
from tests.lines import Line, line_to
from tests.pushing import AUTHOR, REPOSITORY, Pusher, text_template

T = "prompts/{}.prompt.yaml"
PATIENCE = 20.0

Open = Callable[..., AbstractAsyncContextManager[Registry]]


@pytest.fixture
async def space() -> AsyncIterator[tuple[Cluster, str]]:
    async with namespace() as made:
        yield made


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with line_to(elasticsearch_url()) as opened:
        yield opened


@pytest.fixture
def with_engine(tmp_path: Path, line: Line, space: tuple[Cluster, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("registry.services.feeding.RETRY_SECONDS", 0.1)
    monkeypatch.setattr("registry.services.feeding.LATER_SECONDS", 0.0)
    monkeypatch.setattr("registry.adapters.elasticsearch.cluster.SEARCH_SECONDS", 10.0)  # the machine may be busy
    return Settings(
        data=tmp_path / "data", render_workers=1, elasticsearch_url=line.url, namespace=space[1], reconcile_seconds=60
    )


@pytest.fixture
async def registry(with_engine: Settings) -> AsyncIterator[Registry]:
    async with open_registry(with_engine) as opened:
        opened.git.create(REPOSITORY)
        yield opened


async def search(registry: Registry, text: str, **more: object) -> SearchPage:
    return await registry.search.search(Query(REPOSITORY, text, **more))  # type: ignore[arg-type]


async def names(registry: Registry, text: str) -> tuple[list[str], bool]:
    page = await search(registry, text)
    return [hit.name for hit in page.hits], page.degraded


async def until(registry: Registry, text: str, wanted: tuple[list[str], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while (found := await names(registry, text)) != wanted:
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)


async def test_what_is_pushed_is_found_by_the_engine_and_verify_looks_at_both(
    registry: Registry, pusher: Pusher, space: tuple[Cluster, str]
) -> None:
    await pusher.land({T.format("a"): text_template("apple")})
    await pusher.land({T.format("b"): text_template("apple pie")})
    await until(registry, "apple", (["a", "b"], False))
    page = await search(registry, "pie")
    assert [(hit.name, hit.latest) for hit in page.hits] == [("b", 1)]
    assert await registry.verifying.verify(REPOSITORY) == []
    cluster, name = space
    for index in await cluster.call("GET", f"/{name}@*/_alias"):
        body = {"query": {"match_all": {}}, "sort": ["sort_key"]}
        first = (await cluster.call("POST", f"/{index}/_search", body))["hits"]["hits"][0]["_id"]
        await cluster.call("DELETE", f"/{index}/_doc/{first}", params={"refresh": "true"})
    assert "a is missing in the search index." in await registry.verifying.verify(REPOSITORY)


async def test_verify_looks_at_old_texts_too(registry: Registry, pusher: Pusher, space: tuple[Cluster, str]) -> None:
    for text in ("apple", "banana", "apple", "cherry"):
        await pusher.land({T.format("a"): text_template(text), T.format("b"): text_template(f"{text} pie")})
    await pusher.land({T.format("b"): None, T.format("c"): text_template("cherry pie")})
    assert await registry.verifying.verify(REPOSITORY) == []
    await registry.indexing.rebuild(REPOSITORY)
    assert await registry.verifying.verify(REPOSITORY) == []
    cluster, name = space
    alias = f"/{name}~versions@{REPOSITORY}"
    hits = (await cluster.call("POST", f"{alias}/_search", {"size": 100}))["hits"]["hits"]
    (hit,) = [hit for hit in hits if (hit["_source"]["name"], hit["_source"]["version"]) == ("a", 2)]
    await cluster.call("DELETE", f"/{hit['_index']}/_doc/{hit['_id']}", params={"refresh": "true"})
    missing = "The old text of a v2 is missing in the search index."
    assert await registry.verifying.verify(REPOSITORY) == [missing]
    here = {
        "PROMPTUARY_DATA": str(registry.settings.data),
        "PROMPTUARY_ELASTICSEARCH_URL": elasticsearch_url(),
        "PROMPTUARY_NAMESPACE": name,
    }
    told = await asyncio.to_thread(CliRunner(env=here).invoke, app, ["index", "verify"])
    assert (told.exit_code, told.output.splitlines()[1:]) == (
        1,
        [f"  {missing}", "Make the indexes anew with: promptuary index rebuild"],
    )
    rebuilt = await asyncio.to_thread(CliRunner(env=here).invoke, app, ["index", "rebuild"])
    assert rebuilt.exit_code == 0, rebuilt.output
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_the_catalogue_answers_while_the_engine_is_away_and_it_catches_up(
    registry: Registry, pusher: Pusher, line: Line
) -> None:
    await pusher.land({T.format("a"): text_template("apple")})
    await until(registry, "apple", (["a"], False))
    await line.cut()
    assert await names(registry, "apple") == (["a"], True)
    await pusher.land({T.format("b"): text_template("apple")})
    assert await names(registry, "apple") == (["a", "b"], True)
    await line.mend()
    await until(registry, "apple", (["a", "b"], False))
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_an_engine_that_is_back_is_asked_when_it_has_what_it_missed(
    registry: Registry, pusher: Pusher, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pusher.land({T.format("apple"): text_template("apple")})
    await until(registry, "apple", (["apple"], False))
    monkeypatch.setattr("registry.services.feeding.RETRY_SECONDS", 600.0)
    await line.cut()
    await pusher.land({T.format("apple-pie"): text_template("apple")})
    both = ["apple", "apple-pie"]
    assert await names(registry, "apple") == (both, True)
    await line.mend()
    assert await names(registry, "apple") == (both, True), "it answers again, and has not got all"
    suggested = await registry.search.suggest(REPOSITORY, "app", 5)
    assert ([each.name for each in suggested.found], suggested.degraded) == (both, True)
    await registry.indexing.reconcile()
    assert await names(registry, "apple") == (both, False)


class Stumbling:
    """An index whose first answer does not come in time; one that has only such answers is away."""

    def __init__(self, stumbles: float = 1) -> None:
        self._left = stumbles

    async def search(self, query: Query, at: Checkpoint | None = None) -> SearchPage:
        if self._left > 0:
            self._left -= 1
            raise Unavailable("no answer within 800 ms")
        return SearchPage((), 7, {})


async def test_an_engine_that_was_slow_is_asked_once_more_where_nobody_else_is_there() -> None:
    engine, away = cast("CountedSearchIndex", Stumbling()), cast("CountedSearchIndex", Stumbling(math.inf))
    unasked = cast("Outbox", None)
    page = await Search(index=engine, outbox=unasked, fallback=away).search(Query(REPOSITORY, "apple"))
    assert (page.total, page.degraded) == (7, True)
    with pytest.raises(Unavailable):
        await Search(index=away, outbox=unasked, fallback=away).search(Query(REPOSITORY, "apple"))


async def test_what_is_alike_of_some_folders_says_the_catalogue() -> None:
    """The engine knows of all documents alone which words are rare."""
    engine, catalogue = cast("CountedSearchIndex", Stumbling(math.inf)), cast("CountedSearchIndex", Stumbling(0))
    search = Search(index=engine, outbox=cast("Outbox", None), fallback=catalogue)
    some = Query(REPOSITORY, "", like="support/a", sight=Sight(("support",)))
    for query in (some, replace(some, cursor="of the catalogue")):
        page = await search.search(query)
        assert (page.total, page.degraded) == (7, False)
    assert (await search.search(replace(some, sight=EVERYTHING))).degraded


async def test_suggestions_of_the_catalogue_say_so(
    registry: Registry, pusher: Pusher, line: Line, space: tuple[Cluster, str]
) -> None:
    await pusher.land({T.format("apple"): text_template("a"), T.format("apple-pie"): text_template("b")})
    await until(registry, "apple", (["apple", "apple-pie"], False))

    async def suggested(text: str) -> tuple[list[str], bool]:
        made = await registry.search.suggest(REPOSITORY, text, 5)
        return [each.name for each in made.found], made.degraded

    assert [await suggested(text) for text in ("app", " ")] == [(["apple", "apple-pie"], False), ([], False)]
    await line.cut()
    assert await suggested("app") == (["apple", "apple-pie"], True)
    await line.mend()
    await until(registry, "apple", (["apple", "apple-pie"], False))
    await delete_indexes(*space)
    await until(registry, "apple", (["apple", "apple-pie"], True))
    assert await suggested("pie") == (["apple-pie"], True), "an index that was lost has nothing to suggest"
    await registry.indexing.reconcile()
    await until(registry, "apple", (["apple", "apple-pie"], False))
    assert await suggested("pie") == (["apple-pie"], False)


async def test_what_nobody_waits_for_is_fed_later_or_when_it_is_needed(
    registry: Registry, pusher: Pusher, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pusher.land({T.format("a"): text_template("apple")})
    await registry.indexing.reconcile()
    monkeypatch.setattr("registry.services.feeding.LATER_SECONDS", 60.0)
    await pusher.land({T.format("a"): text_template("banana"), T.format("b"): text_template("apple")})
    assert await names(registry, "apple") == (["b"], False)
    waiting = await registry.indexing.waiting()
    assert waiting == 3, "the old text, and both templates for the catalogue's own full text"
    await line.cut()
    await pusher.land({T.format("c"): text_template("apple")})
    assert await names(registry, "apple") == (["b", "c"], True)
    await line.mend()
    await registry.indexing.reconcile()
    found = (await search(registry, "apple", versions=True)).hits
    assert [(hit.name, hit.version) for hit in found] == [("b", None), ("c", None), ("a", 1)]


async def test_what_is_fed_later_is_fed_before_the_process_ends(
    with_engine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.services.feeding.LATER_SECONDS", 60.0)
    async with open_registry(with_engine) as opened:
        opened.git.create(REPOSITORY)
        await Pusher(opened).land({T.format("a"): text_template("apple")})
        await opened.indexing.reconcile()
        await Pusher(opened).land({T.format("a"): text_template("banana")})
        assert await opened.indexing.waiting()
    async with open_registry(with_engine) as again:
        assert not await again.indexing.waiting()


async def test_an_engine_that_is_slow_costs_a_reader_its_deadline_and_then_nothing(
    registry: Registry, pusher: Pusher, line: Line
) -> None:
    await pusher.land({T.format("a"): text_template("apple")})
    await until(registry, "apple", (["a"], False))
    registry.search._index._cluster.search_seconds = 1.0  # type: ignore[attr-defined]
    line.stall()
    for _ in range(4):
        started = time.monotonic()
        assert await names(registry, "apple") == (["a"], True)
        took = time.monotonic() - started
        assert took < 4
    assert took < 1, "the breaker is open"
    line_is_back = asyncio.create_task(line.mend())
    await line_is_back
    await until(registry, "apple", (["a"], False))


async def test_a_write_does_not_wait_for_an_engine_that_is_slow(
    registry: Registry, pusher: Pusher, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pusher.land({T.format("a"): text_template("apple")})
    await until(registry, "apple", (["a"], False))
    monkeypatch.setattr("registry.services.feeding.FEEDING_SECONDS", 600.0)
    monkeypatch.setattr("registry.services.writes.PROJECTION_SECONDS", 600.0)
    line.stall()
    async with asyncio.timeout(PATIENCE):
        source = text_template("apple pie").encode()
        written = await registry.edits.put(REPOSITORY, "b", source, actor=AUTHOR, if_none_match="*")
        assert (await registry.templates.read(REPOSITORY, "b", Selector())).commit == written.commit
    assert await registry.indexing.waiting(), "the engine has not got it"
    await line.mend()
    await registry.indexing.fed()
    assert await names(registry, "apple") == (["a", "b"], False)


async def test_an_index_that_was_lost_is_known_and_made_anew(
    registry: Registry, pusher: Pusher, space: tuple[Cluster, str]
) -> None:
    await pusher.land({T.format("a"): text_template("apple")})
    await until(registry, "apple", (["a"], False))
    await delete_indexes(*space)
    await until(registry, "apple", (["a"], True))
    await pusher.land({T.format("b"): text_template("apple")})
    await until(registry, "apple", (["a", "b"], True))
    await registry.indexing.keep_fed()
    assert (await names(registry, "apple"))[1], "nothing is looked at before everything was projected once"
    await registry.indexing.reconcile()
    await until(registry, "apple", (["a", "b"], False))
    assert await registry.verifying.verify(REPOSITORY) == []
    await delete_indexes(*space)
    await registry.indexing.keep_fed()
    await until(registry, "apple", (["a", "b"], False))


async def test_nothing_is_missed_of_a_repository_without_commits(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    await registry.indexing.reconcile()
    await registry.indexing.keep_fed()
    assert "the search index of" not in caplog.text


async def test_an_index_of_old_texts_that_was_lost_is_known_and_made_anew(
    registry: Registry, pusher: Pusher, space: tuple[Cluster, str]
) -> None:
    cluster, name = space
    await pusher.land({T.format("a"): text_template("apple")})
    await pusher.land({T.format("a"): text_template("cherry")})
    await until(registry, "cherry", (["a"], False))

    async def old() -> tuple[list[int | None], bool]:
        page = await search(registry, "apple", versions=True)
        return [hit.version for hit in page.hits], page.degraded

    await registry.indexing.reconcile()
    assert await old() == ([1], False)
    for index in await cluster.call("GET", f"/{name}~*/_alias"):
        await cluster.call("DELETE", f"/{index}")
    end = time.monotonic() + PATIENCE
    while (found := await old()) != ([1], True):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)
    assert await names(registry, "cherry") == (["a"], False)
    await registry.indexing.keep_fed()
    while (found := await old()) != ([1], False):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)


async def test_an_index_that_lacks_documents_is_made_anew(
    registry: Registry, pusher: Pusher, space: tuple[Cluster, str]
) -> None:
    await pusher.land({T.format("a"): text_template("apple"), T.format("b"): text_template("apple")})
    await until(registry, "apple", (["a", "b"], False))
    cluster, name = space
    body = {"query": {"match_all": {}}}
    hits = (await cluster.call("POST", f"/{name}@default/_search", body))["hits"]["hits"]
    await cluster.call("DELETE", f"/{hits[0]['_index']}/_doc/{hits[0]['_id']}", params={"refresh": "true"})
    await registry.indexing.reconcile()
    await until(registry, "apple", (["a", "b"], False))


async def test_an_engine_that_is_set_later_gets_everything(with_engine: Settings, space: tuple[Cluster, str]) -> None:
    alone = with_engine.model_copy(update={"elasticsearch_url": None})
    async with open_registry(alone) as registry:
        registry.git.create(REPOSITORY)
        await Pusher(registry).land({T.format("a"): text_template("apple")})
    async with open_registry(with_engine) as registry:
        assert await names(registry, "apple") == (["a"], True)
        await registry.indexing.reconcile()
        await until(registry, "apple", (["a"], False))
    async with open_registry(alone) as registry:  # the engine is not told of this
        await Pusher(registry).land({T.format("a"): text_template("cherry")})
    async with open_registry(with_engine) as registry:
        await registry.indexing.reconcile()
        await until(registry, "cherry", (["a"], False))
        assert await registry.verifying.verify(REPOSITORY) == []


async def test_the_engine_answers_while_the_catalogue_is_away(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("a"): text_template("apple")})
    await until(registry, "apple", (["a"], False))
    known = await registry.indexing.checkpoint(REPOSITORY)
    await registry.search._fallback._database.close()  # type: ignore[union-attr]
    for seen in (None, known):
        page = await registry.search.search(Query(REPOSITORY, "apple"), seen)
        assert ([(hit.name, hit.latest) for hit in page.hits], page.degraded) == ([("a", None)], True)


async def test_searches_of_an_emptied_catalogue_say_so(registry: Registry, pusher: Pusher) -> None:
    answers = AnswerCache(max_bytes=0, stamp=registry.indexing.checkpoint)

    async def answered(text: str) -> tuple[list[str], bool]:
        made = await search_answer(registry, answers, Query(REPOSITORY, text))
        body = orjson.loads(made.body)
        return [hit["name"] for hit in body["hits"]], body["degraded"]

    assert await answered("apple") == ([], False), "nothing is missing of a repository without commits"
    await pusher.land({T.format("apple"): text_template("apple")})
    await registry.indexing.reconcile()
    answers.bump(REPOSITORY)
    assert (await answered("apple"), await answered("pear")) == ((["apple"], False), ([], False))
    await registry.indexing._projection.drop(REPOSITORY)
    answers.bump(REPOSITORY)
    assert (await answered("apple"), await answered("pear")) == ((["apple"], True), ([], True))
    suggested = await suggestions(registry, answers, REPOSITORY, "app", 5, EVERYTHING)
    assert ([each.name for each in suggested.found], suggested.degraded) == (["apple"], True)


async def test_the_catalogue_says_where_its_own_full_text_is_still_to_come(with_engine: Settings) -> None:
    async with open_registry(with_engine.model_copy(update={"elasticsearch_url": None})) as registry:
        registry.git.create(REPOSITORY)

        async def asked() -> tuple[bool, bool]:
            return (await names(registry, "apple"))[1], (await registry.search.suggest(REPOSITORY, "app", 5)).degraded

        await Pusher(registry).land({"README.md": "No template"})
        await registry.indexing.reconcile()
        assert await asked() == (False, False), "there is nothing to find"
        await Pusher(registry).land({T.format("apple"): text_template("apple")})
        index = registry.search._index
        assert isinstance(index, SqlSearchIndex)
        await index.forget(REPOSITORY)  # as a catalogue that was emptied
        await registry.search._outbox.fill(REPOSITORY)
        assert await asked() == (True, True), "what was read waits to be indexed"
        await registry.indexing.reconcile()
        assert (await names(registry, "apple"), await asked()) == ((["apple"], False), (False, False))
        await registry.indexing._projection.drop(REPOSITORY)
        await index.forget(REPOSITORY)  # the same
        assert await asked() == (True, True), "nothing is read"


async def test_pages_go_on_where_they_began(registry: Registry, pusher: Pusher, line: Line) -> None:
    await pusher.land({T.format(f"t{n}"): text_template("apple") for n in range(4)})
    await until(registry, "apple", ([f"t{n}" for n in range(4)], False))
    first = await search(registry, "apple", limit=3)
    await line.cut()
    with pytest.raises(Unavailable, match="begin again without a cursor"):
        await search(registry, "apple", limit=3, cursor=first.next_cursor)
    began = await search(registry, "apple", limit=3)
    await line.mend()
    await until(registry, "apple", ([f"t{n}" for n in range(4)], False))
    rest = await search(registry, "apple", limit=3, cursor=began.next_cursor)
    assert ([hit.name for hit in rest.hits], rest.degraded) == (["t3"], True)
    with pytest.raises(BadRequest, match="cursor"):
        await search(registry, "apple", limit=3, cursor="nonsense")


async def test_answers_are_kept_for_a_checkpoint(registry: Registry, pusher: Pusher, line: Line) -> None:
    await pusher.land({T.format("a"): text_template("apple")})
    query = Query(REPOSITORY, "apple")
    await until(registry, "apple", (["a"], False))
    while (await registry.indexing.status(REPOSITORY))[0].outbox:
        await asyncio.sleep(0.05)
    seen = await registry.indexing.checkpoint(REPOSITORY)
    page = await registry.search.search(query, seen)
    await line.cut()
    assert await registry.search.search(query, seen) is page
    assert (await registry.search.search(query)).degraded
    await pusher.land({T.format("b"): text_template("apple")})
    after = await registry.indexing.checkpoint(REPOSITORY)
    degraded = await registry.search.search(query, after)
    assert ([hit.name for hit in degraded.hits], degraded.degraded) == (["a", "b"], True)
    await line.mend()
    await until(registry, "apple", (["a", "b"], False))
    assert not (await registry.search.search(query, after)).degraded, "what was degraded is not kept"


async def test_answers_are_kept_for_those_alone_who_see_the_same(
    registry: Registry, pusher: Pusher, line: Line
) -> None:
    await pusher.land({T.format(f"{folder}/apple"): text_template(f"apple {folder}") for folder in ("a", "b")})
    await until(registry, "apple", (["a/apple", "b/apple"], False))
    while (await registry.indexing.status(REPOSITORY))[0].outbox:
        await asyncio.sleep(0.05)
    at = await registry.indexing.checkpoint(REPOSITORY)
    sights = {EVERYTHING: ["a/apple", "b/apple"], Sight(("a",)): ["a/apple"], Sight(("b",)): ["b/apple"]}
    kept = {}
    for sight, found in sights.items():
        kept[sight] = await registry.search.search(Query(REPOSITORY, "apple", sight=sight), at)
        assert ([hit.name for hit in kept[sight].hits], kept[sight].total) == (found, len(found))
    await line.cut()
    for sight, found in sights.items():
        assert await registry.search.search(Query(REPOSITORY, "apple", sight=sight), at) is kept[sight]
        instead = await registry.search.search(Query(REPOSITORY, "apple", sight=sight))
        assert ([hit.name for hit in instead.hits], instead.total, instead.degraded) == (found, len(found), True)
        suggested = await registry.search.suggest(REPOSITORY, "app", 5, sight)
        assert [each.name for each in suggested.found] == found


async def test_what_is_still_being_fed_is_not_kept(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("a"): text_template("apple pear")})
    await until(registry, "apple", (["a"], False))
    while (await registry.indexing.status(REPOSITORY))[0].outbox:
        await asyncio.sleep(0.05)
    seen = await registry.indexing.checkpoint(REPOSITORY)
    assert seen is not None
    await registry.search.search(Query(REPOSITORY, "apple"), seen)
    await registry.search._outbox.fill(REPOSITORY)  # which nobody feeds for the moment
    again = replace(seen, updated_at=seen.updated_at + timedelta(seconds=1))  # the same commit, reached anew
    page = await registry.search.search(Query(REPOSITORY, "pear"), again)
    assert await registry.search.search(Query(REPOSITORY, "pear"), again) is not page


async def test_what_an_index_that_lost_something_said_is_not_kept_for_long(
    with_engine: Settings, space: tuple[Cluster, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.services.search.KEPT_SECONDS", 0.5)
    monkeypatch.setattr("registry.services.search.FED_SECONDS", 0.1)
    async with open_registry(with_engine) as registry:
        registry.git.create(REPOSITORY)
        await Pusher(registry).land({T.format("a"): text_template("apple"), T.format("b"): text_template("apple")})
        await registry.indexing.reconcile()
        seen = await registry.indexing.checkpoint(REPOSITORY)

        async def found() -> list[str]:
            page = await registry.search.search(Query(REPOSITORY, "apple"), seen)
            return [hit.name for hit in page.hits]

        cluster, name = space
        body = {"query": {"match_all": {}}, "sort": ["sort_key"]}
        hit = (await cluster.call("POST", f"/{name}@default/_search", body))["hits"]["hits"][0]
        await cluster.call("DELETE", f"/{hit['_index']}/_doc/{hit['_id']}", params={"refresh": "true"})
        assert await found() == ["b"], "nobody has noticed it, so it is kept"
        await registry.indexing.keep_fed()
        assert await registry.indexing.checkpoint(REPOSITORY) == seen
        end = time.monotonic() + PATIENCE
        while (names_now := await found()) != ["a", "b"]:
            assert time.monotonic() < end, names_now
            await asyncio.sleep(0.05)


async def test_whether_the_index_is_fed_is_looked_at_again_soon(
    with_engine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.services.search.FED_SECONDS", 0.1)
    async with open_registry(with_engine) as registry:
        registry.git.create(REPOSITORY)
        await Pusher(registry).land({T.format("a"): text_template("apple pear")})
        await registry.indexing.reconcile()
        seen = await registry.indexing.checkpoint(REPOSITORY)
        await registry.search.search(Query(REPOSITORY, "apple"), seen)
        await registry.search._outbox.fill(REPOSITORY)  # at the same checkpoint, as an index that got short is
        await asyncio.sleep(0.2)
        page = await registry.search.search(Query(REPOSITORY, "pear"), seen)
        assert await registry.search.search(Query(REPOSITORY, "pear"), seen) is not page
