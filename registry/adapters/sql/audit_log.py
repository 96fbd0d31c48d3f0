"""The audit log (``registry.ports.audit.AuditLog``), and the keeping of what was signed of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select

from registry.adapters.sql.dialect import in_turn, one_of
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.kept_tables import audit_entries as entries
from registry.adapters.sql.kept_tables import audit_marks as marks
from registry.adapters.sql.statements import insert_new, upsert, write_rows
from registry.adapters.sql.values import from_json, to_micros, to_time
from registry.domain.audit import (
    FIRST_HASH,
    PURPOSE,
    AuditDraft,
    AuditEntry,
    AuditFilter,
    AuditMark,
    AuditMarkKind,
    AuditOrigin,
    AuditState,
    seal,
)
from registry.domain.canonical import canonical_json
from registry.domain.template import Json
from registry.ports.keyring import KeyRing

AT_ONCE = 1000

_BEHIND = chr(ord("/") + 1)
"""What comes next to a slash, byte by byte, as names are compared: with a pattern no index would help."""

_END = select(entries.c.number, entries.c.hash).order_by(entries.c.number.desc()).limit(1)
_KNOWN = select(entries.c.operation).where(one_of(entries.c.operation, "operations"))
_ADD, _MARK = insert_new(entries), upsert(marks)
_FOLLOWING = select(entries).where(entries.c.number > bindparam("behind")).order_by(entries.c.number)
_NEWEST = select(entries).order_by(entries.c.number.desc())


class SqlAuditLog:
    """Entries in one table, of the main database where there are several."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, drafts: Sequence[AuditDraft]) -> int:
        """Enters drafts at the end, durably; how many, without those whose operation was entered before."""
        return await self._database.write(
            lambda connection: append_drafts(connection, drafts), durability=Durability.KEPT, deadline=Deadline.BATCH
        )

    async def newest(self, wanted: AuditFilter, *, limit: int, before: int | None = None) -> list[AuditEntry]:
        """Entries that fit, newest first."""
        statement = _fitting(_NEWEST, wanted)
        if before is not None:
            statement = statement.where(entries.c.number < before)
        return await self._read(statement.limit(limit))

    async def following(self, number: int, *, limit: int, wanted: AuditFilter | None = None) -> list[AuditEntry]:
        """Entries behind a number, oldest first."""
        return await self._read(_fitting(_FOLLOWING, wanted or AuditFilter()).limit(limit), behind=number)

    async def state(self) -> AuditState:
        """Where the chain ends, and what was signed of it."""
        return await self._database.read(_state, deadline=Deadline.BATCH)

    async def mark(self, mark: AuditMark) -> None:
        """Keeps a mark in the place of the one of its kind."""
        await self._database.write(
            lambda connection: _put(connection, mark), durability=Durability.KEPT, deadline=Deadline.BATCH
        )

    async def prune(self, mark: AuditMark, draft: AuditDraft) -> int:
        """Removes all entries up to the mark's, keeps the mark and enters the draft."""

        def write(connection: Connection) -> int:
            in_turn(connection)
            _put(connection, mark)
            gone = connection.execute(delete(entries).where(entries.c.number <= mark.number)).rowcount
            append_drafts(connection, [draft])
            return gone

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.BATCH)

    async def _read(self, statement: Select[Any], **values: object) -> list[AuditEntry]:
        return await self._database.read(
            lambda connection: [_entry_of(row) for row in connection.execute(statement, values)],
            deadline=Deadline.BATCH,
        )


class SqlAuditMarks:
    """What was signed of the chain, as a holder of secrets (``registry.ports.keyring.SecretHolder``)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def renew(self, ring: KeyRing) -> int:
        """Signs anew what the ring's former keys have signed."""

        def write(connection: Connection) -> int:
            found = _state(connection).marks
            anew = [new for mark in found if (new := _signed_anew(mark, ring)) is not None]
            for mark in anew:
                _put(connection, mark)
            return len(anew)

        return await self._database.write(write, durability=Durability.KEPT)


def append_drafts(connection: Connection, drafts: Sequence[AuditDraft]) -> int:
    """Enters drafts in a transaction that also writes what they tell of; how many were new."""
    if not drafts:
        return 0
    in_turn(connection)
    named = [draft.operation for draft in drafts if draft.operation is not None]
    known = set(connection.execute(_KNOWN, {"operations": named}).scalars()) if named else set()
    number, hash_ = _end(connection)
    rows: list[dict[str, Any]] = []
    for draft in drafts:
        if draft.operation is not None and draft.operation in known:
            continue
        entry = seal(hash_, number + 1, draft)
        known.add(entry.draft.operation)
        number, hash_ = entry.number, entry.hash
        rows.append(_row_of(entry))
    for start in range(0, len(rows), AT_ONCE):
        write_rows(connection, _ADD, rows[start : start + AT_ONCE])
    return len(rows)


def _end(connection: Connection) -> tuple[int, str]:
    """The newest entry; where pruning has left none, the last that was removed."""
    row = connection.execute(_END).one_or_none()
    if row is not None:
        return row.number, row.hash
    pruned = connection.execute(select(marks).where(marks.c.mark == AuditMarkKind.PRUNED.value)).one_or_none()
    return (pruned.number, pruned.hash) if pruned is not None else (0, FIRST_HASH)


def _state(connection: Connection) -> AuditState:
    found = [_mark_of(row) for row in connection.execute(select(marks).order_by(marks.c.mark))]
    return AuditState(*_end(connection), found)


def _put(connection: Connection, mark: AuditMark) -> None:
    row = {
        "mark": mark.kind.value,
        "number": mark.number,
        "hash": mark.hash,
        "at": to_micros(mark.at),
        "key_id": mark.key_id,
        "public_key": mark.public_key,
        "signature": mark.signature,
    }
    write_rows(connection, _MARK, [row])


def _signed_anew(mark: AuditMark, ring: KeyRing) -> AuditMark | None:
    """The mark under the current key; None where it is under that one, or was not signed by this ring."""
    statement = mark.statement()
    if ring.verify(PURPOSE, statement, mark.signed()) is not True:
        return None
    new = ring.sign(PURPOSE, statement)
    return mark.with_signature(new) if new.key_id != mark.key_id else None


def _fitting(statement: Select[Any], wanted: AuditFilter) -> Select[Any]:
    for name in ("actor", "action", "repository", "key_id", "address", "name", "label", "ref"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(entries.c[name] == str(value))
    if wanted.folder is not None:
        statement = statement.where(entries.c.name >= f"{wanted.folder}/", entries.c.name < f"{wanted.folder}{_BEHIND}")
    if wanted.since is not None:
        statement = statement.where(entries.c.at >= to_micros(wanted.since))
    if wanted.until is not None:
        statement = statement.where(entries.c.at < to_micros(wanted.until))
    return statement


def _row_of(entry: AuditEntry) -> dict[str, Any]:
    draft, origin = entry.draft, entry.draft.origin
    return {
        "number": entry.number,
        "at": to_micros(draft.at),
        "actor": origin.actor,
        "key_id": origin.key_id,
        "address": origin.address,
        "request_id": origin.request_id,
        "action": str(draft.action),
        "repository": draft.repository,
        "name": draft.name,
        "label": draft.label,
        "ref": draft.ref,
        "old_value": canonical_json(draft.old) if draft.old is not None else None,
        "new_value": canonical_json(draft.new) if draft.new is not None else None,
        "operation": draft.operation,
        "hash": entry.hash,
    }


def _entry_of(row: Row[Any]) -> AuditEntry:
    draft = AuditDraft(
        action=row.action,
        at=_time_of(row.at),
        origin=AuditOrigin(row.actor, row.key_id, row.address, row.request_id),
        repository=row.repository,
        name=row.name,
        label=row.label,
        ref=row.ref,
        old=_value_of(row.old_value),
        new=_value_of(row.new_value),
        operation=row.operation,
    )
    return AuditEntry(row.number, draft, row.hash)


def _value_of(text: str | None) -> Json:
    """What is no JSON was put there by somebody else, and shows in the chain."""
    try:
        return from_json(text)
    except ValueError:
        return text


def _time_of(micros: int) -> datetime:
    """The same of a time that there is not."""
    try:
        return to_time(micros)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _mark_of(row: Row[Any]) -> AuditMark:
    return AuditMark(
        AuditMarkKind(row.mark), row.number, row.hash, to_time(row.at), row.key_id, row.public_key, row.signature
    )
