"""What a repository keeps of purges: a file while one is under way, and a ref that names what may not come back."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hmac import compare_digest, digest
from pathlib import Path
from typing import BinaryIO

import pygit2

from registry.adapters.fsync import fsync_path
from registry.adapters.git.errors import driver_errors
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.template import Json

MARK = "promptuary-purge"
"""In the repository's folder while a purge is under way, or was cut off."""

HELD = "promptuary-purge.held"
"""What the process that purges has locked."""

LIST = "refs/promptuary/purged"
"""A commit whose tree holds one file: the ids of objects that may not come back, one a line."""
LIST_FILE = "objects"


def require_open(path: Path) -> None:
    """Raises Unavailable while a purge is under way in a repository, or where one was cut off when it had begun."""
    if (path / MARK).exists() and (is_begun(path) or _is_held(path)):
        raise Unavailable(
            "Content is being purged from this repository, which takes no changes meanwhile: try again in some "
            "minutes. Where no purge runs any more, one was cut off: the administrator has to run it again."
        )


def is_begun(path: Path) -> bool:
    """Whether a purge has to be completed; before it begins to rewrite it may end as if it had never been."""
    return _read(path / MARK).get("said") is not None


def _is_held(path: Path) -> bool:
    try:
        with (path / HELD).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def purged_ids(repo: pygit2.Repository) -> frozenset[str]:
    """The ids of objects that may not come back."""
    try:
        tree = repo.references[LIST].peel(pygit2.Tree)
        return _ids_of(repo.odb.read(tree[LIST_FILE].id)[1])
    except (KeyError, pygit2.GitError):
        return frozenset()


@lru_cache(64)
def _ids_of(data: bytes) -> frozenset[str]:
    return frozenset(data.decode("ascii", "replace").split())


class PurgeMark:
    """The file of a purge that this process is at."""

    def __init__(self, file: Path, kept: dict[str, Json], *, resumed: bool) -> None:
        self._file = file
        self._kept = kept
        self.operation = str(kept["operation"])
        self.salt = bytes.fromhex(str(kept["salt"]))
        self.resumed = resumed
        self.said: Json = kept.get("said")

    def keep(self, said: Json) -> None:
        """Keeps what is to be said of it, durably. Raises Unavailable."""
        self.said = self._kept["said"] = said
        with driver_errors("note the purge", self._file.parent):
            write_mark(self._file, self._kept)

    def finish(self) -> None:
        """Opens the repository. Raises Unavailable."""
        with driver_errors("end the purge", self._file.parent):
            self._file.unlink(missing_ok=True)
            fsync_path(self._file.parent)


@contextmanager
def marked(path: Path, what: bytes) -> Iterator[PurgeMark]:
    """Marks a repository; the mark stays unless the purge is finished. One that did not rewrite yet gives way.

    Raises BadRequest where another one has to be completed first, Unavailable.
    """
    with driver_errors("begin the purge", path):
        lock = (path / HELD).open("wb")
    with lock:
        with driver_errors("begin the purge", path):
            _hold(lock)
            mark = _begin(path / MARK, what)
        yield mark


def _hold(lock: BinaryIO) -> None:
    """Takes the lock, which others have for a moment to see whether somebody holds it. Raises Unavailable."""
    for pause in (0.05, 0.1, 0.2, 0.4, 0.0):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause)
        else:
            return
    raise Unavailable("Another purge of this repository is under way: wait for its end.")


def _begin(file: Path, what: bytes) -> PurgeMark:
    kept = _read(file)
    if kept.get("said") is None:
        kept = {"operation": secrets.token_hex(16), "salt": secrets.token_hex(32)}
        kept["what"] = _seal(kept, what).hex()
        write_mark(file, kept)
        return PurgeMark(file, kept, resumed=False)
    if not compare_digest(_seal(kept, what), bytes.fromhex(str(kept["what"]))):
        raise BadRequest(
            "Another purge of this repository was cut off when it had begun to rewrite: it has to be completed "
            "first. Run it again with the same text or version."
        )
    return PurgeMark(file, kept, resumed=True)


def _seal(kept: dict[str, Json], what: bytes) -> bytes:
    """Tells whether a purge is about the same, and not what it is about."""
    return digest(bytes.fromhex(str(kept["salt"])), what, "sha256")


def _read(file: Path) -> dict[str, Json]:
    try:
        kept = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):  # it was cut off before it held anything
        return {}
    return kept if isinstance(kept, dict) else {}


def write_mark(file: Path, kept: dict[str, Json]) -> None:
    """Writes the file whole, durably, for its owner alone. Raises OSError."""
    new = file.with_name(f"{MARK}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, json.dumps(kept).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.rename(file)
    fsync_path(file.parent)
