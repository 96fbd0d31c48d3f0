"""Devices that ask to act for somebody (``registry.ports.tokens``): each is decided once, and redeemed once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, update

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.grants import USER_COLUMNS, user_of
from registry.adapters.sql.kept_tables import users
from registry.adapters.sql.passwords import hold_user
from registry.adapters.sql.refresh_tokens import add_refresh_token
from registry.adapters.sql.sessions import add_session
from registry.adapters.sql.sign_in_tables import device_grants, sessions
from registry.adapters.sql.statements import insert_new, write_rows
from registry.adapters.sql.values import to_micros, to_time
from registry.domain.access import User
from registry.domain.access_tokens import RefreshToken
from registry.domain.audit import AuditDraft
from registry.domain.device_grants import DeviceDecision, DeviceGrant
from registry.domain.roles import Scope
from registry.domain.sign_in import Session

KNOWN_AFTER = timedelta(hours=1)
"""How long a device that asks too late is told so; later its code is one that never was."""

_ADD = insert_new(device_grants)
_COLUMNS = tuple(column.label(f"grant_{column.name}") for column in device_grants.columns)
_FIND = select(*_COLUMNS).where(device_grants.c.user_code == bindparam("code"))
_POLL: Select[Any] = (
    select(*_COLUMNS, *USER_COLUMNS)
    .select_from(device_grants.outerjoin(users, users.c.user == device_grants.c.user))
    .where(device_grants.c.hash == bindparam("device_hash"))
)

_ORIGIN = (
    select(sessions.c.origin)
    .select_from(device_grants.join(sessions, sessions.c.id == device_grants.c.session))
    .where(device_grants.c.hash == bindparam("device_hash"))
)
"""How he came in who approved, where his session still is."""


class SqlDeviceGrants:
    """Devices that ask, by the SHA-256 of their code."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, grant: DeviceGrant) -> bool:
        """Stores one, and forgets those that ended long ago; False where its user code is taken."""
        row = {
            "hash": grant.hash,
            "user_code": grant.user_code,
            "scope": str(grant.scope),
            "address": grant.address,
            "agent": grant.agent,
            "made_at": to_micros(grant.made_at),
            "expires_at": to_micros(grant.expires_at),
            "polled_at": None,
            "user": None,
            "session": None,
            "decision": None,
        }
        long_ago = to_micros(grant.made_at - KNOWN_AFTER)

        def write(connection: Connection) -> bool:
            connection.execute(delete(device_grants).where(device_grants.c.expires_at <= long_ago))
            return bool(write_rows(connection, _ADD, [row]))

        return await self._database.write(write, deadline=Deadline.REQUEST)

    async def find(self, user_code: str) -> DeviceGrant | None:
        """The one with that user code, ended or decided ones too."""
        rows = await self._database.fetch(_FIND, {"code": user_code})
        return _grant_of(rows[0]) if rows else None

    async def poll(self, device_hash: str, at: datetime) -> tuple[DeviceGrant, User | None] | None:
        """The one of a device as it was before this call, with who decided; it is noted that it asked."""
        asked = update(device_grants).where(device_grants.c.hash == device_hash).values(polled_at=to_micros(at))

        def write(connection: Connection) -> tuple[DeviceGrant, User | None] | None:
            row = connection.execute(_POLL, {"device_hash": device_hash}).one_or_none()
            if row is None:
                return None
            connection.execute(asked)
            return _grant_of(row), user_of(row) if row.user is not None else None

        return await self._database.write(write, deadline=Deadline.REQUEST)

    async def decide(self, decided: DeviceGrant, at: datetime, told: Sequence[AuditDraft]) -> bool:
        """Notes what a person said, durably; False where it has ended, or was decided already."""
        waits = (
            device_grants.c.user_code == decided.user_code,
            device_grants.c.decision.is_(None),
            device_grants.c.expires_at > to_micros(at),
        )
        said = {"user": decided.user, "session": decided.session, "decision": decided.decision}
        change = update(device_grants).where(*waits).values(said)

        def write(connection: Connection) -> bool:
            is_mine = bool(connection.execute(change).rowcount)
            append_drafts(connection, told if is_mine else ())
            return is_mine

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def redeem(self, device_hash: str, session: Session, token: RefreshToken, told: Sequence[AuditDraft]) -> bool:
        """Puts a session and its first refresh token in the place of an approved one, durably."""
        mine = (
            device_grants.c.hash == device_hash,
            device_grants.c.decision == DeviceDecision.APPROVED.value,
            device_grants.c.user == session.user,
            device_grants.c.expires_at > to_micros(session.made_at),
        )

        def write(connection: Connection) -> bool:
            hold_user(connection, session.user).require_person()
            origin = connection.execute(_ORIGIN, {"device_hash": device_hash}).scalar_one_or_none()
            if origin is None or not connection.execute(delete(device_grants).where(*mine)).rowcount:
                return False
            add_session(connection, replace(session, origin=origin))
            add_refresh_token(connection, token)
            append_drafts(connection, told)
            return True

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)


def _grant_of(row: Row[Any]) -> DeviceGrant:
    return DeviceGrant(
        hash=row.grant_hash,
        user_code=row.grant_user_code,
        scope=Scope(row.grant_scope),
        address=row.grant_address,
        agent=row.grant_agent,
        made_at=to_time(row.grant_made_at),
        expires_at=to_time(row.grant_expires_at),
        polled_at=to_time(row.grant_polled_at) if row.grant_polled_at is not None else None,
        user=row.grant_user,
        session=row.grant_session,
        decision=DeviceDecision(row.grant_decision) if row.grant_decision is not None else None,
    )
