"""What libgit2, the ``git`` program and the system say, in the domain's words."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pygit2 import GitError

from registry.domain.errors import PromptuaryError, Unavailable

log = logging.getLogger(__name__)

_REASONS = {
    "No space left on device": "the disk is full: free some space and try again",
    "Disk quota exceeded": "the disk quota is used up: free some space and try again",
    "Read-only file system": "the file system is mounted read-only",
    "Permission denied": "the server may not write there: check the folder's owner and mode",
    "Too many open files": "the server has too many files open: raise its limit (ulimit -n)",
    "Input/output error": "the disk reports an error: check it, then run git fsck",
    "is not owned by current user": "the folder belongs to another user: chown it to the user that runs the server",
    "dubious ownership": "the folder belongs to another user: chown it to the user that runs the server",
    "unsupported extension name": "the repository uses an extension (such as reftable) that is not supported: "
    "convert it with: git refs migrate --ref-format=files",
}
"""Part of a driver's message -> what it means and the way out."""


_NEEDED_BYTES = 1 << 20


def reason_of(text: str, path: Path) -> str:
    """What a driver's message means. One that is not known is for the log only: it may hold paths of the server.

    libgit2 does not always say that the disk was full, so where nothing else is known the disk is asked.
    """
    for part, reason in _REASONS.items():
        if part.lower() in text.lower():
            return reason
    try:
        disk = os.statvfs(path)
    except OSError:
        return "the repository's folder is gone"
    if disk.f_bavail * disk.f_frsize < _NEEDED_BYTES or (disk.f_files and not disk.f_favail):
        return _REASONS["No space left on device"]
    return "Git failed, the server's log says how"


@contextmanager
def driver_errors(doing: str, path: Path) -> Iterator[None]:
    """Turns what a driver raises into Unavailable: ``Cannot <doing>: <reason>``. The path goes to the log only."""
    try:
        yield
    except PromptuaryError:
        raise
    except (OSError, GitError, MemoryError) as error:
        log.error("cannot %s in %s: %s", doing, path, error)  # noqa: TRY400 - the cause is known, no trace is needed
        raise Unavailable(f"Cannot {doing}: {reason_of(str(error), path)}.") from error
