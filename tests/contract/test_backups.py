"""What every place for backups, every form of a repository in one, and every database's records promise."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table

from registry.adapters.blobs.bucket import BucketBlobStore
from registry.adapters.blobs.folder import FolderBlobStore
from registry.adapters.git.archives import GitArchives
from registry.adapters.git.repositories import LocalRepositories
from registry.adapters.sql import kept_records, kept_tables, sign_in_tables
from registry.adapters.sql.accounts import SqlKeys, SqlUsers
from registry.adapters.sql.engine import Database, Deadline
from registry.adapters.sql.grants import SqlGrants, SqlGroups
from registry.adapters.sql.kept_records import SqlKeptRecords
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.disk import open_blob_store
from registry.domain.access import ApiKey, Grant, Identified, User
from registry.domain.backups import KeptRecord, PinnedRepository, RecordKind, read_record, write_record
from registry.domain.errors import BadRequest, NotFound, RepositoryNotFound, Unavailable
from registry.domain.ids import GroupName, RefName, RepositoryName, UserName
from registry.domain.reads import ReadsBy, ReadState
from registry.domain.rights import SERVER, Place, on_server
from registry.domain.roles import Role, Scope
from registry.ports.backups import BlobStore
from tests.buckets import Bucket, s3_server
from tests.running import commit, git, run_git, text_template

NAME = RepositoryName("default")


@pytest.fixture(scope="module")
def s3() -> Iterator[Bucket]:
    with s3_server() as server:
        yield server


MAIN = RefName("refs/heads/main")


@pytest.fixture(params=["folder", "bucket", "whole bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return FolderBlobStore(tmp_path / "not" / "there yet")
    s3: Bucket = request.getfixturevalue("s3")
    bucket = s3.make()
    return BucketBlobStore(
        bucket,
        "a/b" if request.param == "bucket" else "",
        region="us-east-1",
        endpoint=s3.address,
        key_id="a",
        secret="b",
    )


def put(store: BlobStore, name: str, content: bytes) -> None:
    with store.writing(name) as file:
        for start in range(0, len(content), 3):
            file.write(content[start : start + 3])


def get(store: BlobStore, name: str) -> bytes:
    with store.reading(name) as file:
        return file.read()


def test_what_is_written_is_there_whole(store: BlobStore) -> None:
    assert store.names() == []
    put(store, "b/two.bundle", b"second" * 1000)
    put(store, "a/한글.json", b"")
    assert store.names() == ["a/한글.json", "b/two.bundle"]
    assert (get(store, "a/한글.json"), get(store, "b/two.bundle")) == (b"", b"second" * 1000)
    put(store, "b/two.bundle", b"anew")
    assert get(store, "b/two.bundle") == b"anew"


def test_a_large_file_goes_up_in_pieces(store: BlobStore) -> None:
    content = bytes(range(256)) * 80_000
    with store.writing("large") as file:
        for start in range(0, len(content), 1 << 20):
            file.write(content[start : start + (1 << 20)])
    with store.reading("large") as file:
        assert (file.read(10), file.read(5)) == (content[:10], content[10:15])
        assert file.read() == content[15:]


@pytest.mark.parametrize("away", [False, True])
def test_a_bucket_that_is_not_there(s3: Bucket, *, away: bool) -> None:
    endpoint = "http://127.0.0.1:9" if away else s3.address
    missing = BucketBlobStore("not-there", "", region="us-east-1", endpoint=endpoint, key_id="a", secret="s3cr3t")
    assert missing.describe() == "s3://not-there"
    with pytest.raises(Unavailable, match="s3://not-there cannot be read") as raised:
        missing.names()
    assert "s3cr3t" not in raised.value.message
    with pytest.raises(Unavailable, match="s3://not-there cannot be written"):
        put(missing, "a", b"x")


@pytest.mark.parametrize("address", ["gs://x/y", "s3://", "https://x", "file:///x"])
def test_places_that_are_none(address: str) -> None:
    with pytest.raises(BadRequest, match="s3://BUCKET"):
        open_blob_store(address)


def cut_off(store: BlobStore, name: str) -> None:
    with store.writing(name) as file:
        file.write(b"half")
        raise KeyError


def test_what_was_cut_off_is_not_there(store: BlobStore) -> None:
    put(store, "a", b"kept")
    for name in ("a", "b/c"):
        with pytest.raises(KeyError):
            cut_off(store, name)
    assert (store.names(), get(store, "a")) == (["a"], b"kept")


def test_what_is_gone_is_gone(store: BlobStore) -> None:
    put(store, "a/b/c", b"x")
    store.delete("a/b/c")
    store.delete("a/b/c")
    assert store.names() == []
    with pytest.raises(NotFound), store.reading("a/b/c"):
        pass


def test_a_folders_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path / "new")
    put(store, "a/b", b"secret")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").rglob("*")}
    assert modes == {"a": 0o700, "b": 0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert str(tmp_path) in store.describe()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FolderBlobStore(tmp_path / "file")
    with pytest.raises(Unavailable, match="file"), store.writing("a"):
        pass


def test_a_file_under_way_is_not_listed(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path)
    with store.writing("a/b") as file:
        file.write(b"x")
        assert store.names() == []
    assert store.names() == ["a/b"]


@pytest.fixture
def repositories(tmp_path: Path) -> LocalRepositories:
    made = LocalRepositories(tmp_path / "repositories", hook_command="/nowhere/promptuary")
    made.create(NAME)
    return made


@pytest.fixture
def commits(repositories: LocalRepositories) -> Callable[[str], str]:
    """Makes a commit on main."""
    bare = repositories.path(NAME)

    def make(text: str) -> str:
        there = run_git(bare, "rev-parse", "--verify", "-q", MAIN).stdout.decode().strip() or None
        made = commit(bare, there, {"prompts/a.prompt.yaml": text_template(text)})
        git(bare, "update-ref", MAIN, made)
        return made

    return make


def bundled(archives: GitArchives, pinned: PinnedRepository, path: Path) -> Path:
    with path.open("wb") as out:
        archives.write_bundle(pinned, out)
    return path


def test_a_repository_comes_back_with_every_ref(
    repositories: LocalRepositories, commits: Callable[[str], str], tmp_path: Path
) -> None:
    bare, archives = repositories.path(NAME), GitArchives(repositories)
    commits("one")
    git(bare, "tag", "-a", "v1", "-m", "the first", MAIN)
    git(bare, "update-ref", "refs/merge-requests/1/head", MAIN)
    git(bare, "branch", "가지", MAIN)
    commits("two")
    bundle = bundled(archives, archives.pin(NAME), tmp_path / "b.bundle")
    other = RepositoryName("other")
    repositories.create(other)
    refs = archives.take_bundle(other, bundle)
    assert refs == archives.pin(NAME).refs
    assert set(refs) == {MAIN, "refs/heads/가지", "refs/tags/v1", "refs/merge-requests/1/head"}
    assert git(repositories.path(other), "fsck", "--full", "--strict", "--no-dangling") == ""
    assert git(repositories.path(other), "cat-file", "-t", "v1").strip() == "tag"
    plain = tmp_path / "plain"
    git(tmp_path, "clone", "-q", str(bundle), str(plain))
    assert (plain / "prompts/a.prompt.yaml").read_text() == text_template("two"), "readable without Promptuary"


def test_a_bundle_is_of_the_moment_of_its_pins(
    repositories: LocalRepositories, commits: Callable[[str], str], tmp_path: Path
) -> None:
    archives, bare = GitArchives(repositories), repositories.path(NAME)
    first = commits("one")
    git(bare, "branch", "gone", MAIN)
    pinned = archives.pin(NAME)
    commits("two")
    git(bare, "branch", "-D", "gone")
    repositories.maintain(NAME)
    repositories.create(RepositoryName("other"))
    refs = archives.take_bundle(RepositoryName("other"), bundled(archives, pinned, tmp_path / "b"))
    assert refs == {MAIN: first, "refs/heads/gone": first}


@pytest.mark.parametrize("damage", ["cut", "turned", "empty"])
def test_a_damaged_bundle_is_refused(
    repositories: LocalRepositories, commits: Callable[[str], str], tmp_path: Path, damage: str
) -> None:
    archives = GitArchives(repositories)
    commits("one")
    bundle = bundled(archives, archives.pin(NAME), tmp_path / "b.bundle")
    content = bytearray(bundle.read_bytes())
    if damage == "turned":
        content[-30] ^= 0xFF
    bundle.write_bytes(content[: {"cut": len(content) // 2, "turned": len(content), "empty": 0}[damage]])
    repositories.create(RepositoryName("other"))
    with pytest.raises(BadRequest, match="other"):
        archives.take_bundle(RepositoryName("other"), bundle)
    assert archives.pin(RepositoryName("other")).refs == {}


def test_an_empty_repository_and_one_that_is_not_there(repositories: LocalRepositories) -> None:
    archives = GitArchives(repositories)
    assert archives.pin(NAME) == PinnedRepository(NAME, MAIN, {})
    with pytest.raises(RepositoryNotFound):
        archives.pin(RepositoryName("nowhere"))


def test_git_that_fails_is_told(repositories: LocalRepositories) -> None:
    archives = GitArchives(repositories)
    with pytest.raises(Unavailable, match="pack-objects"):
        archives.write_bundle(PinnedRepository(NAME, MAIN, {MAIN: "1" * 40}), BytesIO())


MADE = datetime(2026, 3, 1, 12, 30, 5, 123456, tzinfo=UTC)


async def fill(database: Database) -> None:
    users, keys, reads = SqlUsers(database), SqlKeys(database), SqlReadLedger(database)
    for name in ("zoe", "ada"):
        await users.put(User(UserName(name), f"{name} 박", f"{name}@example.com"))
    groups, grants = SqlGroups(database), SqlGrants(database)
    await groups.put(GroupName("team"), "팀")
    await groups.set_members(GroupName("team"), [UserName("ada")])
    await grants.add(Grant("g1", Role.ADMINISTRATOR, SERVER, MADE, UserName("zoe"), user=UserName("zoe")))
    support = Place(NAME, "고객/support")
    await grants.add(Grant("g2", Role.AUTHOR, support, MADE, UserName("zoe"), group=GroupName("team")))
    await keys.add(ApiKey("k1", UserName("ada"), Scope.WRITE, "a" * 64, MADE, None, None, 'it\'s "quoted"\n둘'))
    await keys.add(ApiKey("k2", UserName("zoe"), Scope.ADMIN, "b" * 64, MADE, MADE, MADE, "", made_by="k1"))
    await reads.add(date(2026, 3, 6), {(ReadState("default", "고객지원/환불", 2, "production"), "k1"): 5})
    await reads.add(date(2026, 3, 6), {(ReadState("default", "a", None, None), None): 2**40})


async def copied(database: Database) -> list[KeptRecord]:
    found: list[KeptRecord] = []
    await SqlKeptRecords(database).copy(found.append)
    return found


async def test_records_come_back_equal_in_either_database(database: Database, migrated: Path, tmp_path: Path) -> None:
    assert await SqlKeptRecords(database).count() == 0
    await fill(database)
    records = await copied(database)
    assert [record.kind for record in records] == [
        *[RecordKind.USER] * 2,
        RecordKind.GROUP,
        RecordKind.MEMBER,
        *[RecordKind.GRANT] * 2,
        *[RecordKind.KEY] * 2,
        *[RecordKind.READ_COUNT] * 2,
    ]
    assert await SqlKeptRecords(database).count() == 10
    path = tmp_path / "second.db"
    path.write_bytes(migrated.read_bytes())
    second = await Database.open(path)
    try:
        await SqlKeptRecords(second).load(read_record(write_record(record)) for record in records)
        assert await copied(second) == records
        assert await SqlKeys(second).list_keys() == await SqlKeys(database).list_keys()
        assert await SqlGrants(second).list_grants() == await SqlGrants(database).list_grants()
        assert await SqlGroups(second).list_groups() == await SqlGroups(database).list_groups()
        first = await SqlUsers(second).first()
        assert first is not None
        assert first.user == "zoe", "the administrator is who was made first"
        by = (ReadsBy.NAME, ReadsBy.VERSION, ReadsBy.LABEL, ReadsBy.KEY)
        days = (date(2026, 3, 1), date(2026, 3, 9))
        there, here = [await SqlReadLedger(each).counts("default", *days, by=by) for each in (second, database)]  # type: ignore[arg-type]
        assert there == here
        assert there.total == 2**40 + 5
        await SqlKeptRecords(database).load(await copied(second))
        assert await copied(database) == records, "and back again"
    finally:
        await second.close()


async def test_records_take_the_place_of_what_there_is_or_nothing_does(database: Database) -> None:
    await fill(database)
    before = await copied(database)
    kept = SqlKeptRecords(database)
    key = next(record for record in before if record.kind is RecordKind.KEY)
    stranger = KeptRecord(RecordKind.KEY, {**key.values, "id": "k9", "hash": "c" * 64, "user": "nobody"})
    for wrong in (stranger, KeptRecord(RecordKind.USER, {"user": "x", "wings": 2})):
        with pytest.raises(BadRequest):
            await kept.load([*before, wrong])
        assert await copied(database) == before
    without_keys = [record for record in before if record.kind is not RecordKind.KEY]
    await kept.load(without_keys)
    assert await copied(database) == without_keys


async def test_an_archive_of_before_roles_gives_what_the_keys_allowed(database: Database) -> None:
    user = KeptRecord(RecordKind.USER, {"user": "ada", "name": "Ada", "email": "ada@example.com"})
    key = {"user": "ada", "created_at": 1, "expires_at": None, "revoked_at": None, "note": ""}
    keys = [
        KeptRecord(RecordKind.KEY, {**key, "id": scope, "scope": scope, "hash": scope}) for scope in ("write", "read")
    ]
    await SqlKeptRecords(database).load([user, *keys])
    ada = await SqlGrants(database).identify(UserName("ada"))
    assert ada == Identified(User(UserName("ada"), "Ada", "ada@example.com"), on_server(Role.AUTHOR))
    assert {each.places for each in await SqlKeys(database).list_keys()} == {(SERVER,)}


async def test_what_is_read_again_because_a_connection_was_lost_is_given_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database)
    before = await copied(database)
    read = database.read

    async def twice(work: Callable[[Connection], Any], *, deadline: Deadline) -> Any:
        await read(work, deadline=deadline)
        return await read(work, deadline=deadline)

    monkeypatch.setattr(database, "read", twice)
    assert await copied(database) == before


def test_every_table_that_git_cannot_give_back_is_in_a_backup() -> None:
    modules = {**vars(kept_tables), **vars(sign_in_tables)}
    kept = {value for value in modules.values() if isinstance(value, Table)}
    left_out = {
        kept_tables.registry,  # the manifest has the registry's id
        *(sign_in_tables.sessions, sign_in_tables.refresh_tokens, sign_in_tables.device_grants, sign_in_tables.links),
    }
    assert set(kept_records._TABLES.values()) == kept - left_out


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"kind": "wing"}', b"\xff"])
def test_a_line_that_is_no_record(line: bytes) -> None:
    with pytest.raises(BadRequest):
        read_record(line)


def test_git_bundle_verifies_them(
    repositories: LocalRepositories, commits: Callable[[str], str], tmp_path: Path
) -> None:
    commits("one")
    archives = GitArchives(repositories)
    bundle = bundled(archives, archives.pin(NAME), tmp_path / "b.bundle")
    said = subprocess.run(
        ["git", "-C", str(repositories.path(NAME)), "bundle", "verify", str(bundle)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "complete history" in said.stdout + said.stderr
