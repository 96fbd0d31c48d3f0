"""Making written objects durable before a ref points to them.

Measured on ext4 (2 shared cores): of a commit's 6 new objects an fsync each, with their folders, takes 2.4 ms, one
``syncfs`` 0.4 ms; of 200 objects 51 ms and 8 ms. So ``syncfs`` where the system has it. It also writes what other
programs have left dirty on the same file system, which is why data should not share one with heavy writers.
"""

import ctypes
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from registry.adapters.fsync import fsync_path


def find_syncfs() -> Callable[[int], None] | None:
    """The system's ``syncfs(fd)``, raising OSError on failure; None where there is none (macOS, BSD)."""
    try:
        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError):
        return None

    def syncfs(descriptor: int) -> None:
        if function(ctypes.c_int(descriptor)) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    return syncfs


def flush_objects(repository: Path, objects: Iterable[str], syncfs: Callable[[int], None] | None) -> None:
    """Returns once the objects (ids) of a repository are on the disk. Raises OSError."""
    if syncfs is not None:
        descriptor = os.open(repository / "objects", os.O_RDONLY)
        try:
            syncfs(descriptor)
        finally:
            os.close(descriptor)
        return
    folders: set[Path] = {repository / "objects"}
    for object_id in objects:
        file = repository / "objects" / object_id[:2] / object_id[2:]
        if file.exists():  # otherwise it was in a pack already
            fsync_path(file)
            folders.add(file.parent)
    for folder in folders:
        fsync_path(folder)
