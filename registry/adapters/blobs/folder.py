"""A folder of this machine as a store of files (``registry.ports.backups.BlobStore``)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from registry.domain.errors import NotFound, Unavailable

_PARTIAL = ".partial"


class FolderBlobStore:
    """Files below a folder, which is made when the first is written. A file under way has another name."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def describe(self) -> str:
        """Where it is."""
        return str(self._root)

    def names(self) -> list[str]:
        """Every file that is there whole, sorted. Raises Unavailable."""
        with self._errors("read"):
            files = [path for path in self._root.rglob("*") if path.is_file() and path.suffix != _PARTIAL]
            return sorted(path.relative_to(self._root).as_posix() for path in files)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A new file, readable by its owner alone, there whole and durable when the context ends, else not at all."""
        path = self._root / name
        partial = path.with_name(path.name + _PARTIAL)
        with self._errors("written"):
            made = _make_folders(path.parent)
            partial.unlink(missing_ok=True)
            try:
                with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    yield cast("BinaryIO", file)
                    file.flush()
                    os.fsync(file.fileno())
                partial.rename(path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
            for folder in {path.parent, *(each.parent for each in made)}:
                _sync(folder)

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """A file. Raises NotFound, Unavailable."""
        path = self._root / name
        with self._errors("read"):
            try:
                file = path.open("rb")
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                raise NotFound(f"There is no {name} in {self._root}.") from None
            with file:
                yield file

    def delete(self, name: str) -> None:
        """Removes a file, and the folders that are empty without it."""
        path = self._root / name
        with self._errors("changed"):
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self._root:
                    break
                with suppress(OSError):  # it is not empty
                    folder.rmdir()

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self._root
            raise Unavailable(f"{where} cannot be {doing}: {error.strerror or error}.") from error


def _make_folders(folder: Path) -> list[Path]:
    """Makes a folder and those above it, for their owner alone; says which were not there."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    return missing


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
