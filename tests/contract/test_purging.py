"""The contract of ports/purging.py: histories on real repositories, and stores that forget what they do not show."""

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from registry.adapters.elasticsearch.search_index import ElasticsearchSearchIndex
from registry.adapters.git import LocalRepositories
from registry.adapters.git.archives import GitArchives
from registry.adapters.git.purge_marks import PurgeMark
from registry.adapters.git.purging import GitPurging
from registry.adapters.memory.cache import MemoryCache
from registry.adapters.redis.cache import RedisCache
from registry.adapters.redis.server import RedisServer
from registry.adapters.sql.engine import Database
from registry.adapters.sql.former_states import SqlFormerStates
from registry.adapters.sql.tables import search_counts, search_indexes
from registry.domain.errors import BadRequest, Conflict, Unavailable
from registry.domain.ids import ZERO_COMMIT, BlobId, CommitId, RefName, RepositoryName
from registry.domain.purging import LeakedText
from registry.domain.refs import RefUpdate, Signature
from registry.ports.purging import FormerStates, HistoryPurge, OpenPurge
from tests.backing import redis_url
from tests.contract.test_cache import redis_cache
from tests.databases import fetch_sql
from tests.indexes import namespace
from tests.running import git
from tests.searching import document

NAME, MAIN = RepositoryName("prompts"), RefName("refs/heads/main")
SECRET = "Kim Minsu 010-1234-5678"
LEAKED = LeakedText(SECRET)
WHO = Signature("a", "a@b", datetime(2026, 1, 1, tzinfo=UTC))
PATIENCE = 10.0


def silent(_what: str, _done: int, _total: int) -> None:
    """Shows nothing."""


class Plain:
    """Takes the text out of every file."""

    def file(self, _path: str, _blob: BlobId, read: Callable[[], bytes]) -> bytes | None:
        data = read()
        return LEAKED.removed_from(data) if LEAKED.stands_in(data) else None

    def text(self, text: bytes) -> bytes:
        return LEAKED.removed_from(text)


@pytest.fixture
def repositories(tmp_path: Path) -> LocalRepositories:
    made = LocalRepositories(tmp_path / "repositories", hook_command="/nowhere/promptuary")
    made.create(NAME)
    return made


@pytest.fixture
def purging(repositories: LocalRepositories) -> HistoryPurge:
    return GitPurging(repositories, settle=0, push_seconds=5)


@pytest.fixture
def path(repositories: LocalRepositories) -> Path:
    return repositories.path(NAME)


def land(repositories: LocalRepositories, files: dict[str, bytes | None], ref: RefName = MAIN) -> CommitId:
    with repositories.open(NAME) as store:
        tip = store.refs().get(ref)
        commit = store.write_commit(tip, files, WHO, WHO, "change")
        store.move(RefUpdate(ref, tip or ZERO_COMMIT, commit))
    return commit


def test_it_finds_what_holds_the_text_packed_or_not(
    repositories: LocalRepositories, purging: HistoryPurge, path: Path
) -> None:
    land(repositories, {"a.md": SECRET.encode()})
    git(path, "repack", "-ad")
    land(repositories, {"a.md": b"clean"})
    assert len(purging.search(NAME, LEAKED, silent).blobs) == 1
    with repositories.open(NAME) as store:
        dropped = store.write_commit(None, {"b.md": f"no ref: {SECRET}".encode()}, WHO, WHO, f"of {SECRET}")
    found = purging.search(NAME, LEAKED, silent)
    assert (len(found.blobs), found.commits, found.names) == (2, {dropped}, ())
    assert purging.present(NAME, found.ids() | {"0" * 40}) == found.ids()


def test_it_tells_names_it_cannot_change(repositories: LocalRepositories, purging: HistoryPurge, path: Path) -> None:
    tip = land(repositories, {"docs/Kim-Minsu-notes.md": b"x"})
    git(path, "update-ref", "refs/heads/for-Kim-Minsu-now", tip)
    found = purging.search(NAME, LeakedText("Kim-Minsu"), silent)
    assert found.names == ("Kim-Minsu-notes.md", "refs/heads/for-Kim-Minsu-now")
    assert not found.ids()


def test_a_text_of_digits_is_not_found_in_ids(repositories: LocalRepositories, purging: HistoryPurge) -> None:
    tip = land(repositories, {"a.md": b"x"})
    child = land(repositories, {"a.md": b"y"})
    assert not purging.search(NAME, LeakedText(tip[:12]), silent)
    assert not purging.search(NAME, LeakedText(child[:12]), silent)


def test_rewriting_keeps_what_does_not_change(
    repositories: LocalRepositories, purging: HistoryPurge, path: Path
) -> None:
    first = land(repositories, {"a.md": b"x", "folder/b.md": b"y"})
    land(repositories, {"folder/c.md": f"see {SECRET}".encode()})
    side = land(repositories, {"d.md": b"z"}, RefName("refs/heads/side"))
    land(repositories, {"folder/c.md": b"gone"})
    before = git(path, "rev-parse", "main")
    would = purging.rewrite(NAME, Plain(), silent, remember=None)
    assert git(path, "rev-parse", "main") == before, "it was only asked"
    done = purging.rewrite(NAME, Plain(), silent, remember=frozenset({"a" * 40}))
    assert done == would
    assert (len(done.became), done.refs) == (2, (MAIN,))
    assert {path for paths in done.paths.values() for path in paths} == {"folder/c.md"}
    assert git(path, "rev-parse", "main~2").strip() == first
    assert git(path, "rev-parse", "side").strip() == side
    assert git(path, "show", "main~1:folder/c.md") == "see ***REMOVED***"
    git(path, "fsck", "--full", "--strict", "--no-dangling")
    assert purging.remembered(NAME) == {"a" * 40}
    purging.rewrite(NAME, Plain(), silent, remember=frozenset({"b" * 40}))
    assert purging.remembered(NAME) == {"a" * 40, "b" * 40}, "the list only grows"
    with repositories.open(NAME) as store:
        assert store.purged() == {"a" * 40, "b" * 40}
        assert set(store.refs()) == {MAIN, "refs/heads/side"}


def test_ids_follow_in_messages_and_in_records_of_reviews(
    repositories: LocalRepositories, purging: HistoryPurge, path: Path
) -> None:
    first = land(repositories, {"a.md": SECRET.encode()})
    land(repositories, {"a.md": b"x"})
    meta = RefName("refs/merge-requests/1/meta")
    record = land(repositories, {"request.yaml": f"head: {first}\n".encode(), "note": b"by me"}, meta)
    other = land(repositories, {"request.yaml": f"head: {first}\n".encode()}, RefName("refs/heads/other"))
    message = f"This reverts commit {first}.\n"
    tip = git(path, "commit-tree", "-p", "main", "-m", message, "main^{tree}").strip()
    git(path, "update-ref", MAIN, tip)
    done = purging.rewrite(NAME, Plain(), silent, remember=frozenset({"a" * 40}))
    assert set(done.refs) == {MAIN, meta}
    new = git(path, "rev-parse", "main~2").strip()
    assert new != first
    assert git(path, "log", "-1", "--format=%B", "main").strip() == f"This reverts commit {new}."
    assert git(path, "show", f"{meta}:request.yaml") == f"head: {new}\n"
    assert git(path, "show", f"{meta}:note") == "by me"
    assert git(path, "rev-parse", meta).strip() != record
    assert git(path, "rev-parse", "other").strip() == other, "what is no record is not looked into"


def test_the_list_is_in_a_backup(repositories: LocalRepositories, purging: HistoryPurge, tmp_path: Path) -> None:
    land(repositories, {"a.md": SECRET.encode()})
    purging.rewrite(NAME, Plain(), silent, remember=frozenset({"a" * 40}))
    archives = GitArchives(repositories)
    with (tmp_path / "bundle").open("wb") as out:
        archives.write_bundle(archives.pin(NAME), out)
    back = LocalRepositories(tmp_path / "back", hook_command="/nowhere/promptuary")
    back.create(NAME)
    GitArchives(back).take_bundle(NAME, tmp_path / "bundle")
    assert GitPurging(back).remembered(NAME) == {"a" * 40}


def test_pruning_leaves_nothing_that_no_ref_reaches(
    repositories: LocalRepositories, purging: HistoryPurge, path: Path
) -> None:
    land(repositories, {"a.md": SECRET.encode()})
    repositories.maintain(NAME)  # packs with one index over all, and a commit graph
    for pack in (path / "objects/pack").glob("*.pack"):
        pack.with_suffix(".keep").touch()
    land(repositories, {"a.md": b"clean"})
    left = path / "objects/tmp_objdir-incoming-abc/aa"
    left.mkdir(parents=True)
    (left / "bb").write_text(SECRET)
    (path / "objects/pack/tmp_pack_abc").write_text(SECRET)
    (path / "objects/pack/pack-of-nothing.pack").write_text(SECRET)
    found = purging.search(NAME, LEAKED, silent)
    purging.rewrite(NAME, Plain(), silent, remember=found.ids())
    assert purging.search(NAME, LEAKED, silent)
    purging.prune(NAME, silent)
    assert not purging.search(NAME, LEAKED, silent)
    assert not purging.present(NAME, found.ids())
    files = [each for each in path.rglob("*") if each.is_file()]
    assert not [each for each in files if SECRET.encode() in each.read_bytes()]
    assert git(path, "reflog", "show", "main") == ""
    git(path, "fsck", "--full", "--strict")
    with repositories.open(NAME) as store:
        tip = store.resolve("main")
        assert tip is not None
        assert len(store.log(tip, "a.md", 5)) == 2
    repositories.maintain(NAME)


def test_a_ref_that_moves_meanwhile_is_not_lost(
    repositories: LocalRepositories, purging: HistoryPurge, path: Path
) -> None:
    land(repositories, {"a.md": SECRET.encode()})

    class Meddling(Plain):
        def text(self, text: bytes) -> bytes:
            if text == b"change":
                git(path, "update-ref", MAIN, git(path, "commit-tree", "-m", "x", f"{MAIN}^{{tree}}").strip())
            return super().text(text)

    with pytest.raises(Conflict, match="moved while the history was rewritten"):
        purging.rewrite(NAME, Meddling(), silent, remember=frozenset({"a" * 40}))
    purging.rewrite(NAME, Plain(), silent, remember=frozenset({"a" * 40}))
    assert git(path, "show", "main:a.md") == "***REMOVED***"


def test_objects_of_another_repository_are_refused(purging: HistoryPurge, path: Path) -> None:
    (path / "objects/info/alternates").write_text("/elsewhere\n")
    with pytest.raises(BadRequest, match="borrows objects"):
        purging.search(NAME, LEAKED, silent)


def test_it_waits_for_pushes_under_way(purging: HistoryPurge, path: Path) -> None:
    young, told = path / "objects/tmp_objdir-incoming-abc", []

    def tell(what: str, _done: int, _total: int) -> None:
        told.append(what)
        young.rmdir()

    young.mkdir()
    killed = path / "objects/tmp_objdir-incoming-old"
    killed.mkdir()
    os.utime(killed, (time.time() - 100,) * 2)
    with purging.begin(NAME, b"what", tell) as purge:
        assert told == ["waiting for pushes under way"]
        purge.finish()


def test_one_at_a_time_and_one_that_had_begun_first(
    repositories: LocalRepositories, purging: HistoryPurge, path: Path
) -> None:
    with purging.begin(NAME, b"one", silent) as first:
        assert (first.resumed, first.said) == (False, None)
        with pytest.raises(Unavailable, match="under way"), purging.begin(NAME, b"one", silent):
            pass
        with pytest.raises(Unavailable, match="being purged"):
            land(repositories, {"a.md": b"x"})
        with pytest.raises(Unavailable, match="being purged"):
            repositories.maintain(NAME)
        with pytest.raises(Unavailable, match="being purged"):
            GitArchives(repositories).pin(NAME)
        operation = first.operation
    with purging.begin(NAME, b"two", silent) as second:
        assert second.operation != operation, "the first had changed nothing"
        second.keep({"versions": 3})
        salt = second.salt
    assert (path / "promptuary-purge").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadRequest, match="completed first"), purging.begin(NAME, b"three", silent):
        pass
    with purging.begin(NAME, b"two", silent) as again:
        assert (again.resumed, again.said, again.salt) == (True, {"versions": 3}, salt)
        assert isinstance(again, PurgeMark)
        _finish(again)
    land(repositories, {"a.md": b"x"})


def _finish(purge: OpenPurge) -> None:
    purge.finish()
    purge.finish()


@pytest.fixture(params=[MemoryCache, RedisCache])
async def caches(request: pytest.FixtureRequest) -> AsyncIterator[tuple[FormerStates, MemoryCache | RedisCache]]:
    if request.param is MemoryCache:
        cache = MemoryCache(max_bytes=1_000_000)
        yield cache, cache
        return
    async with AsyncExitStack() as stack:
        name = f"test-{os.getpid()}-{time.monotonic_ns()}"
        yield redis_cache(stack, name, front_bytes=100_000), redis_cache(stack, name)


async def test_a_cache_forgets_for_all_processes(caches: tuple[FormerStates, MemoryCache | RedisCache]) -> None:
    here, there = caches
    for number in range(250):
        await there.put(f"key {number}", SECRET.encode(), seconds=60)
    if isinstance(there, RedisCache):
        await there.close()  # what waits is put
    await here.forget_former(NAME)
    assert [await there.find(f"key {number}") for number in range(250)] == [None] * 250


async def test_a_redis_that_is_away_is_told() -> None:
    server = RedisServer(redis_url().replace("127.0.0.1", "127.0.0.2").rpartition(":")[0] + ":1/0", "test")
    cache = RedisCache(server, front=MemoryCache(max_bytes=1_000), edition="1")
    with pytest.raises(Unavailable):
        await cache.forget_former(NAME)
    await cache.close()
    await server.close()


async def test_a_database_forgets_rows_that_were_deleted(place: Path | str) -> None:
    database = await Database.open(place, seconds=PATIENCE)
    fill = insert(search_counts)
    try:
        former: FormerStates = SqlFormerStates(database)
        if isinstance(place, Path):  # some builds of SQLite overwrite by themselves what is deleted
            await database.write(lambda on: on.exec_driver_sql("PRAGMA secure_delete=OFF"))
        rows = [{"index_id": 1, "facet": "tag", "value": f"{SECRET} {n}", "documents": 1} for n in range(100)]
        await database.write(
            lambda on: on.execute(insert(search_indexes), {"id": 1, "repository": NAME, "role": "live"})
        )
        await database.write(lambda on: on.execute(fill, [*rows, {**rows[0], "value": "kept"}]))
        await database.write(lambda on: on.execute(delete(search_counts).where(search_counts.c.value != "kept")))
        file = _file_of(place)
        await former.forget_former(NAME)
        kept = await database.read(lambda on: on.execute(select(search_counts.c.value)).scalars().all())
        assert kept == ["kept"]
        if isinstance(place, str):
            assert _file_of(place) != file, "PostgreSQL has written the table into another file"
        else:
            assert [each.name for each in place.parent.iterdir() if SECRET.encode() in each.read_bytes()] == []
    finally:
        await database.close()


def _file_of(place: Path | str) -> object:
    if isinstance(place, Path):
        return None
    return fetch_sql("SELECT pg_relation_filenode('search_counts'::regclass)", address=place)[0][0]


async def test_elasticsearch_keeps_only_what_is_searched() -> None:
    async with namespace() as (cluster, name):
        index = ElasticsearchSearchIndex(cluster, namespace=name, templates=None)  # type: ignore[arg-type]  # not asked
        former: FormerStates = index
        repository = RepositoryName("default")
        for ordinal, body in enumerate((f"one {SECRET}", "two", "three"), start=1):
            await index.renew(repository)
            await index.put([document("a", body, ordinal)])
            await index.swap(repository, 1)
        before = set(await cluster.call("GET", f"/{name}*/_alias"))
        await former.forget_former(repository)
        after = set(await cluster.call("GET", f"/{name}*/_alias"))
        assert after < before
        assert len(after) == 2, "of texts as they are, and of old ones"
        found = await index.fingerprints(repository)
        assert list(found) == ["a"]
