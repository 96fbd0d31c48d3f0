"""Waiting until a file or a folder is on the disk."""

import os
from pathlib import Path


def fsync_path(path: Path) -> None:
    """Makes a file's content, or a folder's entries, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
