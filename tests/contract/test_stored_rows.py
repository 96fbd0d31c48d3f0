"""What ``index verify`` reads in bulk: the same of every adapter of ``StoredRows``."""

from typing import NamedTuple

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.verifying import SqlStoredRows
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.domain.catalogue import Removal
from registry.domain.ids import RefName, RepositoryName, TemplateName
from registry.domain.korean import jamo, sort_key
from registry.ports.catalogue import VersionIndex
from registry.ports.projection import Projection
from registry.ports.verifying import StoredKeys, StoredRows
from tests.projected import History, blob_of, plain_facts

DEFAULT, ELSEWHERE = RepositoryName("default"), RepositoryName("elsewhere")
A, KO = TemplateName("f/a"), TemplateName("고객/환불")


class Stored(NamedTuple):
    rows: StoredRows
    versions: VersionIndex
    projection: Projection


@pytest.fixture
async def stored(database: Database) -> Stored:
    projection = SqlProjection(database)
    history = History()
    await projection.apply(history.commit({A: "1", KO: "2"}, facts={A: plain_facts(tags=("t",))}))
    await projection.apply(history.commit({A: "broken", KO: None}))
    await projection.apply(History(ELSEWHERE).commit({"other": "1"}))
    return Stored(SqlStoredRows(database), SqlVersionIndex(database), projection)


async def test_keys_of_every_template(stored: Stored) -> None:
    assert await stored.rows.keys(DEFAULT) == {
        A: StoredKeys(sort_key(A), jamo(A), blob_of("1")),
        KO: StoredKeys(sort_key(KO), jamo(KO), blob_of("2")),
    }


async def test_filter_values_of_what_is_not_deleted(stored: Stored) -> None:
    values = await stored.rows.filter_values(DEFAULT)
    assert values.keys() == {A}
    assert {("tag", "t"), ("folder", "f"), ("status", "active"), ("type", "chat")} <= values[A]


async def test_versions_of_some_templates(stored: Stored) -> None:
    found = await stored.rows.versions_of(DEFAULT, [A, TemplateName("other")])
    listed = (await stored.versions.list_versions(DEFAULT, A)).items
    assert sorted(found, key=lambda version: -version.number) == list(listed)
    assert await stored.rows.versions_of(DEFAULT, []) == []


async def test_removals_with_the_last_version(stored: Stored) -> None:
    assert await stored.rows.removals(DEFAULT) == {Removal(KO, 2): 1}
    assert await stored.rows.removals(ELSEWHERE) == {}


async def test_refs_are_those_of_the_repository(stored: Stored) -> None:
    refs = {RefName("refs/heads/x"): History().commit().commit}
    await stored.projection.put_refs(DEFAULT, refs)
    assert await stored.rows.refs(DEFAULT) == refs
    assert await stored.rows.refs(ELSEWHERE) == {}
