"""What every projection and outbox promises, run against SQLite; with killed processes, full disks and two writers."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.sqlite_engine import SqliteDatabase
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.domain.catalogue import PROJECTION_SCHEMA, Fed, OutboxKind, TemplateFilter
from registry.domain.errors import Conflict, Unavailable
from registry.ports.projection import Outbox, Projection
from tests.backing import absent
from tests.projected import MAIN, History, plain_facts

ROOT = Path(__file__).parents[2]


class Store(NamedTuple):
    database: Database
    projection: Projection
    outbox: Outbox
    templates: SqlTemplateIndex
    versions: SqlVersionIndex


def store_of(database: Database) -> Store:
    return Store(
        database, SqlProjection(database), SqlOutbox(database), SqlTemplateIndex(database), SqlVersionIndex(database)
    )


@pytest.fixture
def store(database: Database) -> Store:
    return store_of(database)


async def names(store: Store) -> list[str]:
    page = await store.templates.list_templates("default", TemplateFilter(), limit=500)
    return [entry.name for entry in page.items]


async def drain(store: Store) -> list[tuple[str, str]]:
    entries = await store.outbox.pending()
    await store.outbox.done(entries)
    return [(entry.kind.value, entry.name) for entry in entries]


async def test_the_checkpoint_is_the_last_batchs_commit(store: Store) -> None:
    assert await store.projection.checkpoint("default") is None
    history = History()
    await store.projection.apply(history.commit({"a": "1"}, rules={"schema": "registry/v1"}))
    batch = history.commit({"a": "2"}, rules={"default_label": "production"})
    await store.projection.apply(batch)
    checkpoint = await store.projection.checkpoint("default")
    assert checkpoint is not None
    assert (checkpoint.ref, checkpoint.commit, checkpoint.ordinal) == (MAIN, batch.commit, 2)
    assert checkpoint.schema == PROJECTION_SCHEMA
    assert await store.projection.rules("default") == {"default_label": "production"}
    assert await store.projection.rules("elsewhere") is None


async def test_a_batch_that_does_not_continue_the_checkpoint_is_refused_whole(store: Store) -> None:
    history = History()
    await store.projection.apply(history.commit({"a": "1"}))
    batch = history.commit({"b": "1"})
    await store.projection.apply(batch)
    with pytest.raises(Conflict, match="another process"):
        await store.projection.apply(batch)
    with pytest.raises(Conflict):
        await store.projection.apply(replace(batch, repository="never-projected"))
    assert await names(store) == ["a", "b"]


async def test_the_state_goes_on_where_the_projection_stands(store: Store) -> None:
    history = History()
    include = '{% include "p" %}'
    for files in ({"a": include, "p": "1", "gone": "x"}, {"p": "2"}, {"gone": None}):
        await store.projection.apply(history.commit(files))
    state = await store.projection.load_state("default")
    assert state.numbers == history.state.numbers
    assert dict(state.graph.blobs) == dict(history.state.graph.blobs)
    assert state.graph.digest("a") == history.state.graph.digest("a")
    assert state.graph.includers("p") == {"a"}
    assert (await store.projection.load_state("elsewhere")).numbers == {}


async def test_readers_see_the_old_rows_until_a_replay_is_whole(store: Store) -> None:
    history = History()
    await store.projection.apply(history.commit({"old": "1", "both": "1"}, labels={("prod", "old"): 1}))
    again = History(seed="again")
    await store.projection.apply(again.commit({"new": "1"}, replay=True, final=False))
    middle = again.commit({"both": "1"}, labels={("prod", "new"): 1}, replay=True, final=False)
    await store.projection.apply(middle)
    assert await names(store) == ["both", "old"]
    assert await store.versions.list_labels("default") == {"prod": {"old": 1}}
    await store.projection.apply(history.commit({"both": "2"}))  # the live rows go on meanwhile
    with pytest.raises(Conflict):
        await store.projection.apply(replace(middle, replay=True))
    last = again.commit({"both": "3"}, replay=True)
    await store.projection.apply(last)
    assert await names(store) == ["both", "new"]
    assert await store.versions.list_labels("default") == {"prod": {"new": 1}}
    checkpoint = await store.projection.checkpoint("default")
    assert checkpoint is not None
    assert checkpoint.commit == last.commit
    await store.projection.apply(again.commit({"new": "2"}))
    assert (await store.projection.load_state("default")).numbers == {"new": 2, "both": 2}


async def test_a_replay_leaves_nothing_of_what_it_replaced(store: Store) -> None:
    for turn in range(3):
        history = History(seed=str(turn))
        await store.projection.apply(history.commit({f"a{turn}": "1"}, replay=True, final=False))  # begun, given up
        history = History(seed=f"{turn} again")
        batch = history.commit({f"b{turn}": '{% include "x" %}'}, labels={("prod", f"b{turn}"): 1}, final=True)
        await store.projection.apply(batch)

    def count(connection: object) -> dict[str, int]:
        tables = ("builds", "templates", "versions", "template_values", "bodies", "closures", "commits", "labels")
        run = connection.exec_driver_sql  # type: ignore[attr-defined]
        return {table: run(f"SELECT count(*) FROM {table}").scalar_one() for table in (*tables, "template_names")}

    rows = await store.database.read(count)
    assert rows == dict.fromkeys(rows, 1) | {"template_values": 3}


async def test_a_large_batch_is_what_many_small_ones_are(store: Store) -> None:
    """Above some rows PostgreSQL gets them in another way: new ones, changed ones, and some of both."""
    many = [f"f{number % 7}/t{number}" for number in range(150)]
    facts = {name: plain_facts(tags=(f"tag{at % 5}",)) for at, name in enumerate(many)}
    steps = [
        {"files": dict.fromkeys(many[:100], "same text"), "labels": {("prod", name): 1 for name in many[:100]}},
        {"files": {name: f"text {at}" for at, name in enumerate(many)}, "labels": {("prod", many[0]): 2}},
        {"files": dict.fromkeys(many[:60]), "labels": {("prod", name): None for name in many[:60]}},
        {"files": dict.fromkeys(many, '{% include "f9/p" %}') | {"f9/p": "part"}},
    ]
    large, small = History("large"), History("small")
    for step in steps:
        given = {name: facts[name] for name, text in step["files"].items() if text is not None and name in facts}
        await store.projection.apply(large.commit(step["files"], facts=given, labels=step.get("labels")))
        one_by_one = [*step["files"]]
        for start in range(0, len(one_by_one), 20):
            part = one_by_one[start : start + 20]
            labels = {(word, name): v for (word, name), v in step.get("labels", {}).items() if name in part}
            files = {name: step["files"][name] for name in part}
            if "f9/p" in step["files"]:
                files["f9/p"] = step["files"]["f9/p"]
            chosen = {name: given[name] for name in part if name in given}
            await store.projection.apply(small.commit(files, facts=chosen, labels=labels))
    for name in [*many, "f9/p"]:
        pair = [await store.templates.find_template(each, name) for each in ("large", "small")]
        assert pair[0] is not None
        assert pair[1] is not None
        seen = [(entry.facts, dict(entry.labels), entry.deleted, entry.version) for entry in pair if entry is not None]
        assert seen[0] == seen[1], name
        versions = [await store.versions.list_versions(each, name) for each in ("large", "small")]
        told = [[(v.number, v.digest, v.blob, v.closure, v.cause) for v in page.items] for page in versions]
        assert told[0] == told[1], name
    for where in (TemplateFilter(tag="tag3"), TemplateFilter(folder="f2"), TemplateFilter(label="prod")):
        lists = [await store.templates.list_templates(each, where, limit=500) for each in ("large", "small")]
        shown = [[entry.name for entry in page.items] for page in lists]
        assert shown[0] == shown[1]
        assert shown[0]


async def test_the_outbox_asks_once_for_a_template_however_often_it_changed(store: Store) -> None:
    history = History()
    await store.projection.apply(history.commit({"a": "1", "b": "1"}))
    assert await drain(store) == [("renew", ""), ("document", "a"), ("document", "b"), ("swap", "")]
    await store.projection.apply(history.commit({"b": "2"}))
    await store.projection.apply(history.commit({"a": "2"}, labels={("prod", "b"): 2}))
    await store.projection.apply(history.commit({"b": None}))
    entries = await store.outbox.pending()
    assert [(entry.name, entry.ordinal) for entry in entries] == [("a", 3), ("b", 4)]
    assert await store.outbox.depth() == 2
    assert [document.name for document in await store.outbox.documents(entries)] == ["a"]


async def test_what_was_asked_meanwhile_outlives_a_late_done(store: Store) -> None:
    history = History()
    await store.projection.apply(history.commit({"a": "1"}))
    await drain(store)
    await store.projection.apply(history.commit({"a": "2"}))
    slow = await store.outbox.pending()
    await store.projection.apply(history.commit({"a": "3"}))
    await store.outbox.done(slow)
    assert [entry.ordinal for entry in await store.outbox.pending()] == [3]


async def test_a_document_is_the_newest_valid_version_with_its_people_and_labels(store: Store) -> None:
    history = History()
    facts = plain_facts(description="Sorts", tags=("t",))
    source = "schema: prompt/v1\ntype: text\ntext: |\n  Hello there\n"
    batch = history.commit({"a": source}, facts={"a": facts}, owners={"a": ("@x",)}, labels={("prod", "a"): 1})
    await store.projection.apply(batch)
    await store.projection.apply(history.commit({"a": "broken", "never": "broken"}))
    entries = [entry for entry in await store.outbox.pending() if entry.kind is OutboxKind.DOCUMENT]
    (document,) = await store.outbox.documents(entries)
    assert (document.name, document.ordinal, document.facts) == ("a", 1, facts)
    assert (document.owners, document.labels, document.body) == (("@x",), ("prod",), "Hello there")


async def test_a_changed_partial_asks_for_its_own_document_and_not_for_those_that_include_it(store: Store) -> None:
    """Their versions and tokens change, but these are looked up when a hit is shown."""
    history = History()
    including = {f"t{n}": 'text: {% include "partial" %}' for n in range(30)}
    await store.projection.apply(history.commit({"partial": "text: one", **including}))
    await drain(store)
    more = {name: plain_facts(tokens=9) for name in including}
    batch = history.commit({"partial": "text: two"}, facts=more)
    assert len(batch.versions) == 31
    await store.projection.apply(batch)
    assert await drain(store) == [("document", "partial")]


async def test_each_search_index_has_an_outbox_of_its_own(store: Store) -> None:
    history, both = History(), (Fed.OWN, Fed.ENGINE)
    projection = SqlProjection(store.database, fed=both)
    engine = SqlOutbox(store.database, fed=Fed.ENGINE)
    await projection.apply(history.commit({"a": "1"}))
    await projection.apply(history.commit({"b": "1"}))
    everything = [("renew", ""), ("document", "a"), ("swap", ""), ("document", "b")]
    assert await drain(store) == everything
    assert (await store.outbox.depth(), await engine.depth(), await engine.fed_at_least("default")) == (0, 4, 0)
    assert [(str(entry.kind), entry.name) for entry in await engine.pending()] == everything
    await engine.done(await engine.pending())
    assert (await engine.depth(), await engine.fed_at_least("default")) == (0, 2)
    assert await engine.fill("default") == 2
    assert (await store.outbox.depth(), await engine.depth()) == (0, 4)


async def test_urgent_are_the_documents_of_an_index_that_is_not_being_filled(store: Store) -> None:
    history = History()
    projection = SqlProjection(store.database, fed=(Fed.OWN, Fed.ENGINE))
    whole, urgent = (SqlOutbox(store.database, fed=Fed.ENGINE, urgent=each) for each in (False, True))
    await projection.apply(history.commit({"a": "1", "b": "1"}))
    await projection.apply(history.commit({"a": "2"}))
    assert (await urgent.depth(), await urgent.pending()) == (0, []), "the index is being filled"
    assert (await urgent.waits(), await whole.waits(), await whole.waits("default", texts=False)) == (False, True, True)
    await whole.done(await whole.pending())
    await projection.apply(history.commit({"a": "3", "b": "2"}))
    assert [(str(each.kind), each.name) for each in await urgent.pending()] == [("document", "a"), ("document", "b")]
    assert (await urgent.depth(), await whole.depth()) == (2, 4)
    await urgent.done(await urgent.pending())
    assert [(str(each.kind), each.name, each.version) for each in await whole.pending()] == [
        ("text", "a", 2),
        ("text", "b", 1),
    ]
    assert (await whole.waits(), await whole.waits("default")) == (True, True)
    assert (await whole.waits(texts=False), await whole.waits("default", texts=False)) == (False, False), "but texts"
    assert not await whole.waits("another")


async def test_an_index_that_was_not_told_of_a_commit_has_to_be_filled(store: Store) -> None:
    history, engine = History(), SqlOutbox(store.database, fed=Fed.ENGINE)
    await SqlProjection(store.database, fed=(Fed.OWN, Fed.ENGINE)).apply(history.commit({"a": "1"}))
    await engine.done(await engine.pending())
    assert await engine.fed_at_least("default") == 1
    await store.projection.apply(history.commit({"a": "2"}))
    assert await engine.fed_at_least("default") is None
    assert await store.outbox.fed_at_least("default") is not None
    await engine.fill("default")
    assert await engine.fed_at_least("default") == 0


async def test_filling_asks_for_a_whole_new_index(store: Store) -> None:
    history = History()
    await store.projection.apply(history.commit({"b": "1", "a": "1", "gone": "1"}))
    await store.projection.apply(history.commit({"gone": None}))
    await drain(store)
    assert await store.outbox.fill("default") == 2
    assert await drain(store) == [("renew", ""), ("document", "a"), ("document", "b"), ("swap", "")]
    assert await store.outbox.fill("elsewhere") == 0


async def test_a_dropped_repository_is_as_if_it_had_never_been(store: Store) -> None:
    history = History()
    await store.projection.apply(history.commit({"a": "1"}))
    await store.projection.put_refs("default", {MAIN: history.tip})
    await store.projection.drop("default")
    await store.projection.drop("never-was")
    assert await store.projection.checkpoint("default") is None
    assert await store.templates.find_template("default", "a") is None
    assert await store.outbox.depth() == 0
    await store.projection.apply(History().commit({"b": "1"}))
    assert await names(store) == ["b"]


async def test_refs_that_are_gone_are_forgotten(store: Store) -> None:
    await store.projection.put_refs("default", {MAIN: "1" * 40, "refs/heads/x": "2" * 40})
    await store.projection.put_refs("default", {MAIN: "3" * 40})
    rows = await store.database.read(lambda c: c.exec_driver_sql('SELECT ref, "commit" FROM refs').all())
    assert [tuple(row) for row in rows] == [(MAIN, "3" * 40)]


async def test_two_processes_write_in_turns(place: Path | str) -> None:
    """Two connections to one database, each projecting its own repository at once: both get all their batches in."""
    databases = [await Database.open(place, seconds=10) for _ in range(2)]
    histories = [History("one"), History("two")]

    async def project(store: Store, history: History) -> None:
        for number in range(25):
            await store.projection.apply(history.commit({f"t{number}": "x"}))

    await asyncio.gather(*map(project, map(store_of, databases), histories))
    for repository in ("one", "two"):
        state = await store_of(databases[0]).projection.load_state(repository)
        assert len(state.numbers) == 25
    for database in databases:
        await database.close()


WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from tests.projected import History, plain_facts

async def main():
    where = sys.argv[1]
    database = await Database.open(where if "://" in where else Path(where))
    projection = SqlProjection(database)
    turn = 0
    while True:
        history = History(seed=str(turn))
        for number in range(6):
            tag = plain_facts(tags=(f"{turn}-{number}",))
            files = {f"t{each}": f"{turn} {number}" for each in range(40)}
            batch = history.commit(files, facts=dict.fromkeys(files, tag), replay=number < 4, final=number >= 3)
            await projection.apply(batch)
            print(turn, number, flush=True)
        turn += 1

asyncio.run(main())
"""


@pytest.mark.crash
async def test_a_killed_writer_leaves_one_whole_state(place: Path | str) -> None:
    """Killed anywhere within replays and batches, what a reopened file shows is one batch's state, whole."""
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place), str(ROOT)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(random.uniform(0.0, 0.25))
        child.send_signal(signal.SIGKILL)
        told = [line.split() for line in child.stdout.read().decode().splitlines() if line.count(" ") == 1]
        child.wait()
        child.stdout.close()
        database = await Database.open(place, seconds=10)
        store = store_of(database)
        checkpoint = await store.projection.checkpoint("default")
        page = await store.templates.list_templates("default", TemplateFilter(), limit=100)
        await assert_whole(store, checkpoint, page)
        final = [(int(turn), int(number)) for turn, number in told if int(number) >= 3]
        if final:
            assert checkpoint is not None
            assert shown(page) >= final[-1]
        await store.projection.apply(History(seed="after").commit({"after": "x"}))
        assert await names(store) == ["after"]
        await database.close()


def shown(page: object) -> tuple[int, int]:
    """The turn and the number of the batch whose state a page shows."""
    turn, _, number = page.items[0].facts.tags[0].partition("-")  # type: ignore[attr-defined]
    return int(turn), int(number)


async def assert_whole(store: Store, checkpoint: object, page: object) -> None:
    items = page.items  # type: ignore[attr-defined]
    if items and items[0].name == "after":
        assert len(items) == 1
        return
    if checkpoint is None:
        assert not items
        return
    assert len(items) == 40
    assert len({entry.facts.tags for entry in items}) == 1
    assert {entry.version for entry in items} == {checkpoint.ordinal}  # type: ignore[attr-defined]
    tagged = await store.templates.list_templates("default", TemplateFilter(tag=items[0].facts.tags[0]), limit=100)
    assert len(tagged.items) == 40
    if isinstance(store.database, SqliteDatabase):
        assert not await store.database.read(lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalar() != "ok")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB; where none can be mounted, the test is left out (the limit of file size is tested beside)."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=4m", "none", str(folder)]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        absent("Only root may mount a small file system.")
    yield folder
    subprocess.run([str(unmount), folder], check=False, capture_output=True)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "with the search index"])
async def test_a_full_disk_is_said_and_nothing_is_lost(small_disk: Path, beside: bool) -> None:
    database = await Database.open(small_disk / "catalogue.db")
    store = store_of(database)
    history = History()
    await store.projection.apply(history.commit({"a": "1"}))
    await drain(store)
    projection = SqlProjection(database, index=SqlSearchIndex(database) if beside else None)

    async def fill_up() -> None:
        for number in range(20):
            await projection.apply(history.commit({f"b{number}": os.urandom(300_000).hex()}))

    with pytest.raises(Unavailable, match="disk is full"):
        await fill_up()
    before = await names(store)
    assert before[0] == "a"
    await database.close()
    again = await Database.open(small_disk / "catalogue.db")
    assert await names(store_of(again)) == before
    if beside:
        assert await store_of(again).outbox.depth() == 0
        assert set(await SqlSearchIndex(again).fingerprints("default")) == {*before} - {"a"}
    await again.close()


LIMITED = """
import asyncio, os, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.domain.errors import Unavailable
from tests.projected import History

async def main():
    database = await Database.open(Path(sys.argv[1]))
    projection, history = SqlProjection(database), History()
    await projection.apply(history.commit({"a": "1"}))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    try:
        for number in range(20):
            await projection.apply(history.commit({f"b{number}": os.urandom(300_000).hex()}))
    except Unavailable as error:
        print(error.message)

asyncio.run(main())
"""


async def test_a_limit_of_file_size_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    command = [sys.executable, "-c", LIMITED, str(path), str(ROOT)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "cannot be used" in told.stdout
    database = await Database.open(path)
    assert (await names(store_of(database)))[0] == "a"
    await database.close()


async def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be"):
        await Database.open(tmp_path / "no-folder" / "catalogue.db")
    (tmp_path / "text.db").write_text("this is no database at all, but some text" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        await Database.open(tmp_path / "text.db")


async def test_a_closed_catalogue_says_so(database: Database) -> None:
    await database.close()
    with pytest.raises(Unavailable, match="closed"):
        await SqlProjection(database).checkpoint("default")


async def test_a_cancelled_query_stops(place: Path | str) -> None:
    database = await Database.open(place, readers=1, seconds=30)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await database.read(lambda connection: connection.exec_driver_sql(endless).scalar())
    async with asyncio.timeout(5):
        assert await SqlProjection(database).checkpoint("default") is None
    await database.close()
