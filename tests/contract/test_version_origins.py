"""What every index of version origins promises, run against the catalogue in SQLite."""

from typing import NamedTuple

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.adapters.sql.version_origins import SqlVersionOrigins
from registry.domain.catalogue import ProjectionBatch, VersionEntry
from registry.ports.catalogue import VersionOrigins
from registry.ports.projection import Projection
from tests.projected import History


class Catalogue(NamedTuple):
    origins: VersionOrigins
    versions: SqlVersionIndex
    projection: Projection


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    return Catalogue(SqlVersionOrigins(database), SqlVersionIndex(database), SqlProjection(database))


async def land(catalogue: Catalogue, *batches: ProjectionBatch) -> list[ProjectionBatch]:
    for batch in batches:
        await catalogue.projection.apply(batch)
    return list(batches)


def said(found: list[VersionEntry]) -> list[tuple[str, int]]:
    return [(entry.name, entry.number) for entry in found]


async def test_versions_by_what_made_them(catalogue: Catalogue) -> None:
    history = History()
    first, second, third = await land(
        catalogue,
        history.commit({"a": "1", "b": "1"}),
        history.commit({"a": "2"}),
        history.commit({"a": "3", "b": "2"}),
    )
    commits = [first.commit, third.commit]
    assert sorted(said(await catalogue.origins.made_by("default", ["a"], commits))) == [("a", 1), ("a", 3)]
    both = await catalogue.origins.made_by("default", ["a", "b"], [second.commit, third.commit])
    assert sorted(said(both)) == [("a", 2), ("a", 3), ("b", 2)]
    assert await catalogue.origins.made_by("other", ["a"], commits) == []
    assert await catalogue.origins.made_by("default", [], commits) == []
    assert await catalogue.origins.made_by("default", ["a"], []) == []
    many = [f"{n:040x}" for n in range(1_200)] + [first.commit]
    (one,) = await catalogue.origins.made_by("default", ["a"], many)
    assert one == await catalogue.versions.find_version("default", "a", 1)


async def test_versions_by_digest(catalogue: Catalogue) -> None:
    history = History()
    await land(
        catalogue,
        history.commit({"a": "1", "b": "other"}),
        history.commit({"a": "2"}),
        history.commit({"a": "1"}),
    )
    other = History("elsewhere")
    await land(catalogue, other.commit({"a": "1"}))
    version = await catalogue.versions.find_version("default", "a", 1)
    assert version is not None
    for length in (8, 9, 31, 64):
        assert said(await catalogue.origins.with_digest("default", version.digest[:length])) == [("a", 3), ("a", 1)]
    assert said(await catalogue.origins.with_digest("default", version.digest, limit=1)) == [("a", 3)]
    beyond = version.digest[:-1] + ("0" if version.digest[-1] != "0" else "1")
    assert await catalogue.origins.with_digest("default", beyond) == []
    assert await catalogue.origins.with_digest("nowhere", version.digest) == []


async def test_a_replaced_build_is_not_seen(catalogue: Catalogue) -> None:
    (old,) = await land(catalogue, History().commit({"a": "1"}))
    gone = await catalogue.versions.find_version("default", "a", 1)
    assert gone is not None
    await land(catalogue, History(seed="x").commit({"a": "2"}, replay=True))
    assert await catalogue.origins.made_by("default", ["a"], [old.commit]) == []
    assert await catalogue.origins.with_digest("default", gone.digest) == []
