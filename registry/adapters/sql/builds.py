"""Builds: which rows readers see, where a replay is staged, and how dead builds are swept away.

A repository has one live build and, during a full replay, a staged one. A build that is neither is dead: what an
unfinished or replaced replay left. Sweeping goes in small transactions, so that other writers come in between.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, bindparam, delete, insert, select, update

from registry.adapters.sql import dialect
from registry.adapters.sql.statements import insert_new
from registry.adapters.sql.tables import (
    bodies,
    builds,
    closures,
    commits,
    label_moves,
    labels,
    removals,
    repositories,
    template_values,
    templates,
    versions,
)
from registry.adapters.sql.values import to_json, to_micros
from registry.domain.catalogue import PROJECTION_SCHEMA, ProjectionBatch
from registry.domain.errors import Conflict
from registry.domain.ids import RepositoryName

_SWEEP_TEMPLATES = 1_000
_SWEEP_ROWS = 10_000

_LOCK = select(repositories).where(repositories.c.name == bindparam("repository")).with_for_update(key_share=True)
"""Its row is what writers of a repository wait for on PostgreSQL; in SQLite there is one writer anyway."""
_ADD_REPOSITORY = insert_new(repositories)

LIVE_BUILD = (
    select(builds)
    .join(repositories, repositories.c.live_build == builds.c.id)
    .where(repositories.c.name == bindparam("repository"))
)
"""The row of the build that readers see."""

_COMMIT = select(builds.c.commit).where(builds.c.id == bindparam("build"))
_TEMPLATES_OF = select(templates.c.id).where(templates.c.build_id == bindparam("build"))
_UPDATE = (
    update(builds)
    .where(builds.c.id == bindparam("build"))
    .values({name: bindparam(f"new_{name}") for name in ("commit", "ordinal", "rules", "updated_at")})
)


class Build(NamedTuple):
    """The build that a batch is written to."""

    repository_id: int
    id: int
    staged: bool


def repository_id(connection: Connection, repository: RepositoryName) -> int:
    """The repository's number, for this transaction to write to; its row is made where there is none."""
    row = connection.execute(_LOCK, {"repository": repository}).one_or_none()
    if row is None:
        connection.execute(_ADD_REPOSITORY, {"name": repository})
        row = connection.execute(_LOCK, {"repository": repository}).one()
    return int(row.id)


def find_locked_build(connection: Connection, repository: RepositoryName) -> Row[Any] | None:
    """The row of the build that readers see, for this transaction to write what goes with it."""
    if connection.execute(_LOCK, {"repository": repository}).one_or_none() is None:
        return None
    return connection.execute(LIVE_BUILD, {"repository": repository}).one_or_none()


def open_build(connection: Connection, batch: ProjectionBatch) -> Build:
    """The build that a batch continues, or a new one for the first of a replay. Raises Conflict."""
    if batch.expected is None:
        number = repository_id(connection, batch.repository)
        return Build(number, _stage(connection, number, batch), staged=True)
    row = connection.execute(_LOCK, {"repository": batch.repository}).one_or_none()
    build = None if row is None else row.staged_build if batch.replay else row.live_build
    reached = connection.execute(_COMMIT, {"build": build}).scalar_one_or_none() if build is not None else None
    if row is None or build is None or reached != batch.expected:
        raise Conflict(
            f"{batch.repository} is projected up to {reached or 'nothing'}, not to {batch.expected}: "
            "another process has projected it meanwhile."
        )
    return Build(row.id, build, staged=batch.replay)


def _stage(connection: Connection, number: int, batch: ProjectionBatch) -> int:
    row: dict[str, str | int] = {
        "repository_id": number,
        "ref": batch.ref,
        "commit": batch.commit,
        "ordinal": 0,
        "schema": PROJECTION_SCHEMA,
        "rules": "null",
        "updated_at": 0,
    }
    build = _add(connection, builds, row)
    connection.execute(update(repositories).where(repositories.c.id == number).values(staged_build=build))
    return build


def _add(connection: Connection, table: Table, row: Mapping[str, str | int]) -> int:
    """Inserts a row and says its id."""
    return int(connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one())


def close_build(connection: Connection, batch: ProjectionBatch, build: Build) -> bool:
    """Sets the checkpoint; True where the batch was a replay's last and its build is what readers see from now on."""
    now = to_micros(datetime.now(UTC))
    new = {"commit": batch.commit, "ordinal": batch.ordinal, "rules": to_json(batch.rules), "updated_at": now}
    connection.execute(_UPDATE, {"build": build.id} | {f"new_{name}": value for name, value in new.items()})
    if not (build.staged and batch.final):
        return False
    swap = update(repositories).where(repositories.c.id == build.repository_id)
    connection.execute(swap.values(live_build=build.id, staged_build=None))
    return True


def sweep_some(connection: Connection) -> bool:
    """Deletes some rows of a dead build; False where there is none."""
    used = select(repositories.c.live_build).where(repositories.c.live_build.is_not(None))
    staged = select(repositories.c.staged_build).where(repositories.c.staged_build.is_not(None))
    build = connection.execute(select(builds.c.id).where(builds.c.id.not_in(used.union(staged))).limit(1)).scalar()
    if build is None:
        return False
    for table in (template_values, labels, label_moves, removals, closures, bodies, commits):
        if dialect.delete_some(connection, table, build, _SWEEP_ROWS):
            return True
    ids = connection.execute(_TEMPLATES_OF.limit(_SWEEP_TEMPLATES), {"build": build}).scalars().all()
    if ids:
        listed = {"ids": ids}
        connection.execute(delete(versions).where(dialect.one_of(versions.c.template_id, "ids")), listed)
        dialect.remove_names(connection, ids)
        connection.execute(delete(templates).where(dialect.one_of(templates.c.id, "ids")), listed)
        return True
    connection.execute(delete(builds).where(builds.c.id == build))
    return True
