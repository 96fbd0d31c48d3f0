"""What PostgreSQL's errors mean: which are said as Unavailable, and after which the same work is tried again."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.domain.errors import BadRequest, Unavailable

UNDEFINED_TABLE = "42P01"
DUPLICATE_TABLE = "42P07"
NO_TEXT = "22021"

IN_PART = "only some of its tables are there: restore a backup into an empty database"
"""Never to drop the rest by hand: among them may be users, keys and counts of reads, which nothing gives back."""

_REASONS = {
    "28": "it refuses the user or the password of PROMPTUARY_DATABASE_URL",
    "3D000": "there is no database of the name in PROMPTUARY_DATABASE_URL: make it with createdb",
    "08": "the connection was lost",
    "57P01": "it was shut down, or ended the connection",
    "57P02": "it crashed and is recovering",
    "57P03": "it is starting or stopping",
    "57014": "the query took too long and was stopped",
    "55P03": "another process has held a lock for too long",
    "53100": "its disk is full",
    "53200": "it is out of memory",
    "53300": "it has no connection left (max_connections)",
    "53400": "a limit of its configuration is reached",
    "25006": "it takes no writes: is it a standby?",
    "25P03": "the transaction stood still for too long",
    "25P04": "the transaction took too long",
    "40": "other processes wrote the same rows for too long",
    UNDEFINED_TABLE: "tables are missing in it. Where all are, a running promptuary indexer (or serve) makes them and "
    "fills them from Git, or its log says why it cannot; where only some are, restore a backup into an empty database",
    DUPLICATE_TABLE: IN_PART,
    "3F000": "it has no schema to make tables in (CREATE SCHEMA public), or its user may not use it "
    "(GRANT ALL ON SCHEMA public)",
    "42501": "the user of PROMPTUARY_DATABASE_URL lacks a right: let it own the database",
    "58": "its disk cannot be read or written",
    "XX001": "its data is damaged: restore it, or make an empty one and let it be filled from Git",
    "XX002": "an index of it is damaged: run REINDEX DATABASE",
}
"""By SQLSTATE or its class, for a sentence."""

_AGAIN = {"40001", "40P01"}
_LOST = ("08", "57P01", "57P02", "57P03")
_BROKEN = (asyncpg.InternalClientError, asyncpg.InterfaceError)
"""What the driver itself says of a connection: closed while it was asked, or in a state that it does not know. Its
errors of the same kind about what it was asked are ValueErrors, too."""


def state_of(error: BaseException) -> str:
    """The SQLSTATE of an error of SQLAlchemy or of the driver; empty where it has none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(original, "sqlstate", None) or "")


def reason_of(error: BaseException) -> str | None:
    """Why the database cannot be used; None for what is a mistake of the program's."""
    state = state_of(error)
    for key in (state, state[:2]):
        if key in _REASONS:
            return _REASONS[key]
    if isinstance(error, PoolTimeout):
        return "all connections to it are in use"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if is_lost(error):
        return "it cannot be reached"
    return None


def is_lost(error: BaseException) -> bool:
    """Whether there is no connection, or no more: nobody knows then what became of a commit that was under way."""
    if isinstance(error, DBAPIError) and (error.connection_invalidated or "connection is closed" in str(error.orig)):
        return True
    if isinstance(error, _BROKEN):
        return not isinstance(error, ValueError)
    return isinstance(error, OSError) or state_of(error).startswith(_LOST)


def is_away(error: BaseException) -> bool:
    """Whether the next call will likely fare no better: the server was not reached, or turned the call away."""
    return is_lost(error) or isinstance(error, PoolTimeout) or state_of(error)[:2] in {"53", "28", "3D"}


def is_passing(error: BaseException) -> bool:
    """Whether the same transaction may well succeed when it is tried again: nothing of it was written."""
    # A statement that was prepared before another process migrated; the driver has forgotten it now.
    return state_of(error) in _AGAIN or "InvalidCachedStatementError" in type(getattr(error, "orig", error)).__name__


@contextmanager
def server_errors(*, writing: bool = False) -> Iterator[None]:
    """Raises Unavailable, with the reason, for what the server or the way to it cannot do just now, BadRequest for NUL.

    ``writing`` says that it was to change something: what became of that is told too.
    """
    try:
        yield
    except Exception as error:
        if state_of(error) == NO_TEXT:
            raise BadRequest("A text holds a NUL character (U+0000), which cannot be stored or looked for.") from None
        reason = reason_of(error)
        if reason is None:
            raise
        outcome = " It is not known whether the last change was written." if is_lost(error) else " Nothing was changed."
        # Not "from error": what the driver says may hold the address, and it is logged with tracebacks.
        raise Unavailable(f"The database cannot be used: {reason}.{outcome if writing else ''}") from None
