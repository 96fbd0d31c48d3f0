"""Files that hold a secret."""

import os
from pathlib import Path


def write_secret(path: Path, secret: str) -> None:
    """Makes a file that only its owner may read, and waits for the disk. Raises OSError."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
