"""What was read of a source that broke off, kept for a day: the next import reads only the rest."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any

from registry.settings import CacheSettings

KEPT_SECONDS = 24 * 3600
AGAIN = "nothing was written, and what was read is kept for a day: say it again, and only the rest is read"


class KeptReads:
    """Answers by what was asked; they are prompts, so the file is its owner's alone. May be used by several threads."""

    def __init__(self, known: dict[str, dict[str, Any]], file: IO[str] | None) -> None:
        self._known = known
        self._file = file
        self._lock = Lock()

    def get(self, asked: str, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was answered before, else what ``read`` gives, which is kept."""
        answer = self._known.get(asked)
        if answer is None:
            answer = read()
            with self._lock, suppress(OSError):  # what cannot be written is read again the next time
                if self._file is not None:
                    self._file.write(f"{json.dumps([asked, answer])}\n")
        return answer


@contextmanager
def kept_reads(*source: str) -> Iterator[KeptReads]:
    """The answers that are kept of a source. They go when the block ends without an error, and stay otherwise.

    Where the cache folder cannot be written to, nothing is kept.
    """
    name = hashlib.sha256("\0".join(source).encode("utf-8", "replace")).hexdigest()[:32]
    path = CacheSettings().folder / "imports" / f"{name}.jsonl"
    known, file = _opened(path)
    try:
        yield KeptReads(known, file)
    finally:
        if file is not None:
            with suppress(OSError):
                file.close()
    with suppress(OSError):
        path.unlink()


def _opened(path: Path) -> tuple[dict[str, dict[str, Any]], IO[str] | None]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and time.time() - path.stat().st_mtime > KEPT_SECONDS:
            path.unlink()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        file = os.fdopen(descriptor, "a+", encoding="utf-8")
        file.seek(0)
        return dict(_lines(file)), file
    except OSError:
        return {}, None


def _lines(file: IO[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was written whole: a program that was killed may have left half a line, another anything."""
    for line in file:
        with suppress(ValueError, TypeError, RecursionError):
            asked, answer = json.loads(line)
            if isinstance(asked, str) and isinstance(answer, dict):
                yield asked, answer
