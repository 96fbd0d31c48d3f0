"""Files to import from this machine, read no further than they should be."""

import os
import stat
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from registry.domain.importing.files import is_hidden, is_wanted
from registry.domain.importing.imported import LeftOut, SourceUnreadable

MAX_BYTES = 256 * 1024 * 1024
"""Bytes of a file, or of all files of a folder together that are read."""
_LONGEST = 400
"""A path in a message is cut there."""


class FolderFiles(Mapping[str, bytes]):
    """What of a folder and below may matter to an import, by its path there; read when it is asked for.

    Asking raises SourceUnreadable. ``left_out`` are symbolic links, which may lead to what nobody meant to give away,
    and the folders that cannot be looked into.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left_out: list[LeftOut] = []
        self._read: dict[str, bytes] = {}
        self._left = MAX_BYTES

    @cached_property
    def _names(self) -> dict[str, None]:
        """Looked for when somebody asks: a configuration may refer to nothing."""
        return dict.fromkeys(sorted(self._walked(), key=lambda name: name.split("/")))

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = read_bounded(self.folder / name, self._left)
            self._left -= len(self._read[name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _walked(self) -> Iterator[str]:
        for place, folders, files in os.walk(self.folder, onerror=self._leave_out):
            folders[:] = [each for each in folders if not is_hidden(each)]
            wanted = (each for each in files if is_wanted(self._name(Path(place, each))))
            for each in (*folders, *wanted):
                path = Path(place, each)
                mode = _mode(path)
                if stat.S_ISLNK(mode):
                    self.left_out.append(LeftOut(self._name(path), "is a symbolic link, and none is followed"))
                elif stat.S_ISREG(mode):
                    yield self._name(path)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _leave_out(self, error: OSError) -> None:
        place = Path(error.filename)
        self.left_out.append(LeftOut(self._name(place), unreadable(place, error)))


def read_bounded(file: Path, most: int) -> bytes:
    """What a file holds. Raises SourceUnreadable for more than ``most`` bytes."""
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_size <= most and len(data := opened.read(most + 1)) <= most:
                return data
    except OSError as error:
        raise SourceUnreadable(unreadable(file, error)) from None
    raise SourceUnreadable(f"{file} makes it more than {MAX_BYTES:,} bytes: split it")


def unreadable(place: Path, error: OSError) -> str:
    """What is said of a place that cannot be read."""
    called = str(place)
    return f"{called if len(called) <= _LONGEST else f'{called[:_LONGEST]}…'} cannot be read: {error.strerror}"


def _mode(path: Path) -> int:
    """What kind of thing it is; a file where nobody can know, so that reading it says why."""
    try:
        return path.lstat().st_mode
    except OSError:  # in a folder whose names can be read and nothing else
        return stat.S_IFREG
