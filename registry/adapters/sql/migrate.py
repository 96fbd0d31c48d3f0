"""Brings a database file to the newest schema: Alembic, run in process under a file lock (``postgres_migrate`` beside).

Two processes may start at once: the second waits and finds the work done. A file that is up to date is only looked at,
without loading Alembic.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event

from registry.domain.errors import Unavailable

HEAD = "0013"
"""The newest revision; a test holds it against the revisions on disk."""

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(path: Path) -> None:
    """Makes the file or upgrades it. Raises Unavailable where it was written by a newer Promptuary, sqlite3.Error."""
    if _revision(path) == HEAD:
        return
    with _locked(path):
        found = _revision(path)
        if found != HEAD:
            _upgrade(path, found)


def _revision(path: Path) -> str | None:
    """The revision of the file; None where it is new."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return row[0] if row else None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(f"{path.name}.lock")
    try:
        handle = lock.open("w")
    except OSError as error:
        raise Unavailable(
            f"The catalogue {path.name} cannot be made: {error.strerror}. See that its folder can be written."
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _upgrade(path: Path, found: str | None) -> None:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30, "isolation_level": None})
    event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA journal_mode=WAL").close())
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            upgrade(connection, found, f"catalogue {path.name}")
    finally:
        engine.dispose()


def upgrade(connection: Connection, found: str | None, what: str, *, goal: str = "head") -> None:
    """Runs the revisions after ``found``, up to ``goal``, in the connection's transaction.

    Raises Unavailable where none of that name is known.
    """
    # Alembic takes a tenth of a second to import, which a start without a migration should not pay.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise Unavailable(
            f"The {what} was written by a newer Promptuary (schema {found}, this one knows {HEAD}): "
            "start that version again, or put it aside and let it be made anew from Git."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, goal)
