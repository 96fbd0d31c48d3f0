"""Rows as they lie in the tables (``registry.ports.verifying.StoredRows``)."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, select

from registry.adapters.sql.dialect import names_table, one_of
from registry.adapters.sql.engine import Database, Deadline
from registry.adapters.sql.tables import refs, removals, repositories, template_values, templates
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.version_rows import ALL_VERSIONS, version_of
from registry.domain.catalogue import Removal, VersionEntry
from registry.domain.ids import BlobId, CommitId, RefName, RepositoryName, TemplateName
from registry.ports.verifying import StoredKeys

_KEYS = (
    select(templates.c.name, templates.c.sort_key, templates.c.latest_blob, names_table.c.name.label("letters"))
    .outerjoin(names_table, names_table.c.rowid == templates.c.id)
    .where(templates.c.build_id == live_build)
)
_VALUES = (
    select(template_values.c.facet, template_values.c.value, templates.c.name)
    .outerjoin(
        templates,
        and_(
            templates.c.id == template_values.c.template_id,
            templates.c.build_id == template_values.c.build_id,
            templates.c.sort_key == template_values.c.sort_key,
        ),
    )
    .where(template_values.c.build_id == live_build)
)
_VERSIONS_OF = ALL_VERSIONS.where(one_of(templates.c.name, "names"))
_REMOVALS = select(removals).where(removals.c.build_id == live_build)
_REFS = select(refs.c.ref, refs.c.commit).join(repositories, repositories.c.id == refs.c.repository_id)


class SqlStoredRows:
    """Rows of the live builds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keys(self, repository: RepositoryName) -> dict[TemplateName, StoredKeys]:
        """Of every template, deleted ones included."""

        def read(connection: Connection) -> dict[TemplateName, StoredKeys]:
            return {
                row.name: StoredKeys(
                    row.sort_key, row.letters, BlobId(row.latest_blob.hex()) if row.latest_blob is not None else None
                )
                for row in connection.execute(_KEYS, {"repository": repository})
            }

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def filter_values(self, repository: RepositoryName) -> dict[TemplateName, set[tuple[str, str]]]:
        """The facets and values by template; under the empty name what leads to none."""

        def read(connection: Connection) -> dict[TemplateName, set[tuple[str, str]]]:
            found: dict[TemplateName, set[tuple[str, str]]] = {}
            for facet, value, name in connection.execute(_VALUES, {"repository": repository}):
                found.setdefault(name or TemplateName(""), set()).add((facet, value))
            return found

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def versions_of(self, repository: RepositoryName, names: Sequence[TemplateName]) -> list[VersionEntry]:
        """All versions of some templates, in no order."""

        def read(connection: Connection) -> list[VersionEntry]:
            wanted = {"repository": repository, "names": names}
            return [version_of(row) for row in connection.execute(_VERSIONS_OF, wanted)]

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def removals(self, repository: RepositoryName) -> dict[Removal, int]:
        """Every removal, and the last version that the template had until then."""

        def read(connection: Connection) -> dict[Removal, int]:
            rows = connection.execute(_REMOVALS, {"repository": repository})
            return {Removal(row.name, row.ordinal, row.moved_to): row.version for row in rows}

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def refs(self, repository: RepositoryName) -> dict[RefName, CommitId]:
        """The tips of all refs as they were recorded."""

        def read(connection: Connection) -> dict[RefName, CommitId]:
            rows = connection.execute(_REFS.where(repositories.c.name == repository))
            return {RefName(row.ref): CommitId(row.commit) for row in rows}

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)
