"""Folders, files and file systems of this machine (``registry.ports.health.PlaceHealth``)."""

import fcntl
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from registry.ports.health import DiskFacts, PlaceFacts, Trial

_MOUNTS = Path("/proc/self/mountinfo")
_PREFIX = ".doctor-"
_MOST = 100
_SECONDS = 10
_HEX = frozenset("0123456789abcdef")
_OCTAL = re.compile(r"\\([0-7]{3})")
"""How the list of mounts writes spaces, tabs, newlines and backslashes."""


class LocalPlaces:
    """This machine. ``mounts`` lists what is mounted, as Linux does; without it kinds of file systems are unknown."""

    def __init__(self, mounts: Path = _MOUNTS) -> None:
        self._mounts = mounts

    def look(self, path: Path) -> PlaceFacts:
        """A file or folder, links followed."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return PlaceFacts(path, exists=False)
        except OSError as error:
            return PlaceFacts(path, exists=False, problem=error.strerror)
        return PlaceFacts(path, True, stat.S_ISDIR(found.st_mode), found.st_uid, stat.S_IMODE(found.st_mode))

    def disk(self, path: Path) -> DiskFacts | None:
        """The file system under a folder; None where it cannot be asked."""
        try:
            found = os.statvfs(path)
        except OSError:
            return None
        kind, options = self._mount(path.resolve())
        return DiskFacts(
            free_bytes=found.f_bavail * found.f_frsize,
            total_bytes=found.f_blocks * found.f_frsize,
            free_files=found.f_favail,
            total_files=found.f_files,
            kind=kind,
            options=options,
        )

    def _mount(self, path: Path) -> tuple[str, frozenset[str]]:
        """Kind and options of what is mounted where a path lies; of several at one place the last counts."""
        best, found = -1, ("", frozenset[str]())
        try:
            lines = self._mounts.read_text("utf-8", "surrogateescape").splitlines()
        except OSError:
            return found
        for line in lines:
            before, _, after = line.partition(" - ")
            fields = before.split()
            if len(fields) < 6 or not after:
                continue
            point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])
            if path.is_relative_to(point) and len(Path(point).parts) >= best:
                best, found = len(Path(point).parts), (after.split()[0], frozenset(fields[5].split(",")))
        return found

    def try_out(self, path: Path) -> Trial:
        """Writes, locks and runs things in a temporary folder below ``path``, and leaves nothing."""
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=path))
        except OSError as error:
            return Trial(error.strerror or type(error).__name__)
        try:
            return Trial(
                write=_failure(lambda: _write(folder / "written")),
                pipe=_failure(lambda: os.mkfifo(folder / "pipe")),
                link=_failure(lambda: _link(folder / "written")),
                run=_failure(lambda: _run(folder / "script")),
                lock=_failure(lambda: _lock(folder / "lock")),
                skew_seconds=_skew(folder / "clock"),
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def strangers(self, path: Path, owner: int) -> list[Path]:
        """What below a folder belongs to others than ``owner``; single Git objects are not looked at. Up to 100."""
        found: list[Path] = []
        for folder, folders, files in os.walk(path):
            loose = Path(folder).parent.name == "objects" and len(Path(folder).name) == 2
            names = folders if loose and set(Path(folder).name) <= _HEX else [*folders, *files]
            for name in names:
                place = Path(folder, name)
                try:
                    stranger = place.lstat().st_uid != owner
                except OSError:
                    continue
                if stranger:
                    found.append(place)
                if len(found) >= _MOST:
                    return found
        return found

    def shell(self) -> str | None:
        """What is wrong with ``/bin/sh``; None where nothing is."""
        return _failure(lambda: _succeed(["/bin/sh", "-c", "exit 0"]))

    def user(self, number: int) -> str:
        """The name of a user of this machine, or the number where it has none."""
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return str(number)


def _failure(work: Callable[[], object]) -> str | None:
    """What went wrong; None where nothing did."""
    try:
        work()
    except (OSError, subprocess.SubprocessError) as error:
        return (isinstance(error, OSError) and error.strerror) or str(error)
    return None


def _write(file: Path) -> None:
    with file.open("wb") as handle:
        handle.write(b"promptuary" * 1_000)
        handle.flush()
        os.fsync(handle.fileno())


def _link(file: Path) -> None:
    """Both kinds: hard links are what files get their names by that several processes make at once."""
    file.with_name("link").symlink_to(file.name)
    file.with_name("hard").hardlink_to(file)


def _run(file: Path) -> None:
    file.write_text("#!/bin/sh\nexit 0\n")
    file.chmod(0o700)
    _succeed([str(file)])


def _succeed(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)  # nosec B603  # the file that was just written


def _lock(file: Path) -> None:
    """Raises OSError where a lock cannot be taken, or does not keep another out."""
    with file.open("w") as first, file.open("w") as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        raise OSError(0, "two programs could lock the same file")


def _skew(file: Path) -> float:
    """How many seconds the file system's clock is ahead of ours; 0 where no file can be made."""
    try:
        file.touch()
        return file.stat().st_mtime - time.time()
    except OSError:
        return 0.0
