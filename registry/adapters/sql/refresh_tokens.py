"""Refresh tokens (``registry.ports.tokens``): each is used once, whoever comes how often at the same time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.grants import USER_COLUMNS, user_of
from registry.adapters.sql.kept_tables import users
from registry.adapters.sql.sessions import SESSION_COLUMNS, find_signed_in, session_of, signed_in
from registry.adapters.sql.sign_in_tables import refresh_tokens, sessions
from registry.adapters.sql.statements import insert_new, write_rows
from registry.adapters.sql.values import to_micros, to_time
from registry.domain.access_tokens import GRACE, FoundRefreshToken, RefreshToken, RefreshUse
from registry.domain.audit import AuditDraft
from registry.domain.roles import Scope
from registry.domain.sign_in import SignedIn

_ADD = insert_new(refresh_tokens)
_TOKEN_COLUMNS = tuple(column.label(f"token_{column.name}") for column in refresh_tokens.columns)
_FIND = (
    select(*_TOKEN_COLUMNS, *SESSION_COLUMNS, *USER_COLUMNS)
    .select_from(
        refresh_tokens.join(sessions, sessions.c.id == refresh_tokens.c.family).join(
            users, users.c.user == sessions.c.user
        )
    )
    .where(refresh_tokens.c.hash == bindparam("token_hash"))
)
_FIND_FAMILY = find_signed_in(sessions.c.id == bindparam("session_id"))
_USED_AT = select(refresh_tokens.c.used_at).where(refresh_tokens.c.hash == bindparam("token_hash"))
_TAKE = _USED_AT.with_for_update()
"""Whoever else has the same token waits here for the end of the transaction (SQLite's writers take turns anyway)."""


class SqlRefreshTokens:
    """Refresh tokens by their SHA-256."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, token_hash: str) -> FoundRefreshToken | None:
        """The token with its session and user; used and ended ones too: the caller judges."""
        rows = await self._database.fetch(_FIND, {"token_hash": token_hash})
        return FoundRefreshToken(_token_of(rows[0]), session_of(rows[0]), user_of(rows[0])) if rows else None

    async def find_family(self, session_id: str) -> SignedIn | None:
        """The session of that id with its user and all his rights; one that has ended, too: the caller judges."""
        return signed_in(await self._database.fetch(_FIND_FAMILY, {"session_id": session_id}))

    async def use(self, used: RefreshToken, successor: RefreshToken, told_reuse: Sequence[AuditDraft]) -> RefreshUse:
        """Marks a token as used and stores its successor; ends the session of one that was used before."""
        now = to_micros(successor.made_at)

        def write(connection: Connection) -> RefreshUse:
            found = connection.execute(_TAKE, {"token_hash": used.hash}).one_or_none()
            if found is None:
                return RefreshUse.GONE
            if found.used_at is None:
                _replace(connection, used, successor)
                return RefreshUse.USED
            waiting = connection.execute(_USED_AT, {"token_hash": successor.hash}).one_or_none()
            if waiting is not None and waiting.used_at is None and to_time(now) - to_time(found.used_at) <= GRACE:
                return RefreshUse.REPEATED
            connection.execute(delete(sessions).where(sessions.c.id == used.family))
            append_drafts(connection, told_reuse)
            return RefreshUse.REUSED

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)


def add_refresh_token(connection: Connection, token: RefreshToken) -> None:
    """Writes a new token, within a transaction."""
    row = {
        "hash": token.hash,
        "family": token.family,
        "scope": str(token.scope),
        "made_at": to_micros(token.made_at),
        "expires_at": to_micros(token.expires_at),
        "used_at": None,
    }
    write_rows(connection, _ADD, [row])


def _replace(connection: Connection, used: RefreshToken, successor: RefreshToken) -> None:
    """The session lives as long as its newest token; those of it that have ended need not be known any more."""
    now, mine = to_micros(successor.made_at), refresh_tokens.c.family == used.family
    connection.execute(update(refresh_tokens).where(refresh_tokens.c.hash == used.hash).values(used_at=now))
    connection.execute(delete(refresh_tokens).where(mine, refresh_tokens.c.expires_at <= now))
    add_refresh_token(connection, successor)
    lives = {"seen_at": now, "expires_at": to_micros(successor.expires_at)}
    connection.execute(update(sessions).where(sessions.c.id == used.family).values(**lives))


def _token_of(row: Row[Any]) -> RefreshToken:
    return RefreshToken(
        hash=row.token_hash,
        family=row.token_family,
        scope=Scope(row.token_scope),
        made_at=to_time(row.token_made_at),
        expires_at=to_time(row.token_expires_at),
        used_at=to_time(row.token_used_at) if row.token_used_at is not None else None,
    )
