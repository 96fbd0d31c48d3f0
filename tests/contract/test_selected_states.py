"""One template with one of its versions, found at once: the same as its parts found one after the other."""

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.domain.selected_state import SelectedState
from tests.projected import DRAFT, History, blob_of

ASKED: list[tuple[dict[str, object], int | None]] = [
    ({"version": 1}, 1),
    ({"version": 3}, 3),
    ({"version": 4}, None),
    ({"version": 10**30}, None),
    ({"label": "prod"}, 1),
    ({"label": "test"}, None),
    ({"label": "latest"}, 3),
    ({}, 2),
]
"""What is asked for of ``a``, and the number of the version that is found."""


@pytest.fixture
def versions(database: Database) -> SqlVersionIndex:
    return SqlVersionIndex(database)


async def project(database: Database, history: History) -> None:
    """Three versions of ``a``, which includes two others of which one is missing; the third is a draft."""
    text = '{% include "p" %} {% include "gone" %}'
    projection = SqlProjection(database)
    await projection.apply(history.commit({"a": text, "p": "one"}))
    await projection.apply(history.commit({"a": f"{text} 2"}, labels={("prod", "a"): 1, ("test", "p"): 1}))
    await projection.apply(history.commit({"a": f"{text} 3"}, facts={"a": DRAFT}, rules="default_label: prod\n"))


@pytest.mark.parametrize(("asked", "number"), ASKED)
async def test_a_state_is_found_whole(
    database: Database, versions: SqlVersionIndex, asked: dict[str, object], number: int | None
) -> None:
    history = History()
    await project(database, history)
    found = await versions.find_selected("default", "a", **asked)
    assert found.indexed == history.tip
    assert found.entry is not None
    assert (found.entry.version, found.entry.latest, found.entry.default) == (3, 3, 2)
    assert (found.entry.labels, found.entry.deleted, found.entry.facts) == ({"prod": 1}, False, None)
    assert found.rules == (None if asked else "default_label: prod\n")
    if number is None:
        assert (found.version, found.bodies) == (None, {})
        return
    assert found.version == await versions.find_version("default", "a", number)
    assert found.version is not None
    blobs = [blob for _, blob in found.version.closure if blob is not None]
    assert found.bodies == await SqlTemplateIndex(database).read_bodies("default", blobs)
    assert found.bodies[blob_of("one")] == "one"


async def test_a_template_that_includes_nothing_has_one_text(database: Database, versions: SqlVersionIndex) -> None:
    await project(database, History())
    found = await versions.find_selected("default", "p", label="test")
    assert found.version == await versions.find_version("default", "p", 1)
    assert found.bodies == {blob_of("one"): "one"}


async def test_what_is_not_there(database: Database, versions: SqlVersionIndex) -> None:
    assert await versions.find_selected("default", "a") == SelectedState()
    history = History()
    await project(database, history)
    assert await versions.find_selected("default", "b", label="prod") == SelectedState(history.tip)
    assert await versions.find_selected("elsewhere", "a", label="prod") == SelectedState()


async def test_a_deleted_template_says_so_and_keeps_its_versions(database: Database, versions: SqlVersionIndex) -> None:
    history = History()
    await project(database, history)
    await SqlProjection(database).apply(history.commit({"a": None}, labels={("prod", "a"): None}))
    found = await versions.find_selected("default", "a", label="prod")
    assert found.entry is not None
    assert (found.entry.deleted, found.entry.version, found.version) == (True, 3, None)
    old = await versions.find_selected("default", "a", version=2)
    assert old.version == await versions.find_version("default", "a", 2)
