"""Reading archives: which there are, what one says of itself, and its parts, each compared with that."""

import hashlib
from collections.abc import Callable, Iterable
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

from registry.domain.backups import MANIFEST, ArchiveManifest, ArchivePart, is_archive_id, read_manifest
from registry.domain.errors import BadRequest, NotFound
from registry.ports.backups import BlobStore

PIECE = 1 << 20
LARGEST_MANIFEST = 1 << 30


class HashingWriter(RawIOBase, BinaryIO):
    """Writes on, and knows how much it was and its SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._sum = hashlib.sha256()
        self._size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes are what everybody here writes
        """Writes all of it."""
        self._file.write(data)
        self._sum.update(data)
        self._size += len(data)
        return len(data)

    def described(self, name: str) -> ArchivePart:
        """What was written, as a part of that name."""
        return ArchivePart(name, self._size, self._sum.hexdigest())


def whole_archives(names: Iterable[str]) -> list[str]:
    """The archives among the files of a store that have their manifest, oldest first."""
    found = (name.removesuffix(f"/{MANIFEST}") for name in names if name.endswith(f"/{MANIFEST}"))
    return sorted(name for name in found if is_archive_id(name))


def find_manifest(store: BlobStore, archive: str | None) -> ArchiveManifest:
    """What an archive says of itself; the newest one's where none is named.

    Raises NotFound where it is not there or not whole, BadRequest where it is damaged, Unavailable.
    """
    whole = whole_archives(store.names())
    if not whole:
        raise NotFound(f"There is no whole archive in {store.describe()}.")
    if archive is not None and archive not in whole:
        listed = ", ".join(whole[-5:])
        raise NotFound(f"There is no whole archive {archive} in {store.describe()}; the newest are: {listed}.")
    with store.reading(f"{archive or whole[-1]}/{MANIFEST}") as file:
        return read_manifest(file.read(LARGEST_MANIFEST))


def fetch_part(store: BlobStore, archive: str, part: ArchivePart, take: Callable[[bytes], object]) -> None:
    """Gives the bytes of a part, piece by piece. Raises BadRequest where they are not those that were written."""
    damaged = f"The archive {archive} is damaged: {part.name} is not as it was written. Nothing was changed."
    found, size = hashlib.sha256(), 0
    try:
        with store.reading(f"{archive}/{part.name}") as file:
            while piece := file.read(PIECE):
                found.update(piece)
                size += len(piece)
                take(piece)
    except NotFound as error:
        raise BadRequest(f"The archive {archive} is not whole: {part.name} is missing. Nothing was changed.") from error
    if (size, found.hexdigest()) != (part.size, part.checksum):
        raise BadRequest(damaged)


def fetch_to(store: BlobStore, archive: str, part: ArchivePart, folder: Path) -> None:
    """Copies a part into a folder. Raises BadRequest as ``fetch_part``, OSError."""
    target = folder / part.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise BadRequest(f"The archive {archive} has a part of the name {part.name!r}, which no backup makes.")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with target.open("wb") as file:
        fetch_part(store, archive, part, file.write)
