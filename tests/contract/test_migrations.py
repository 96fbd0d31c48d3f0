"""The schema: what the migrations make is what the code expects, and starting is safe for two at once."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from registry.adapters.sql import migrate, sign_in_tables
from registry.adapters.sql.accounts import SqlKeys
from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.domain.errors import Unavailable
from registry.domain.ids import LabelName, RepositoryName, TemplateName
from registry.domain.reads import ReadCount, ReadsBy
from registry.domain.rights import EVERY_RIGHT, NOTHING, SERVER, Rights
from tests.databases import address_of, fetch_sql, leave_schema, own_database, run_sql

metadata = sign_in_tables.metadata
"""All tables: that module brings those of the others with it."""

ROOT = Path(__file__).parents[2]
VIRTUAL = ("template_names", "search_text_", "search_heading_")
REVISIONS = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013"]


def test_the_newest_revision_is_the_one_that_the_code_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]
    assert REVISIONS[-1] == migrate.HEAD


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # the test below compares them
def test_the_migrated_schema_is_the_models(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    migrate.migrate(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        options = {"include_name": lambda name, kind, _: kind != "table" or not name.startswith(VIRTUAL)}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    assert differences == []


def test_tables_are_stored_as_the_models_say(tmp_path: Path) -> None:
    """What a comparison of columns does not see: rows without rowid, autoincrement, primary keys in their order."""
    migrated, made = tmp_path / "migrated.db", tmp_path / "made.db"
    migrate.migrate(migrated)
    engine = create_engine(f"sqlite:///{made}")
    metadata.create_all(engine)
    engine.dispose()
    assert {name: sql for name, sql in _schema(migrated).items() if not name.startswith(VIRTUAL)} == _schema(made)


def _schema(path: Path) -> dict[str, list[str]]:
    """Every table's parts; their order does not matter, but within a key it does."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        ours = {name: sorted(re.sub(r'[\s"()]', "", sql).split(",")) for name, sql in rows}
    return {name: parts for name, parts in ours.items() if name not in {"alembic_version", "sqlite_sequence"}}


def test_two_processes_may_start_at_once(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    code = "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
    code += "from registry.adapters.sql.migrate import migrate; migrate(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(path), str(ROOT)]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    told = [child.communicate(timeout=60)[1] for child in children]
    assert [child.returncode for child in children] == [0] * 4, told
    assert _schema(path)


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    for _ in range(2):
        database = await Database.open(path)
        await database.close()
        before = _schema(path)
    assert _schema(path) == before


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    migrate.migrate(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="newer Promptuary"):
        asyncio.run(Database.open(path))


COLUMNS = """
SELECT table_name || '.' || column_name, data_type, is_nullable, collation_name,
       replace(column_default, '::regclass', '') AS value
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"


def _described(address: str) -> list[tuple[object, ...]]:
    rows = [tuple(row) for query in (COLUMNS, CONSTRAINTS, INDEXES) for row in fetch_sql(query, address=address)]
    return [row for row in rows if not re.match(rf"(ix_|pk_)?({'|'.join(VIRTUAL)}|alembic_version)", str(row[0]))]


def test_on_postgresql_the_migrated_schema_is_the_models(catalogue_url: str) -> None:
    async def make(address: str) -> None:
        engine = create_async_engine(address.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()

    with own_database() as name:
        asyncio.run(make(address_of(name)))
        made = _described(address_of(name))
    assert len(made) > 100
    assert _described(catalogue_url) == made
    text = [row for row in made if row[1] == "text" and "." in str(row[0])]
    assert {row[3] for row in text} == {"C"}  # compared byte by byte, as in SQLite


MIGRATES = """
import asyncio, sys
from registry.adapters.sql.engine import Database

async def main():
    await (await Database.open(sys.argv[1])).close()

asyncio.run(main())
"""


def test_on_postgresql_several_processes_may_start_at_once() -> None:
    with own_database() as name:
        command = [sys.executable, "-c", MIGRATES, address_of(name)]
        children = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
        told = [child.communicate(timeout=60)[1] for child in children]
        assert [child.returncode for child in children] == [0] * 3, told
        (row,) = fetch_sql("SELECT version_num FROM alembic_version", address=address_of(name))
        assert row[0] == migrate.HEAD


def test_a_database_of_a_newer_version_is_left_alone() -> None:
    with own_database() as name:
        newer = "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('9999')"
        run_sql(newer, address=address_of(name))
        with pytest.raises(Unavailable, match="newer Promptuary"):
            asyncio.run(Database.open(address_of(name)))
        assert len(fetch_sql("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", address=address_of(name))) == 1


KEPT = """
INSERT INTO users (id, "user", name, email) VALUES (1, 'kim', '김', 'kim@example.com');
INSERT INTO keys (id, user_id, scope, hash, created_at, note) VALUES ('k1', 1, 'admin', 'aa', 1, 'ci');
INSERT INTO keys (id, user_id, scope, hash, created_at, revoked_at, note) VALUES ('k2', 1, 'read', 'bb', 1, 2000000, '');
INSERT INTO keys (id, user_id, scope, hash, created_at, expires_at, note) VALUES ('k3', 1, 'read', 'cc', 1, 3000000, '');
INSERT INTO repositories (id, name, live_build) VALUES (1, 'default', 1);
INSERT INTO builds (id, repository_id, ref, "commit", ordinal, schema, rules, updated_at)
VALUES (1, 1, 'refs/heads/main', 'c0ffee', 3, 1, 'null', 1)
"""
COUNTED_SINCE = "0004"
ROLES_SINCE = "0008"
COUNTED = """
INSERT INTO read_counts (repository, name, day, version, label, key_id, reads)
VALUES ('default', '고객/환불', 1, 2, 'production', 'k1', 5000000000)
"""


@pytest.mark.parametrize("revision", REVISIONS[:-1])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_what_an_earlier_release_wrote_is_there_after_the_upgrade(
    kind: str, revision: str, tmp_path: Path
) -> None:
    with own_database() if kind == "postgres" else nullcontext() as name:
        place = address_of(name) if name else tmp_path / "catalogue.db"
        kept = [*KEPT.split(";"), *([COUNTED] if revision >= COUNTED_SINCE else [])]
        await leave_schema(revision, place, *kept)
        database = await Database.open(place)
        await _assert_keys_kept(database, rights=EVERY_RIGHT if revision < ROLES_SINCE else NOTHING)
        checkpoint = await SqlProjection(database).checkpoint("default")
        assert checkpoint is not None
        assert (checkpoint.commit, checkpoint.ordinal) == ("c0ffee", 3)
        await _assert_counts_kept(database, counted=revision >= COUNTED_SINCE)
        await database.close()


async def _assert_keys_kept(database: Database, rights: Rights) -> None:
    found = await SqlKeys(database).find("aa")
    assert found is not None
    assert (found[0].id, found[0].note, found[0].places, found[1].user.name) == ("k1", "ci", (SERVER,), "김")
    assert found[0].made_by is None
    assert found[1].rights == rights, "as the widest of the keys allowed"
    ends = {key.id: (key.revoked_at, key.expires_at) for key in await SqlKeys(database).list_keys()}
    revoked, expires = (datetime.fromtimestamp(seconds, UTC) for seconds in (2, 3))
    assert ends == {"k1": (None, None), "k2": (revoked, None), "k3": (None, expires)}


async def _assert_counts_kept(database: Database, *, counted: bool) -> None:
    day = date(1970, 1, 2)
    found = await SqlReadLedger(database).counts(RepositoryName("default"), day, day, by=ReadsBy)
    kept = ReadCount(5_000_000_000, day, TemplateName("고객/환불"), 2, LabelName("production"), "k1")
    assert found.counts == ((kept,) if counted else ())
