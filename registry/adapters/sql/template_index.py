"""Templates as they are now (``registry.ports.catalogue.TemplateIndex``)."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from registry.adapters.sql import dialect, listing
from registry.adapters.sql.engine import Database, Deadline
from registry.adapters.sql.tables import bodies, repositories, templates
from registry.adapters.sql.values import from_diagnostics, from_facts, from_json, to_time, tokens_of
from registry.domain.catalogue import Page, SortBy, TemplateEntry, TemplateFilter
from registry.domain.cursors import make_cursor, read_cursor
from registry.domain.ids import BlobId, CommitId, RepositoryName, TemplateName
from registry.domain.near_names import first_syllables, name_pieces, rank_near
from registry.domain.search import Standing, filter_values

_NEAR_CANDIDATES = 300

live_build = select(repositories.c.live_build).where(repositories.c.name == bindparam("repository")).scalar_subquery()
"""The build that readers of ``:repository`` see; null where it was never projected."""

_FIND = select(*listing.ENTRY).where(templates.c.build_id == live_build, templates.c.name == bindparam("name"))
_STANDINGS = select(templates.c.name, templates.c.latest, templates.c.labels, templates.c.facts).where(
    templates.c.build_id == live_build, dialect.one_of(templates.c.name, "names")
)
_EVERY = (
    select(*listing.ENTRY)
    .where(templates.c.build_id == live_build, templates.c.name > bindparam("after"))
    .order_by(templates.c.name)
    .limit(bindparam("limit"))
)
_BODIES = select(bodies.c.blob, bodies.c.body).where(
    bodies.c.build_id == live_build, dialect.one_of(bodies.c.blob, "blobs")
)
_LIVE = select(repositories.c.live_build).where(repositories.c.name == bindparam("repository"))
_AROUND = (
    select(templates.c.name)
    .where(templates.c.build_id == bindparam("build"), ~templates.c.deleted)
    .where(templates.c.name >= bindparam("low"), templates.c.name < bindparam("high"))
    .limit(_NEAR_CANDIDATES)
)


def entry_of(row: Iterable[Any]) -> TemplateEntry:
    """The entry of a row that begins with ``listing.ENTRY``. By place: by name takes twice as long, for every row."""
    name, version, latest, default, facts, labels, owners, deleted, moved_to, commit, age, diagnostics, *_ = row
    return TemplateEntry(
        name=name,
        version=version,
        latest=latest,
        default=default,
        facts=from_facts(facts) if facts is not None else None,
        labels=from_json(labels) or {},
        owners=tuple(from_json(owners) or ()),
        deleted=deleted,
        moved_to=moved_to,
        commit=CommitId(commit.hex()) if commit is not None else None,
        updated_at=to_time(-age),
        diagnostics=from_diagnostics(diagnostics),
    )


def _standing_of(row: Iterable[Any]) -> tuple[TemplateName, Standing]:
    name, latest, labels, facts = row
    return name, Standing(latest, from_json(labels) or {}, tokens_of(facts) if facts else 0)


class SqlTemplateIndex:
    """Templates of the live builds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_template(self, repository: RepositoryName, name: TemplateName) -> TemplateEntry | None:
        """The template, deleted ones included; None where there never was one of that name."""
        rows = await self._database.of(repository).fetch(_FIND, {"repository": repository, "name": name})
        return entry_of(rows[0]) if rows else None

    async def find_standings(
        self, repository: RepositoryName, names: Sequence[TemplateName]
    ) -> dict[TemplateName, Standing]:
        """The standings of the templates of some names, deleted ones included; absent names are left out."""
        wanted = {"repository": repository, "names": list(names)}
        rows = await self._database.of(repository).fetch(_STANDINGS, wanted)
        return dict(map(_standing_of, rows))

    async def list_templates(
        self,
        repository: RepositoryName,
        where: TemplateFilter,
        *,
        sort: SortBy = SortBy.NAME,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[TemplateEntry]:
        """A page of the templates that are not deleted, by the domain's sort key. Raises BadRequest for a cursor."""
        request = ["templates", repository, asdict(where), sort]
        after = listing.position(read_cursor(request, cursor, listing.KINDS[sort])) if cursor is not None else None
        filters = filter_values(where)

        def rows(connection: Connection) -> Sequence[Row[Any]]:
            build = connection.execute(_LIVE, {"repository": repository}).scalar_one_or_none()
            if build is None:
                return ()
            return listing.page_rows(connection, build, filters, sort, after, limit + 1, where.sight)

        found = await self._database.of(repository).read(rows)
        page = found[:limit]
        more = make_cursor(request, listing.place_of(page[-1], sort)) if len(found) > limit else None
        return Page(tuple(entry_of(row) for row in page), more)

    async def every_template(
        self, repository: RepositoryName, after: TemplateName | None = None, limit: int = 500
    ) -> list[TemplateEntry]:
        """All templates, deleted ones included, by code points of their names, from after a name on."""

        def read(connection: Connection) -> list[TemplateEntry]:
            wanted = {"repository": repository, "after": after or "", "limit": limit}
            return [entry_of(row) for row in connection.execute(_EVERY, wanted)]

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def nearest_names(self, repository: RepositoryName, name: str, limit: int = 3) -> list[TemplateName]:
        """The names most like a misspelt one, best first; empty where none is like it."""

        def candidates(connection: Connection) -> list[str]:
            build = connection.execute(_LIVE, {"repository": repository}).scalar_one_or_none()
            if build is None:
                return []
            found: list[str] = []
            for piece in name_pieces(name):
                found += dialect.names_like(connection, build, [piece], _NEAR_CANDIDATES)
                if len(found) >= _NEAR_CANDIDATES:
                    break
            folder, slash, last = name.rpartition("/")
            firsts = {(last[:1], last[:1]), first_syllables(name) or ("", ""), ("", "")}
            for low, high in firsts:
                around = {"build": build, "low": folder + slash + low, "high": f"{folder}{slash}{high}\U0010ffff"}
                found += connection.execute(_AROUND, around).scalars()
            return found

        return rank_near(name, await self._database.of(repository).read(candidates), limit)

    async def read_bodies(self, repository: RepositoryName, blobs: Sequence[BlobId]) -> dict[BlobId, str]:
        """The source texts of blobs that versions use; absent ids are left out."""
        wanted = {"repository": repository, "blobs": [bytes.fromhex(blob) for blob in dict.fromkeys(blobs)]}
        rows = await self._database.of(repository).fetch(_BODIES, wanted)
        return {BlobId(row.blob.hex()): row.body for row in rows}
