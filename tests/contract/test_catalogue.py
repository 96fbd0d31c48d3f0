"""What every template and version index promises, run against the catalogue in SQLite."""

import asyncio
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.domain.catalogue import SortBy, TemplateFilter
from registry.domain.errors import BadRequest
from registry.domain.korean import sort_key
from registry.domain.rights import Sight
from registry.domain.template import Status, TemplateType
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.projection import Projection
from tests.databases import empty
from tests.projected import BEGIN, DRAFT, History, blob_of, plain_facts


class Catalogue(NamedTuple):
    templates: TemplateIndex
    versions: VersionIndex
    projection: Projection


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    return Catalogue(SqlTemplateIndex(database), SqlVersionIndex(database), SqlProjection(database))


async def names_of(catalogue: Catalogue, where: TemplateFilter | None = None, **how: object) -> list[str]:
    """All pages of a list."""
    names: list[str] = []
    cursor = None
    while True:
        page = await catalogue.templates.list_templates("default", where or TemplateFilter(), cursor=cursor, **how)
        names += [entry.name for entry in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return names


async def test_a_template_is_found_as_its_last_commit_left_it(catalogue: Catalogue) -> None:
    history = History()
    facts = plain_facts(description="분류", tags=("support",), model="openai/gpt-4o", variables=("ticket",), tokens=12)
    batch = history.commit(
        {"support/triage": "one"}, facts={"support/triage": facts}, owners={"support/triage": ("@a",)}
    )
    await catalogue.projection.apply(batch)
    await catalogue.projection.apply(history.commit(labels={("production", "support/triage"): 1}))

    entry = await catalogue.templates.find_template("default", "support/triage")

    assert entry is not None
    assert (entry.version, entry.latest, entry.default, entry.facts) == (1, 1, 1, facts)
    assert (dict(entry.labels), entry.owners, entry.deleted) == ({"production": 1}, ("@a",), False)
    assert (entry.commit, entry.updated_at) == (batch.commit, BEGIN + timedelta(minutes=1))
    assert await catalogue.templates.find_template("default", "support/other") is None
    assert await catalogue.templates.find_template("elsewhere", "support/triage") is None


async def test_a_broken_state_takes_a_number_and_the_valid_one_stays(catalogue: Catalogue) -> None:
    history = History()
    for text in ("one", "broken two"):
        await catalogue.projection.apply(history.commit({"a": text}))

    entry = await catalogue.templates.find_template("default", "a")
    version = await catalogue.versions.find_version("default", "a", 2)

    assert entry is not None
    assert version is not None
    assert (entry.version, entry.latest) == (2, 1)
    assert [d.rule for d in entry.diagnostics] == ["yaml-syntax"]
    assert (version.valid, version.diagnostics) == (False, entry.diagnostics)
    await catalogue.projection.apply(history.commit({"a": "three"}))
    mended = await catalogue.templates.find_template("default", "a")
    assert mended is not None
    assert (mended.latest, mended.diagnostics) == (3, ())


async def test_a_draft_is_latest_but_not_the_default(catalogue: Catalogue) -> None:
    history = History()
    await catalogue.projection.apply(history.commit({"a": "one"}))
    await catalogue.projection.apply(history.commit({"a": "two"}, facts={"a": DRAFT}))
    entry = await catalogue.templates.find_template("default", "a")
    assert entry is not None
    assert (entry.latest, entry.default) == (2, 1)


async def test_deleting_keeps_the_numbers_and_takes_the_template_off_every_list(catalogue: Catalogue) -> None:
    history = History()
    facts = plain_facts(tags=("t",))
    await catalogue.projection.apply(history.commit({"f/a": "one", "f/b": "x"}, facts={"f/a": facts}))
    await catalogue.projection.apply(history.commit({"f/a": None}))

    gone = await catalogue.templates.find_template("default", "f/a")
    assert gone is not None
    assert (gone.deleted, gone.version, gone.moved_to) == (True, 1, None)
    assert await names_of(catalogue) == ["f/b"]
    assert await names_of(catalogue, TemplateFilter(tag="t")) == []

    await catalogue.projection.apply(history.commit({"f/a": "one"}, facts={"f/a": facts}))
    back = await catalogue.templates.find_template("default", "f/a")
    assert back is not None
    assert (back.deleted, back.version) == (False, 2)
    assert await names_of(catalogue, TemplateFilter(tag="t")) == ["f/a"]


async def test_a_rename_is_known_from_both_sides(catalogue: Catalogue) -> None:
    history = History()
    await catalogue.projection.apply(history.commit({"old/a": "one"}))
    await catalogue.projection.apply(history.commit({"old/a": None, "new/a": "one"}))
    old = await catalogue.templates.find_template("default", "old/a")
    new = await catalogue.versions.find_version("default", "new/a", 1)
    assert old is not None
    assert new is not None
    assert old.moved_to == "new/a"
    assert new.moved_from == "old/a"


async def test_every_filter_narrows_and_filters_combine(catalogue: Catalogue) -> None:
    history = History()
    facts = {
        "support/a": plain_facts(tags=("t", "u"), model="openai/x"),
        "support/deep/b": plain_facts(type=TemplateType.TEXT, tags=("t",)),
        "sales/c": plain_facts(status=Status.DEPRECATED, tags=("u",)),
    }
    owners = {"support/a": ("@desk", "@kim"), "sales/c": ("@kim",)}
    batch = history.commit(dict.fromkeys(facts, "x"), facts=facts, owners=owners, labels={("prod", "sales/c"): 1})
    await catalogue.projection.apply(batch)

    expected = {
        TemplateFilter(folder="support"): ["support/deep/b", "support/a"],
        TemplateFilter(folder="support/deep"): ["support/deep/b"],
        TemplateFilter(folder="supp"): [],
        TemplateFilter(tag="t"): ["support/deep/b", "support/a"],
        TemplateFilter(type=TemplateType.TEXT): ["support/deep/b"],
        TemplateFilter(status=Status.DEPRECATED): ["sales/c"],
        TemplateFilter(model="openai/x"): ["support/a"],
        TemplateFilter(owner="@kim"): ["sales/c", "support/a"],
        TemplateFilter(label="prod"): ["sales/c"],
        TemplateFilter(tag="t", owner="@kim"): ["support/a"],
        TemplateFilter(tag="u", label="prod", owner="@kim"): ["sales/c"],
        TemplateFilter(tag="t", label="prod"): [],
    }
    for where, names in expected.items():
        by_key = sorted(names, key=sort_key)
        assert await names_of(catalogue, where) == by_key, where
        assert await names_of(catalogue, where, sort=SortBy.UPDATED) == by_key, where  # one commit, one time


@pytest.mark.parametrize("sort", SortBy)
@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_a_list_has_what_is_seen_page_by_page(catalogue: Catalogue, sort: SortBy, limit: int) -> None:
    history = History()
    names = ["support/a", "support/deep/b", "support2/c", "sales/d", "고객/e", "f"]
    facts = {name: plain_facts(tags=("t",) if name != "support/a" else ("t", "u")) for name in names}
    await catalogue.projection.apply(history.commit(dict.fromkeys(names, "x"), facts=facts))
    for folders, wanted in {
        ("support",): ["support/a", "support/deep/b"],
        ("support/deep", "고객"): ["support/deep/b", "고객/e"],
        ("sales", "support2", "nowhere"): ["sales/d", "support2/c"],
        ("sup",): [],
        (): [],
    }.items():
        for tag, left in ((None, wanted), ("t", wanted), ("u", [name for name in wanted if name == "support/a"])):
            where = TemplateFilter(tag=tag, sight=Sight(folders))
            assert await names_of(catalogue, where, sort=sort, limit=limit) == sorted(left, key=sort_key), where
    both = TemplateFilter(folder="support", tag="t", sight=Sight(("support/deep", "sales")))
    assert await names_of(catalogue, both, sort=sort, limit=limit) == ["support/deep/b"]


async def test_what_filters_find_follows_the_newest_valid_version(catalogue: Catalogue) -> None:
    history = History()
    await catalogue.projection.apply(history.commit({"a": "1"}, facts={"a": plain_facts(tags=("old",))}))
    await catalogue.projection.apply(history.commit({"a": "2"}, facts={"a": plain_facts(tags=("new",))}))
    await catalogue.projection.apply(history.commit({"a": "3 broken"}, labels={("prod", "a"): 2}))
    assert await names_of(catalogue, TemplateFilter(tag="old")) == []
    assert await names_of(catalogue, TemplateFilter(tag="new", label="prod")) == ["a"]
    await catalogue.projection.apply(history.commit(labels={("prod", "a"): None}))
    assert await names_of(catalogue, TemplateFilter(label="prod")) == []


async def test_names_sort_by_the_domains_key_and_times_newest_first(catalogue: Catalogue) -> None:
    history = History()
    names = ["b", "A", "a10", "a2", "나", "가", "f/x"]
    for name in names:
        await catalogue.projection.apply(history.commit({name: name}))
    assert await names_of(catalogue, limit=2) == sorted(names, key=sort_key)
    assert await names_of(catalogue, limit=3, sort=SortBy.UPDATED) == names[::-1]


@pytest.fixture
def fresh(place: Path | str, migrated: Path, tmp_path: Path) -> Callable[[], Path | str]:
    """Makes an empty catalogue, as often as one is wanted."""

    def make() -> Path | str:
        if isinstance(place, Path):
            return Path(shutil.copy(migrated, tmp_path / f"{random.getrandbits(64):x}.db"))
        empty(place)
        return place

    return make


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_pages_make_up_the_whole_list_while_others_write(
    fresh: Callable[[], Path | str], data: st.DataObject
) -> None:
    """Whatever is added, changed or removed between two pages: no item twice, and none that stayed is skipped."""
    database = await Database.open(fresh(), seconds=10)
    catalogue = Catalogue(SqlTemplateIndex(database), SqlVersionIndex(database), SqlProjection(database))
    name = st.sampled_from(
        [f"{folder}{letter}{n}" for folder in ("", "f/", "가/") for letter in "aB나" for n in (1, 2, 10)]
    )
    history = History()
    start = data.draw(st.sets(name, min_size=3))
    await catalogue.projection.apply(history.commit(dict.fromkeys(start, "start")))
    limit = data.draw(st.integers(1, 4))
    seen: list[str] = []
    touched: set[str] = set()
    cursor = None
    while True:
        page = await catalogue.templates.list_templates("default", TemplateFilter(), limit=limit, cursor=cursor)
        seen += [entry.name for entry in page.items]
        assert len(page.items) <= limit
        cursor = page.next_cursor
        if cursor is None:
            break
        changes = data.draw(st.dictionaries(name, st.sampled_from([None, "x", "y"]), max_size=2))
        touched |= changes.keys()
        await catalogue.projection.apply(history.commit(changes))
    await database.close()
    assert seen == sorted(set(seen), key=sort_key)
    assert start - touched <= set(seen)


@pytest.mark.parametrize("cursor", ["", "x", "!!", "e30", "bnVsbA", "WzFd", "a" * 500, "가"])
async def test_a_cursor_that_is_none_is_a_bad_request(catalogue: Catalogue, cursor: str) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        await catalogue.templates.list_templates("default", TemplateFilter(), cursor=cursor)
    with pytest.raises(BadRequest, match="cursor"):
        await catalogue.versions.list_versions("default", "a", cursor=cursor)


async def test_a_cursor_serves_only_its_own_list(catalogue: Catalogue) -> None:
    history = History()
    await catalogue.projection.apply(history.commit({"a": "1", "b": "1"}, facts=None))
    page = await catalogue.templates.list_templates("default", TemplateFilter(), limit=1)
    assert page.next_cursor is not None
    with pytest.raises(BadRequest, match="another list"):
        await catalogue.templates.list_templates("default", TemplateFilter(tag="t"), cursor=page.next_cursor)
    with pytest.raises(BadRequest, match="another list"):
        await catalogue.templates.list_templates(
            "default", TemplateFilter(), sort=SortBy.UPDATED, cursor=page.next_cursor
        )


async def test_a_misspelt_name_has_its_nearest(catalogue: Catalogue) -> None:
    history = History()
    names = ["support/triage", "support/reply", "sales/triage-long", "고객/환불", "고객/환불 요청", "legal/contract"]
    await catalogue.projection.apply(history.commit(dict.fromkeys(names, "x")))
    nearest = catalogue.templates.nearest_names
    for typed in ("support/triaje", "suport/triage", "support/tirage", "triage", "Support/Triage"):
        assert (await nearest("default", typed))[:1] == ["support/triage"], typed
    assert (await nearest("default", "고객/환부"))[0] == "고객/환불"
    assert await nearest("default", "zzzzzzzz") == []
    assert await nearest("default", 'a" OR "b* -') == []
    assert await nearest("default", "") == []
    await catalogue.projection.apply(history.commit({"support/triage": None}))
    assert "support/triage" not in await nearest("default", "support/triaje")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("리뷰/요악", "리뷰/요약"),
        ("리뷰/유약", "리뷰/요약"),
        ("요악", "리뷰/요약"),
        ("메모/오약", "리뷰/요약"),
        ("메모/언내", "공지/안내"),
        ("메모/안네", "공지/안내"),
        ("메모/완내", "공지/안내"),
        ("공지/로비", "공지/루비"),
    ],
)
async def test_a_slip_in_a_short_korean_name_is_found_among_many(catalogue: Catalogue, typed: str, meant: str) -> None:
    folders = ("리뷰", "공지", "메모")
    crowd = [f"{folder}/나{first}{number}" for folder in folders for first in "나하" for number in range(300)]
    names = [*crowd, "리뷰/요약", "공지/안내", "공지/루비"]
    await catalogue.projection.apply(History().commit(dict.fromkeys(names, "x")))
    assert (await catalogue.templates.nearest_names("default", typed))[:1] == [meant]


async def test_bodies_are_read_by_blob(catalogue: Catalogue) -> None:
    await catalogue.projection.apply(History().commit({"a": "본문", "b": "본문", "c": "other"}))
    found = await catalogue.templates.read_bodies("default", [blob_of("본문"), blob_of("absent")])
    assert found == {blob_of("본문"): "본문"}
    assert await catalogue.templates.read_bodies("elsewhere", [blob_of("본문")]) == {}


async def test_versions_are_listed_newest_first_across_a_deletion(catalogue: Catalogue) -> None:
    history = History()
    for text in ("1", "2", None, "3", "4"):
        await catalogue.projection.apply(history.commit({"a": text}))
    first = await catalogue.versions.list_versions("default", "a", limit=3)
    rest = await catalogue.versions.list_versions("default", "a", limit=3, cursor=first.next_cursor)
    assert [version.number for version in (*first.items, *rest.items)] == [4, 3, 2, 1]
    assert rest.next_cursor is None
    assert [version.subject for version in rest.items] == ["Change 1"]
    assert await catalogue.versions.find_version("default", "a", 5) is None
    assert await catalogue.versions.find_version("default", "a", 10**30) is None


async def test_a_version_knows_its_closure_and_the_partial_that_caused_it(catalogue: Catalogue) -> None:
    history = History()
    await catalogue.projection.apply(history.commit({"a": '{% include "p" %} {% include "gone" %}', "p": "one"}))
    batch = history.commit({"p": "two"})
    await catalogue.projection.apply(batch)
    version = await catalogue.versions.find_version("default", "a", 2)
    assert version is not None
    written = next(row for row in batch.versions if row.name == "a")
    assert version.closure == written.closure
    assert dict(version.closure)["gone"] is None
    assert (version.cause, version.digest, version.blob) == ("p", written.digest, written.blob)
    alone = await catalogue.versions.find_version("default", "p", 1)
    assert alone is not None
    assert alone.closure == (("p", blob_of("one")),)


async def test_labels_point_where_they_were_last_moved_and_remember(catalogue: Catalogue) -> None:
    history = History()
    await catalogue.projection.apply(history.commit({"a": "1", "b": "1"}))
    await catalogue.projection.apply(history.commit({"a": "2"}, labels={("prod", "a"): 1, ("prod", "b"): 1}))
    await catalogue.projection.apply(history.commit(labels={("prod", "a"): 2, ("test", "b"): 1}))
    await catalogue.projection.apply(history.commit(labels={("prod", "b"): None}))
    assert await catalogue.versions.list_labels("default") == {"prod": {"a": 2}, "test": {"b": 1}}
    assert await catalogue.versions.list_labels("default", "test") == {"test": {"b": 1}}
    moves = await catalogue.versions.label_history("default", "prod", "a")
    assert [(move.version, move.previous, move.subject) for move in moves] == [
        (2, 1, "Change 3"),
        (1, None, "Change 2"),
    ]
    dropped = (await catalogue.versions.label_history("default", "prod", "b", limit=1))[0]
    assert (dropped.version, dropped.previous) == (None, 1)


async def test_repositories_do_not_see_each_other(catalogue: Catalogue) -> None:
    for repository in ("one", "two"):
        history = History(repository)
        await catalogue.projection.apply(history.commit({f"only/{repository}": repository}))
    page = await catalogue.templates.list_templates("one", TemplateFilter(folder="only"))
    assert [entry.name for entry in page.items] == ["only/one"]
    assert await catalogue.templates.nearest_names("one", "only/twoo") == ["only/one"]


async def test_a_list_under_many_readers_and_a_writer_is_always_one_state(catalogue: Catalogue) -> None:
    """Each commit moves a tag from one template to the other: every read sees it exactly once."""
    history = History()
    tagged, bare = plain_facts(tags=("here",)), plain_facts()
    await catalogue.projection.apply(history.commit({"a": "0", "b": "0"}, facts={"a": tagged, "b": bare}))
    done = False

    async def read() -> int:
        seen = 0
        while not done:
            assert len(await names_of(catalogue, TemplateFilter(tag="here"))) == 1
            seen += 1
        return seen

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for turn in range(20):
        one, other = ("b", "a") if turn % 2 == 0 else ("a", "b")
        batch = history.commit({"a": f"{turn + 1}", "b": f"{turn + 1}"}, facts={one: tagged, other: bare})
        await catalogue.projection.apply(replace(batch))
    done = True
    assert all(await asyncio.gather(*readers))
