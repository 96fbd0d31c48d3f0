"""No command works on a data folder and a database of different registries: on SQLite, and on a real PostgreSQL."""

import asyncio
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from registry.domain.backups import MANIFEST
from tests.cli.conftest import Done, Run
from tests.databases import address_of, fetch_sql, leave_schema, migrated_database, own_database, run_sql
from tests.running import commit, git, run_git, text_template

pytestmark = pytest.mark.e2e

COMMANDS = ["backup {aside}", "index verify", "index rebuild", "index status", "init more", "key create", "key list"]
OTHER = "0123456789abcdef"
BARE = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
on_postgres = pytest.mark.parametrize("tier", ["postgres"], indirect=True)
on_sqlite = pytest.mark.parametrize("tier", ["sqlite"], indirect=True)

Sql = Callable[..., list[Any]]


@pytest.fixture(params=["sqlite", "postgres"])
def tier(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of either tier."""
    return request.getfixturevalue("postgres") if request.param == "postgres" else {}


@pytest.fixture
def data(tmp_path: Path, stocked_folder: Path, run: Run, tier: dict[str, str]) -> Path:
    """A data folder with a repository, whose catalogue is in that tier."""
    folder = tmp_path / "data"
    shutil.copytree(stocked_folder, folder)
    if tier:
        for path in folder.glob("catalogue.sqlite*"):
            path.unlink()
    assert run("key", "create", **tier).code == 0
    assert run("index", "rebuild", **tier).code == 0
    return folder


@pytest.fixture
def sql(data: Path, tier: dict[str, str]) -> Sql:
    """Asks the database past everything."""

    def ask(statement: str) -> list[Any]:
        if tier:
            address = tier["PROMPTUARY_DATABASE_URL"]
            return [tuple(row) for row in fetch_sql(statement, address=address)]
        with closing(sqlite3.connect(data / "catalogue.sqlite")) as connection, connection:
            return connection.execute(statement).fetchall()

    return ask


def id_of(data: Path) -> str:
    return (data / "registry-id").read_text().strip()


def emptied(data: Path) -> None:
    """As a volume that is new, or was not mounted: nothing but an empty folder for repositories."""
    for path in data.iterdir():
        if not path.name.startswith("catalogue"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (data / "repositories").mkdir()


def of_another(data: Path) -> None:
    (data / "registry-id").write_text(OTHER)


def assert_refused(done: Done, data: Path, there: str) -> None:
    assert (done.code, len(done.err.splitlines())) == (2, 1), done
    words = (str(data), there, "do not belong together", "PROMPTUARY_DATA and PROMPTUARY_DATABASE_URL")
    assert [word for word in words if word not in done.err] == [], done.err


def test_both_have_the_same_from_the_first_command_on(data: Path, sql: Sql) -> None:
    assert sql("SELECT id FROM registry") == [(id_of(data),)]


@pytest.mark.parametrize("mistake", [emptied, of_another])
def test_a_wrong_folder_changes_nothing(
    data: Path, tmp_path: Path, run: Run, tier: dict[str, str], sql: Sql, mistake: Callable[[Path], None]
) -> None:
    there = id_of(data)
    mistake(data)

    def state() -> tuple[Any, ...]:
        asked = ("SELECT name, live_build FROM repositories", "SELECT count(*) FROM versions", "SELECT id FROM keys")
        return (*map(sql, asked), sorted(path.name for path in data.rglob("*") if "sqlite-" not in path.name))

    before = state()
    assert before[0], "there is something to lose"
    for command in COMMANDS:
        assert_refused(run(*command.format(aside=tmp_path / "aside").split(), **tier), data, there)
    assert (state(), (tmp_path / "aside").exists()) == (before, False)
    found = {each["check"]: each for each in run("doctor", "--json", **tier).json["findings"]}["registry-id"]
    assert (found["grade"], there in found["found"], there in found["command"]) == ("problem", True, True)


@on_postgres
@pytest.mark.parametrize("command", ["serve", "git", "indexer"])
@pytest.mark.parametrize("mistake", [emptied, of_another])
def test_no_server_starts(
    data: Path, process: Run, tier: dict[str, str], command: str, mistake: Callable[[Path], None]
) -> None:
    there = id_of(data)
    mistake(data)
    assert_refused(process(command, PROMPTUARY_PORT="0", PROMPTUARY_DATA=str(data), **tier), data, there)


@on_sqlite
@pytest.mark.usefixtures("tier")
def test_a_push_into_the_folder_is_refused(data: Path, tmp_path: Path) -> None:
    of_another(data)
    bare = data / "repositories/default.git"
    checkout = tmp_path / "checkout"
    git(tmp_path, "clone", "-q", str(bare), str(checkout))
    made = commit(checkout, git(checkout, "rev-parse", "HEAD").strip(), {"prompts/b.prompt.yaml": text_template("b")})
    pushed = run_git(checkout, "push", "-q", "origin", f"{made}:main")
    assert (pushed.returncode, b"do not belong together" in pushed.stderr) == (1, True), pushed.stderr


def test_who_knows_better_says_so(data: Path, run: Run, tier: dict[str, str]) -> None:
    there = id_of(data)
    (data / "registry-id").unlink()
    refused = run("index", "verify", **tier)
    assert_refused(refused, data, there)
    command = refused.err.strip().rpartition(": ")[2]
    assert command == f"echo {there} > {data}/registry-id"
    (data / "registry-id").write_text(f"{there}\n")
    assert run("index", "verify", **tier).code == 0


def test_what_an_earlier_version_left_gets_one(data: Path, run: Run, tier: dict[str, str], sql: Sql) -> None:
    first = id_of(data)
    (data / "registry-id").unlink()
    address = tier.get("PROMPTUARY_DATABASE_URL", "")
    if tier:
        run_sql(BARE, address=address)
    else:
        for path in data.glob("catalogue.sqlite*"):
            path.unlink()
    asyncio.run(leave_schema("0006", address or data / "catalogue.sqlite"))
    assert run("index", "rebuild", **tier).code == 0
    assert sql("SELECT id FROM registry") == [(id_of(data),)]
    assert id_of(data) != first


def test_a_database_that_lost_everything_takes_the_folders(
    data: Path, run: Run, tier: dict[str, str], sql: Sql
) -> None:
    first = id_of(data)
    if tier:
        run_sql(BARE, address=tier["PROMPTUARY_DATABASE_URL"])
    else:
        for path in data.glob("catalogue.sqlite*"):
            path.unlink()
    assert run("index", "rebuild", **tier).code == 0
    assert (id_of(data), sql("SELECT id FROM registry")) == (first, [(first,)])


@on_postgres
def test_the_database_is_named_without_its_password(data: Path, run: Run, tier: dict[str, str]) -> None:
    of_another(data)
    account, _, place = tier["PROMPTUARY_DATABASE_URL"].rpartition("@")
    for text in (run("key", "list", **tier).err, run("doctor", "--json", **tier).out):
        assert f"the database {place} has" in text
        assert account.partition("//")[2] not in text


def test_an_archive_brings_the_id(data: Path, tmp_path: Path, run: Run, tier: dict[str, str]) -> None:
    made = run("backup", str(tmp_path / "kept"), "--json", **tier)
    assert made.json["registry_id"] == id_of(data)
    back = tmp_path / "back"
    with own_database() as name:
        for settings, folder in (({"PROMPTUARY_DATABASE_URL": address_of(name)}, back), ({}, tmp_path / "file")):
            restored = run("restore", str(tmp_path / "kept"), "--data", str(folder), "--json", **settings)
            assert (restored.code, restored.json["registry_id"]) == (0, id_of(data))
            assert id_of(folder) == id_of(data)
            assert run("index", "verify", "--data", str(folder), **settings).code == 0
        assert [tuple(row) for row in fetch_sql("SELECT id FROM registry", address=address_of(name))] == [
            (id_of(data),)
        ]


def as_an_earlier_version_made_it(archive: Path) -> None:
    body = json.loads((archive / MANIFEST).read_text())
    del body["registry_id"], body["checksum"]
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    (archive / MANIFEST).write_text(json.dumps({**body, "checksum": hashlib.sha256(text.encode()).hexdigest()}))


@on_postgres
@pytest.mark.parametrize("earlier", [False, True])
def test_accounts_come_back_by_way_of_another_folder(
    data: Path, tmp_path: Path, run: Run, tier: dict[str, str], *, earlier: bool
) -> None:
    """As docs/degraded.md says: the data folder stays, and the database is filled from an archive."""
    keys, first = run("key", "list", "--json", **tier).json, id_of(data)
    made = run("backup", str(tmp_path / "kept"), "--json", **tier).json
    if earlier:
        as_an_earlier_version_made_it(tmp_path / "kept" / made["archive"])
    run_sql(BARE, address=tier["PROMPTUARY_DATABASE_URL"])
    restored = run("restore", str(tmp_path / "kept"), "--data", str(tmp_path / "restored"), **tier)
    assert restored.code == 0, restored.err
    shutil.rmtree(tmp_path / "restored")
    assert run("key", "list", "--json", **tier).json == keys
    assert (id_of(data), run("index", "verify", **tier).code) == (first, 0)


def test_an_archive_of_an_earlier_version_is_restored(
    data: Path, tmp_path: Path, run: Run, tier: dict[str, str]
) -> None:
    made = run("backup", str(tmp_path / "kept"), "--json", **tier).json
    as_an_earlier_version_made_it(tmp_path / "kept" / made["archive"])
    back = tmp_path / "back"
    with own_database() as name:
        settings = {"PROMPTUARY_DATABASE_URL": address_of(name)} if tier else {}
        restored = run("restore", str(tmp_path / "kept"), "--data", str(back), "--json", **settings)
        assert (restored.code, restored.json["registry_id"]) == (0, None), restored.err
        assert run("index", "verify", "--data", str(back), **settings).code == 0
        assert id_of(back) != id_of(data), "the first start makes one"


@on_postgres
def test_an_archive_of_another_registry_does_not_fit_the_folder(
    data: Path, tmp_path: Path, run: Run, tier: dict[str, str]
) -> None:
    other = tmp_path / "other"
    assert run("init", "default", "--data", str(other)).code == 0
    assert run("backup", str(tmp_path / "kept"), "--data", str(other)).code == 0
    run_sql(BARE, address=tier["PROMPTUARY_DATABASE_URL"])
    assert run("restore", str(tmp_path / "kept"), "--data", str(tmp_path / "restored"), **tier).code == 0
    assert_refused(run("index", "rebuild", **tier), data, id_of(other))


@on_postgres
def test_a_restore_that_was_cut_off_gives_way_to_another_archive(
    data: Path, tmp_path: Path, run: Run, tier: dict[str, str]
) -> None:
    assert run("backup", str(tmp_path / "kept"), **tier).code == 0
    back = tmp_path / "back"
    (back / "restoring").mkdir(parents=True)
    (back / "registry-id").write_text(OTHER)  # of the archive that it began with
    (back / "registry-id.half").write_text("0123")
    with migrated_database() as name:
        run_sql(f"INSERT INTO registry VALUES (1, '{OTHER}')", address=address_of(name))
        settings = {"PROMPTUARY_DATABASE_URL": address_of(name)}
        restored = run("restore", str(tmp_path / "kept"), "--data", str(back), **settings)
        assert (restored.code, id_of(back)) == (0, id_of(data)), restored.err
        assert run("index", "verify", "--data", str(back), **settings).code == 0


def test_an_archive_with_a_wrong_id_is_refused(data: Path, tmp_path: Path, run: Run, tier: dict[str, str]) -> None:
    made = run("backup", str(tmp_path / "kept"), "--json", **tier).json
    manifest = tmp_path / "kept" / made["archive"] / MANIFEST
    manifest.write_text(manifest.read_text().replace(id_of(data), "$(reboot)"))
    refused = run("restore", str(tmp_path / "kept"), "--data", str(tmp_path / "back"), **tier)
    assert (refused.code, "is not as it was written" in refused.err) == (2, True), refused.err
    as_an_earlier_version_made_it(manifest.parent)
    body = json.loads(manifest.read_text())
    del body["checksum"]
    text = json.dumps({**body, "registry_id": 7}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    manifest.write_text(json.dumps({**json.loads(text), "checksum": hashlib.sha256(text.encode()).hexdigest()}))
    refused = run("restore", str(tmp_path / "kept"), "--data", str(tmp_path / "back"), **tier)
    assert (refused.code, "registry id that is none" in refused.err) == (2, True), refused.err
    assert not (tmp_path / "back" / "registry-id").exists()


@on_postgres
def test_from_a_file_to_a_new_database_and_back(data: Path, tmp_path: Path, run: Run, tier: dict[str, str]) -> None:
    """The folder goes on with either; each of them knows it."""
    with own_database() as name:
        new = {"PROMPTUARY_DATABASE_URL": address_of(name)}
        assert run("index", "rebuild", **new).code == 0
        assert [tuple(row) for row in fetch_sql("SELECT id FROM registry", address=address_of(name))] == [
            (id_of(data),)
        ]
    assert run("index", "verify", **tier).code == 0
