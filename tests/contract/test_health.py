"""Ports of ``registry.ports.health``: they tell facts of what is there, of what is not, and raise nothing."""

from pathlib import Path

import pytest

from registry.adapters.git.health import LocalGitHealth
from registry.adapters.local.places import LocalPlaces
from registry.adapters.sql.engine import Database
from registry.adapters.sql.health import SqliteHealth
from registry.adapters.sql.postgres_health import PostgresHealth
from registry.adapters.sql.projection import SqlProjection
from registry.domain.ids import RepositoryName
from registry.ports.health import CatalogueHealth, GitHealth, HookState, PlaceHealth
from tests.projected import History

DEFAULT = RepositoryName("default")


@pytest.fixture
def git_health(stocked_folder: Path) -> GitHealth:
    return LocalGitHealth(stocked_folder / "repositories")


@pytest.fixture
def catalogue_health(stocked_folder: Path) -> CatalogueHealth:
    return SqliteHealth(stocked_folder / "catalogue.sqlite")


@pytest.fixture
def places() -> PlaceHealth:
    return LocalPlaces()


def test_git(git_health: GitHealth) -> None:
    versions = git_health.versions()
    assert (versions.git is not None, versions.libgit2[0], versions.pygit2[0]) == (True, "1", "1")
    facts = git_health.look(DEFAULT)
    assert (facts.unusable, facts.head, list(facts.branches)) == (None, "refs/heads/main", ["refs/heads/main"])
    assert facts.hooks == {"pre-receive": HookState.INSTALLED, "post-receive": HookState.INSTALLED}
    assert (facts.settings, facts.hooks_path, list(facts.locks), list(facts.alternates)) == ({}, None, [], [])
    assert (git_health.strays(), git_health.damage(DEFAULT)) == ([], [])
    assert git_health.look(RepositoryName("nosuch")).unusable is not None
    assert git_health.damage(RepositoryName("nosuch")) != []


def test_catalogue(catalogue_health: CatalogueHealth, git_health: GitHealth, tmp_path: Path) -> None:
    assert (catalogue_health.version()[0], catalogue_health.missing_features()) == ("3", [])
    facts = catalogue_health.look()
    assert (facts.exists, facts.unusable, facts.revision == facts.newest, facts.outbox) == (True, None, True, 0)
    assert facts.reached is not None
    assert facts.reached[DEFAULT].commit == git_health.look(DEFAULT).tip
    assert (catalogue_health.damage(), catalogue_health.scope_of_key("0" * 64)) == ([], None)
    nowhere = SqliteHealth(tmp_path / "nosuch.sqlite")
    assert (nowhere.look().exists, nowhere.scope_of_key("0" * 64)) == (False, None)
    assert nowhere.damage() != []
    assert not (tmp_path / "nosuch.sqlite").exists()


def test_places(places: PlaceHealth, tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    facts = places.look(tmp_path)
    assert (facts.exists, facts.is_folder, facts.mode, facts.problem) == (True, True, 0o750, None)
    assert places.look(tmp_path / "nosuch").exists is False
    assert places.look(Path("/dev/null/x")).problem == "Not a directory"
    disk = places.disk(tmp_path)
    assert disk is not None
    assert 0 < disk.free_bytes <= disk.total_bytes
    assert places.disk(tmp_path / "nosuch") is None
    assert places.strangers(tmp_path, facts.owner) == []
    (tmp_path / "file").touch()
    assert places.strangers(tmp_path, facts.owner + 1) == [tmp_path / "file"]
    (tmp_path / "objects" / "ab").mkdir(parents=True)
    (tmp_path / "objects" / "ab" / "cdef").touch()
    assert tmp_path / "objects" / "ab" / "cdef" not in places.strangers(tmp_path, facts.owner + 1)
    assert (places.shell(), places.user(0), places.user(54321)) == (None, "root", "54321")


async def test_a_catalogue_in_postgresql(catalogue_url: str, tmp_path: Path) -> None:
    health = PostgresHealth(catalogue_url)
    assert (health.engine(), int(health.version().split(".")[0]) >= 15, health.missing_features()) == (
        "PostgreSQL",
        True,
        [],
    )
    history = History()
    database = await Database.open(catalogue_url, seconds=10)
    await SqlProjection(database).apply(history.commit({"a": "1"}))
    facts = health.look()
    assert (facts.exists, facts.unusable, facts.revision == facts.newest, facts.outbox) == (True, None, True, 3)
    assert facts.reached is not None
    assert facts.reached[DEFAULT].commit == history.tip
    assert (health.damage(), health.scope_of_key("0" * 64)) == ([], None)
    await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM templates").close())
    assert health.damage() == ["1 versions lead to no template"]
    await database.close()


def test_a_postgresql_that_is_not_there_is_told_without_its_address() -> None:
    nowhere = PostgresHealth("postgresql://kim:hush-hush@127.0.0.1:1/none")
    facts = nowhere.look()
    assert facts.unusable is not None
    assert "cannot be reached" in facts.unusable
    assert "hush" not in facts.unusable
    assert (nowhere.version(), nowhere.missing_features(), nowhere.scope_of_key("0" * 64)) == ("", [], None)
    assert nowhere.damage() == [facts.unusable]
