"""Versions and labels of templates (``registry.ports.catalogue.VersionIndex``)."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, tuple_

from registry.adapters.sql import selected_state
from registry.adapters.sql.engine import Database, Deadline
from registry.adapters.sql.tables import label_moves, labels, templates, versions
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.values import to_time
from registry.adapters.sql.version_rows import ALL_VERSIONS, version_of
from registry.domain.catalogue import LabelMove, Page, VersionEntry
from registry.domain.cursors import make_cursor, read_cursor
from registry.domain.ids import CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.selected_state import SelectedState

_VERSIONS = ALL_VERSIONS.where(templates.c.name == bindparam("name"))
_FIND = _VERSIONS.where(versions.c.number == bindparam("number"))
_PAGE = (
    _VERSIONS.where(versions.c.number < bindparam("before"))
    .order_by(versions.c.number.desc())
    .limit(bindparam("limit"))
)
_LABELS = select(labels).where(labels.c.build_id == live_build)
_LABEL = _LABELS.where(labels.c.label == bindparam("label"))
_MOVES = (
    select(label_moves)
    .where(label_moves.c.build_id == live_build)
    .where(label_moves.c.label == bindparam("label"), label_moves.c.name == bindparam("name"))
    .order_by(label_moves.c.ordinal.desc())
    .limit(bindparam("limit"))
)

_EVERY_MOVE = (
    select(label_moves)
    .where(label_moves.c.build_id == live_build)
    .where(
        tuple_(label_moves.c.label, label_moves.c.name, label_moves.c.ordinal)
        > tuple_(bindparam("label"), bindparam("name"), bindparam("ordinal"))
    )
    .order_by(label_moves.c.label, label_moves.c.name, label_moves.c.ordinal)
    .limit(bindparam("limit"))
)

_ABOVE_ALL = 2**31 - 1
"""More than any version's number, and the largest that PostgreSQL's column takes."""


def _move_of(row: Row[Any]) -> LabelMove:
    return LabelMove(
        label=row.label,
        name=row.name,
        version=row.version,
        previous=row.previous,
        commit=CommitId(row.commit.hex()),
        ordinal=row.ordinal,
        moved_at=to_time(row.moved_at),
        author_name=row.author_name,
        author_email=row.author_email,
        subject=row.subject,
    )


class SqlVersionIndex:
    """Versions and labels of the live builds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_version(self, repository: RepositoryName, name: TemplateName, number: int) -> VersionEntry | None:
        """One version, valid or not."""
        if not 0 < number < _ABOVE_ALL:
            return None

        rows = await self._database.of(repository).fetch(
            _FIND, {"repository": repository, "name": name, "number": number}
        )
        return version_of(rows[0]) if rows else None

    async def find_selected(
        self,
        repository: RepositoryName,
        name: TemplateName,
        *,
        label: LabelName | None = None,
        version: int | None = None,
    ) -> SelectedState:
        """A template with its version of a number, of a label (``latest`` too), or else its default, and the texts."""
        if version is not None and not 0 < version < _ABOVE_ALL:
            version = 0
        wanted: dict[str, Any] = {"repository": repository, "number": version, "label": label}
        statement = selected_state.statement_for(label, version)
        return selected_state.state_of(await self._database.of(repository).fetch_named(statement, name, wanted))

    async def list_versions(
        self, repository: RepositoryName, name: TemplateName, *, limit: int = 50, cursor: str | None = None
    ) -> Page[VersionEntry]:
        """A page of a template's versions, newest first, across deletions."""
        request = ["versions", repository, name]
        before = read_cursor(request, cursor, (int,))[0] if cursor is not None else _ABOVE_ALL

        def page(connection: Connection) -> list[VersionEntry]:
            wanted = {"repository": repository, "name": name, "before": before, "limit": limit + 1}
            return [version_of(row) for row in connection.execute(_PAGE, wanted)]

        found = await self._database.of(repository).read(page)
        more = make_cursor(request, [found[limit - 1].number]) if len(found) > limit else None
        return Page(tuple(found[:limit]), more)

    async def list_labels(
        self, repository: RepositoryName, label: LabelName | None = None
    ) -> dict[LabelName, dict[TemplateName, int]]:
        """Where the labels point now: label → name → version. All labels where none is given."""

        def read(connection: Connection) -> dict[LabelName, dict[TemplateName, int]]:
            statement = _LABELS if label is None else _LABEL
            wanted = {"repository": repository} | ({"label": label} if label is not None else {})
            found: dict[LabelName, dict[TemplateName, int]] = {}
            for row in connection.execute(statement, wanted):
                found.setdefault(row.label, {})[row.name] = row.version
            return found

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def label_history(
        self, repository: RepositoryName, label: LabelName, name: TemplateName, limit: int = 50
    ) -> list[LabelMove]:
        """The moves of a template's label, newest first."""

        def read(connection: Connection) -> list[LabelMove]:
            wanted = {"repository": repository, "label": label, "name": name, "limit": limit}
            return [_move_of(row) for row in connection.execute(_MOVES, wanted)]

        return await self._database.of(repository).read(read)

    async def every_move(
        self, repository: RepositoryName, after: LabelMove | None = None, limit: int = 500
    ) -> list[LabelMove]:
        """The moves of all labels by label, name and age, from after a move on."""

        def read(connection: Connection) -> list[LabelMove]:
            place = (after.label, after.name, after.ordinal) if after is not None else ("", "", 0)
            wanted = dict(zip(("label", "name", "ordinal"), place, strict=True))
            rows = connection.execute(_EVERY_MOVE, {"repository": repository, "limit": limit, **wanted})
            return [_move_of(row) for row in rows]

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)
