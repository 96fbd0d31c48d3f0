"""Migrated, empty catalogues, made once and copied or emptied: migrating takes longer than most tests."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.migrate import migrate
from registry.ports.search_index import CountedSearchIndex
from tests.databases import address_of, empty, migrated_database
from tests.searching import Engine, open_engine

PATIENCE = 10.0
"""How many seconds a read may take here: tests share their machine with others."""


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that others copy."""
    path = tmp_path_factory.mktemp("migrated") / "catalogue.db"
    migrate(path)
    return path


@pytest.fixture
def catalogue_path(migrated: Path, tmp_path: Path) -> Path:
    """An empty catalogue of the test's own."""
    return Path(shutil.copy(migrated, tmp_path / "catalogue.db"))


@pytest.fixture(scope="session")
def migrated_postgres() -> Iterator[str]:
    """The address of the database that all tests of this process use, one after the other."""
    with migrated_database() as name:
        yield address_of(name)


@pytest.fixture
def catalogue_url(migrated_postgres: str) -> str:
    """An empty catalogue of the test's own on PostgreSQL."""
    empty(migrated_postgres)
    return migrated_postgres


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Path | str:
    """An empty catalogue of the test's own, in each of the databases."""
    found: Path | str = request.getfixturevalue("catalogue_path" if request.param == "sqlite" else "catalogue_url")
    return found


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    """The same, open."""
    opened = await Database.open(place, seconds=PATIENCE)
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "postgres", "elasticsearch"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """An empty search index of the test's own, of each kind, with its catalogue."""
    place = request.getfixturevalue("catalogue_url" if request.param == "postgres" else "catalogue_path")
    async with open_engine(place, beside=request.param == "elasticsearch") as opened:
        yield opened


@pytest.fixture
def index(engine: Engine) -> CountedSearchIndex:
    """The index alone."""
    return engine.index
