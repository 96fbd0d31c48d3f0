"""The schema: what the migrations make is what the code expects, and starting is safe for two at once."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from registry.adapters.sql import kept_tables, migrate
from registry.adapters.sql.engine import Database
from registry.domain.errors import Unavailable

metadata = kept_tables.users.metadata
"""All tables: that module brings those of the other one with it."""

ROOT = Path(__file__).parents[2]
VIRTUAL = ("template_names", "search_text_", "search_heading_")


def test_the_newest_revision_is_the_one_that_the_code_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


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
