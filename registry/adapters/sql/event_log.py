"""What has happened, told from the rows of the catalogue (``registry.ports.events.EventLog``)."""

from collections import defaultdict
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, select

from registry.adapters.sql.builds import LIVE_BUILD
from registry.adapters.sql.dialect import following
from registry.adapters.sql.engine import Database
from registry.adapters.sql.tables import commits, label_moves, removals, templates, versions
from registry.adapters.sql.template_index import live_build
from registry.domain.events import (
    BEGINNING,
    END_OF_COMMIT,
    Event,
    LabelMoved,
    PlacedEvent,
    Position,
    RefProjected,
    TemplateChanged,
    TemplateRemoved,
)
from registry.domain.ids import CommitId, RefName, RepositoryName

_COMMIT = select(commits.c.commit).where(commits.c.build_id == live_build, commits.c.ordinal == bindparam("ordinal"))
_COMMITS = (
    select(commits.c.ordinal, commits.c.commit)
    .where(commits.c.build_id == live_build, commits.c.ordinal >= bindparam("first"))
    .order_by(commits.c.ordinal)
    .limit(bindparam("limit"))
)
_REMOVALS = (
    select(removals)
    .where(removals.c.build_id == live_build, removals.c.ordinal >= bindparam("first"))
    .order_by(removals.c.ordinal)
    .limit(bindparam("limit"))
)
_VERSIONS = (
    select(
        templates.c.name,
        versions.c.number,
        versions.c.ordinal,
        versions.c.status,
        versions.c.cause,
        versions.c.moved_from,
    )
    .join(templates, templates.c.id == versions.c.template_id)
    # Not through all templates of the build: the versions' ordinals lead.
    .where(following(templates.c.build_id) == live_build, versions.c.ordinal >= bindparam("first"))
    .order_by(versions.c.ordinal)
    .limit(bindparam("limit"))
)
_MOVES = (
    select(label_moves)
    .where(label_moves.c.build_id == live_build, label_moves.c.ordinal >= bindparam("first"))
    .order_by(label_moves.c.ordinal)
    .limit(bindparam("limit"))
)

_Place = tuple[int, str, str]
"""Within a commit: removals, versions, labels, each by name."""


class SqlEventLog:
    """The events of the live builds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self, repository: RepositoryName) -> Position:
        """The position behind everything that has been projected, with the whole commit id."""

        def read(connection: Connection) -> Position:
            row = connection.execute(LIVE_BUILD, {"repository": repository}).one_or_none()
            return Position(row.ordinal, commit=row.commit) if row is not None else BEGINNING

        return await self._database.of(repository).read(read)

    async def since(self, repository: RepositoryName, position: Position, limit: int) -> list[PlacedEvent] | None:
        """The events behind a position; None where there is no such position, or more than ``limit`` follow."""

        def read(connection: Connection) -> list[PlacedEvent] | None:
            if not _is_there(connection, repository, position):
                return None
            partial = position.number != END_OF_COMMIT
            first = position.ordinal if partial else position.ordinal + 1
            # Of a commit that was told in part the part is read again, and left out below.
            at_most = limit + 1 + (position.number if partial else 0)
            placed = _placed(connection, repository, {"repository": repository, "first": first, "limit": at_most})
            found = [each for each in placed if each.position > position]
            return found if len(found) <= limit else None

        return await self._database.of(repository).read(read)


def _is_there(connection: Connection, repository: RepositoryName, position: Position) -> bool:
    if not position.ordinal:
        return True
    wanted = {"repository": repository, "ordinal": position.ordinal}
    commit = connection.execute(_COMMIT, wanted).scalar_one_or_none()
    return commit is not None and commit.hex().startswith(position.commit)


def _placed(connection: Connection, repository: RepositoryName, wanted: dict[str, Any]) -> list[PlacedEvent]:
    """What happened from a commit on, in order; not whole where one of the kinds has more rows than wanted."""
    commit_of = {row.ordinal: CommitId(row.commit.hex()) for row in connection.execute(_COMMITS, wanted)}
    if not commit_of:
        return []
    told: defaultdict[int, list[tuple[_Place, Event]]] = defaultdict(list)
    event: Event
    for row in connection.execute(_REMOVALS, wanted):
        if commit := commit_of.get(row.ordinal):
            event = TemplateRemoved(repository, commit, row.name, row.version, row.moved_to)
            told[row.ordinal].append(((0, row.name, ""), event))
    for row in connection.execute(_VERSIONS, wanted):
        if commit := commit_of.get(row.ordinal):
            valid = row.status is not None
            event = TemplateChanged(repository, commit, row.name, row.number, valid, row.cause, row.moved_from)
            told[row.ordinal].append(((1, row.name, ""), event))
    for row in connection.execute(_MOVES, wanted):
        if commit := commit_of.get(row.ordinal):
            event = LabelMoved(repository, commit, row.label, row.name, row.previous, row.version)
            told[row.ordinal].append(((2, row.name, row.label), event))
    ref = RefName(connection.execute(LIVE_BUILD, {"repository": repository}).one().ref)
    found: list[PlacedEvent] = []
    for ordinal, commit in commit_of.items():
        in_order = sorted(told[ordinal], key=itemgetter(0))
        found += [PlacedEvent(Position(ordinal, n, commit), event) for n, (_, event) in enumerate(in_order, 1)]
        found.append(PlacedEvent(Position(ordinal, commit=commit), RefProjected(repository, commit, ref)))
    return found
