"""How a batch becomes rows, in few statements whatever its size."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert

from registry.adapters.sql.builds import Build, close_build, open_build
from registry.adapters.sql.dialect import PROJECTED, tell
from registry.adapters.sql.feeding import tell_search
from registry.adapters.sql.old_texts import ask_old_texts
from registry.adapters.sql.outbox_rows import fill
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.statements import insert_new, upsert, write_rows
from registry.adapters.sql.tables import bodies, closures, commits, label_moves, labels, removals, versions
from registry.adapters.sql.template_state import TemplateState, load_states, save_states
from registry.adapters.sql.values import to_diagnostics, to_json, to_micros
from registry.domain.catalogue import CommitRow, Fed, LabelMove, ProjectionBatch, Removal, VersionRow
from registry.domain.ids import TemplateName

_ADD_COMMITS = upsert(commits)
_ADD_VERSIONS = insert(versions)
_ADD_CLOSURES = insert_new(closures)
_ADD_BODIES = insert_new(bodies)
_ADD_MOVES = upsert(label_moves)
_ADD_REMOVALS = upsert(removals)
_SET_LABELS = upsert(labels)
_DROP_LABELS = delete(labels).where(
    labels.c.build_id == bindparam("build"),
    labels.c.label == bindparam("of_label"),
    labels.c.name == bindparam("of_name"),
)

States = dict[TemplateName, TemplateState]


def write_batch(
    connection: Connection,
    batch: ProjectionBatch,
    index: SqlSearchIndex | None = None,
    fed: Sequence[Fed] = (Fed.OWN,),
) -> bool:
    """Writes everything of a batch, checkpoint and outbox included, and feeds an ``index`` in the same database.

    True where the outbox has something of it for the search index. Raises Conflict.
    """
    build = open_build(connection, batch)
    write_rows(connection, _ADD_COMMITS, [_commit_row(build, commit) for commit in batch.commits])
    states, removed = _states(connection, build, batch)
    save_states(connection, build.id, list(states.values()))
    _write_versions(connection, build, batch, states)
    _write_labels(connection, build, batch.labels)
    write_rows(connection, _ADD_REMOVALS, removed)
    swapped = close_build(connection, batch, build)
    if swapped or not build.staged:
        tell(connection, PROJECTED, f"{batch.repository} {batch.commit}")
    if swapped:
        for whose in fed:
            fill(connection, build.repository_id, build.id, batch.ordinal, whose)
        return True
    if build.staged:
        return False
    changed = sorted(name for name, state in states.items() if state.is_searched_anew())
    old = [(name, number) for name, state in states.items() for number in state.replaced]
    if Fed.ENGINE in fed:
        ask_old_texts(connection, build.repository_id, old, batch.ordinal)
    return tell_search(connection, index, batch.repository, build, changed, batch.ordinal, fed)


def _names(batch: ProjectionBatch) -> set[TemplateName]:
    """The names of which the batch says something besides their place in the include graph."""
    named = (batch.versions, batch.removals, batch.labels)
    return {row.name for rows in named for row in rows} | batch.owners.keys()


def _states(connection: Connection, build: Build, batch: ProjectionBatch) -> tuple[States, list[dict[str, Any]]]:
    """Every template that the batch touches, as it is after the batch; and the rows of its removals."""
    new = dict.fromkeys(version.name for version in batch.versions)
    names = _names(batch) | {change.name for change in batch.changes}
    states = load_states(connection, build.id, names, new)
    by_ordinal = {commit.ordinal: commit for commit in batch.commits}
    removed = []
    steps: list[VersionRow | Removal] = [*batch.removals, *batch.versions]
    for step in sorted(steps, key=lambda each: each.ordinal):
        state = states.get(step.name)
        if state is None:
            continue
        if isinstance(step, VersionRow):
            state.add_version(step, by_ordinal[step.ordinal])
        else:
            removed.append(_removal_row(build, step, state.version))
            state.remove(step, by_ordinal[step.ordinal])
    for name, owners in batch.owners.items():
        if name in states:
            states[name].owners = owners
    for move in sorted(batch.labels, key=lambda each: each.ordinal):
        if move.name in states:
            states[move.name].move_label(move)
    for change in batch.changes:
        if change.name in states:
            states[change.name].change(change)
    return states, removed


def _removal_row(build: Build, removal: Removal, version: int) -> dict[str, Any]:
    return {
        "build_id": build.id,
        "ordinal": removal.ordinal,
        "name": removal.name,
        "version": version,
        "moved_to": removal.moved_to,
    }


def _commit_row(build: Build, commit: CommitRow) -> dict[str, Any]:
    return {
        "build_id": build.id,
        "ordinal": commit.ordinal,
        "commit": bytes.fromhex(commit.commit),
        "author_name": commit.author_name,
        "author_email": commit.author_email,
        "committed_at": to_micros(commit.committed_at),
        "subject": commit.subject,
        "authored_at": to_micros(commit.authored_at) if commit.authored_at is not None else None,
        "imported_subject": commit.imported_subject,
    }


def _write_versions(connection: Connection, build: Build, batch: ProjectionBatch, states: States) -> None:
    rows, shared = [], {}
    for version in batch.versions:
        digest = bytes.fromhex(version.digest)
        rows.append(_version_row(version, states[version.name].id, digest))
        if len(version.closure) > 1:
            shared[digest] = version.closure
    write_rows(connection, _ADD_VERSIONS, rows)
    closed = [{"build_id": build.id, "digest": digest, "pairs": to_json(pairs)} for digest, pairs in shared.items()]
    write_rows(connection, _ADD_CLOSURES, closed)
    texts = [{"build_id": build.id, "blob": bytes.fromhex(blob), "body": body} for blob, body in batch.bodies.items()]
    write_rows(connection, _ADD_BODIES, texts)


def _version_row(version: VersionRow, template_id: int, digest: bytes) -> dict[str, Any]:
    return {
        "template_id": template_id,
        "number": version.number,
        "ordinal": version.ordinal,
        "digest": digest,
        "blob": bytes.fromhex(version.blob),
        "status": str(version.facts.status) if version.facts is not None else None,
        "cause": version.cause,
        "moved_from": version.moved_from,
        "diagnostics": to_diagnostics(version.diagnostics),
    }


def _write_labels(connection: Connection, build: Build, moves: Sequence[LabelMove]) -> None:
    if not moves:
        return
    ordered = sorted(moves, key=lambda each: each.ordinal)
    last = {(move.label, move.name): move for move in ordered}
    placed = [move for move in last.values() if move.version is not None]
    dropped = [move for move in last.values() if move.version is None]
    write_rows(
        connection,
        _SET_LABELS,
        [{"build_id": build.id, "label": m.label, "name": m.name, "version": m.version} for m in placed],
    )
    write_rows(connection, _DROP_LABELS, [{"build": build.id, "of_label": m.label, "of_name": m.name} for m in dropped])
    write_rows(connection, _ADD_MOVES, [_move_row(build, move) for move in ordered])


def _move_row(build: Build, move: LabelMove) -> dict[str, Any]:
    return {
        "build_id": build.id,
        "label": move.label,
        "name": move.name,
        "ordinal": move.ordinal,
        "version": move.version,
        "previous": move.previous,
        "commit": bytes.fromhex(move.commit),
        "moved_at": to_micros(move.moved_at),
        "author_name": move.author_name,
        "author_email": move.author_email,
        "subject": move.subject,
    }
