"""What every bundle index promises, run against the catalogue in SQLite."""

from typing import NamedTuple

import pytest

from registry.adapters.sql.bundles import SqlBundleIndex
from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.ports.bundles import BundleIndex, BundleRows
from registry.ports.projection import Projection
from tests.projected import DRAFT, History


class Catalogue(NamedTuple):
    bundles: BundleIndex
    versions: SqlVersionIndex
    projection: Projection


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    return Catalogue(SqlBundleIndex(database), SqlVersionIndex(database), SqlProjection(database))


async def members(
    catalogue: Catalogue, label: str | None, *, folder: str | None = None, limit: int = 100, repository: str = "default"
) -> BundleRows:
    return await catalogue.bundles.members(repository, label, folder=folder, limit=limit)


def said(rows: BundleRows) -> list[tuple[str, int, tuple[str, ...]]]:
    return [(version.name, version.number, labels) for version, labels in rows.members]


async def test_what_labels_and_their_absence_name(catalogue: Catalogue) -> None:
    history = History()
    await catalogue.projection.apply(history.commit({"a": "1", "b": "1", "c": "broken", "gone": "1"}))
    await catalogue.projection.apply(
        history.commit({"a": "2", "b": "2", "gone": None}, facts={"b": DRAFT}, labels={("prod", "a"): 1})
    )
    last = history.commit({"a": "broken 3"}, labels={("prod", "b"): 1, ("next", "b"): 1, ("next", "a"): 2})
    await catalogue.projection.apply(last)
    assert said(await members(catalogue, "prod")) == [("a", 1, ("prod",)), ("b", 1, ("next", "prod"))]
    assert said(await members(catalogue, "latest")) == [("a", 2, ("next",)), ("b", 2, ())]
    assert said(await members(catalogue, None)) == [("a", 2, ("next",)), ("b", 1, ("next", "prod"))]
    assert said(await members(catalogue, "nightly")) == []
    rows = await members(catalogue, "prod")
    assert rows.commit == last.commit
    assert rows.members[0][0] == await catalogue.versions.find_version("default", "a", 1)


async def test_folders_order_and_limit(catalogue: Catalogue) -> None:
    names = ["support", "support/b", "support/a", "support/deep/z", "support0", "support-x/a", "t10", "t9", "가", "나"]
    await catalogue.projection.apply(History().commit(dict.fromkeys(names, "1")))
    below = await members(catalogue, None, folder="support")
    assert [name for name, _, _ in said(below)] == ["support/a", "support/b", "support/deep/z"]
    everything = [name for name, _, _ in said(await members(catalogue, None))]
    assert sorted(everything) == sorted(names)
    assert everything.index("t9") < everything.index("t10")
    assert everything.index("가") < everything.index("나")
    assert [name for name, _, _ in said(await members(catalogue, None, limit=3))] == everything[:3]


async def test_a_repository_that_was_never_projected(catalogue: Catalogue) -> None:
    assert await members(catalogue, "prod", repository="nowhere") == BundleRows(None, ())
