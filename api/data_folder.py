"""The data folder while it is served: one server at a time, and a private place for pushes under way."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from registry.domain.errors import Unavailable


@contextmanager
def held(data: Path, *, restoring: bool = False) -> Iterator[None]:
    """Holds ``DATA/lock`` while the context is open; the system lets go of it when the process ends, however it does.

    Raises Unavailable where another server holds it, where the folder cannot be made or written, or where a restore
    into it was cut off, unless that is what it is held for.
    """
    try:
        if not restoring and restoring_folder(data).exists():
            raise Unavailable(
                f"A restore into {data.resolve()} was cut off; not everything is there: run promptuary restore again."
            )
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"The data folder {data} cannot be used: {error.strerror}. Set PROMPTUARY_DATA.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = os.read(descriptor, 20).decode("ascii", "replace").strip()
        os.close(descriptor)
        if not isinstance(error, BlockingIOError):
            raise Unavailable(f"The data folder {data} cannot be locked: {error.strerror}.") from error
        by = f" by process {pid}" if pid.isdigit() else ""
        raise Unavailable(
            f"The data folder {data.resolve()} is served already{by}. Stop that server, or choose another folder: "
            f"promptuary {'restore … --data FOLDER' if restoring else 'serve --data FOLDER (make run DATA=FOLDER)'}."
        ) from error
    try:
        with suppress(OSError):  # a full disk: the lock holds without a number in it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Holder:
    """The server that holds a data folder; ``pid`` is None where it could not write its number down."""

    pid: int | None


def find_holder(data: Path) -> Holder | None:
    """Who serves the data folder at this moment; None where nobody does. Raises OSError where that cannot be seen."""
    try:
        descriptor = os.open(data / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # let go of at once, below
    except BlockingIOError:
        pid = os.read(descriptor, 20).decode("ascii", "replace").strip()
        return Holder(int(pid) if pid.isdigit() else None)
    finally:
        os.close(descriptor)
    return None


def restoring_folder(data: Path) -> Path:
    """``DATA/restoring``: there from the first to the last moment of a restore."""
    return data / "restoring"


def gates_folder(data: Path) -> Path:
    """``DATA/gates``, made where it is missing: the private folders of pushes that the server is judging."""
    folder = data.resolve() / "gates"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def clear_gates(data: Path) -> None:
    """Removes what pushes left behind whose server was killed. Only for who holds the data folder."""
    for left in gates_folder(data).iterdir():
        shutil.rmtree(left, ignore_errors=True)
