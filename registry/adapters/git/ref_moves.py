"""Moving a ref by compare-and-swap, durably.

libgit2 decides when it opens a repository's ref database whether it will fsync what it writes there, by a switch of
the whole process. So refs are moved through a handle of their own that was opened with the switch on, while objects
are written through one that was opened with it off.
"""

import logging
import os
import threading
import time
from pathlib import Path

import pygit2
from pygit2.enums import Option

from registry.adapters.fsync import fsync_path
from registry.adapters.git.errors import driver_errors
from registry.domain.errors import RefMoved, Unavailable
from registry.domain.ids import ZERO_COMMIT
from registry.domain.refs import RefUpdate

log = logging.getLogger(__name__)

_SWITCH = threading.Lock()  # guards the switch, which belongs to the process
_WAIT_SECONDS = 2.0
_STALE_SECONDS = 5.0
_AUTHOR = ("Promptuary", "promptuary@localhost")  # who stands in the reflog; the commit says who wrote it


def open_durable(path: Path) -> pygit2.Repository:
    """A handle whose ref writes are fsynced (file, reflog and folder)."""
    with _SWITCH:
        pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)
        try:
            repo = pygit2.Repository(str(path))
            repo.references.get("HEAD")  # opens the ref database while the switch is on
        finally:
            pygit2.option(Option.ENABLE_FSYNC_GITDIR, False)
    repo.set_ident(*_AUTHOR)
    return repo


def move_ref(path: Path, update: RefUpdate, reason: str) -> None:
    """Moves, creates or deletes a ref if it is at ``update.old``.

    Raises RefMoved where it is elsewhere or other writers keep it locked, Unavailable where the disk refuses or the
    lock of one that was killed cannot be broken.
    """
    if update.old == update.new:
        return
    with driver_errors(f"move {update.ref}", path):
        repo = open_durable(path)
        try:
            _swap(repo, path, update, reason)
        finally:
            repo.free()


def _swap(repo: pygit2.Repository, path: Path, update: RefUpdate, reason: str) -> None:
    if update.creates:
        _require_room(repo, update.ref)
    with repo.transaction() as transaction:
        _lock(transaction, path, update.ref)
        found = _target(repo, update.ref)
        if found != update.old:
            raise RefMoved(f"{update.ref} is at {_shown(found)}, not at {_shown(update.old)}: fetch and try again.")
        if update.deletes:
            transaction.remove(update.ref)
        else:
            transaction.set_target(update.ref, update.new, message=reason)
    if update.deletes:
        _finish_deletion(path, update.ref)


def _require_room(repo: pygit2.Repository, ref: str) -> None:
    """libgit2 sees what is in the way of a new ref only where that is a file of its own, not in ``packed-refs``."""
    parts = ref.split("/")
    above = {"/".join(parts[:length]) for length in range(3, len(parts))}
    other = next((each for each in repo.references if each in above or each.startswith(f"{ref}/")), None)
    if other is not None:
        raise RefMoved(f"{ref} cannot be made beside {other}: Git takes one of them for the other's folder.")


def _finish_deletion(path: Path, ref: str) -> None:
    """What libgit2 leaves undone: the reflog and emptied folders go, lest they stand in the way of other names."""
    (path / "logs" / ref).unlink(missing_ok=True)
    for start in (path / ref, path / "logs" / ref):
        for folder in start.parents:
            if folder.name in {"heads", "tags", "refs"} or folder == path:
                break
            try:
                folder.rmdir()
            except OSError:  # another ref lies in it
                break
    fsync_path(path)
    if (path / ref).parent.is_dir():
        fsync_path((path / ref).parent)


def _lock(transaction: pygit2.transaction.ReferenceTransaction, path: Path, ref: str) -> None:
    """Takes the ref's lock, waiting for other writers'; one left behind by a killed process is broken.

    Raises RefMoved where others keep taking it, Unavailable where one and the same stands for longer than anybody who
    lives holds it.
    """
    began = since = time.monotonic()
    lock = path / f"{ref}.lock"
    seen: tuple[int, int] | None = None
    free_but_refused = 0
    while True:
        try:
            transaction.lock_ref(ref)
        except (pygit2.GitError, ValueError) as error:
            now, found = time.monotonic(), _identity(lock)
            if found != seen:
                seen, since = found, now
            free_but_refused = 0 if found else free_but_refused + 1
            if free_but_refused > 2:  # so it is no other writer's lock that is in the way
                raise
            _break_stale(lock)
            if now - began > _WAIT_SECONDS > now - since:
                raise RefMoved(f"{ref} is being written by somebody else: try again.") from error
            if now - since > _STALE_SECONDS + _WAIT_SECONDS:
                log.error("the lock %s has stood for long and cannot be broken: remove it", lock)  # noqa: TRY400
                left = f"A writer that was killed left a lock on {ref}; nothing was changed. Send it again in a moment."
                raise Unavailable(left) from error
            time.sleep(0.01)
        else:
            return


def _identity(lock: Path) -> tuple[int, int] | None:
    """What tells a lock file from the next one of that name; None where there is none."""
    try:
        found = lock.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _break_stale(lock: Path) -> None:
    """Removes a lock file that no living writer can still want: they hold theirs for milliseconds."""
    try:
        if time.time() - lock.stat().st_mtime > _STALE_SECONDS:
            lock.unlink()
    except (FileNotFoundError, NotADirectoryError):
        pass


def _target(repo: pygit2.Repository, ref: str) -> str:
    try:
        return str(repo.references[ref].target)
    except KeyError:
        return ZERO_COMMIT


def _shown(commit: str) -> str:
    return "nothing" if commit == ZERO_COMMIT else commit[:10]


def sweep_locks(path: Path, older_than: float) -> list[Path]:
    """Removes ref locks that are older than so many seconds; says which. For the start of the server."""
    found = []
    for folder, _, files in os.walk(path / "refs"):
        for name in files:
            lock = Path(folder, name)
            if name.endswith(".lock") and time.time() - lock.stat().st_mtime > older_than:
                lock.unlink(missing_ok=True)
                found.append(lock)
    for name in ("packed-refs.lock", "HEAD.lock", "config.lock"):
        lock = path / name
        if lock.exists() and time.time() - lock.stat().st_mtime > older_than:
            lock.unlink(missing_ok=True)
            found.append(lock)
    return found
