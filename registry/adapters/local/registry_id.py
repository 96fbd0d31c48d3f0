"""The registry's id in the data folder (``registry.ports.pairing.IdPlace``)."""

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from registry.adapters.fsync import fsync_path
from registry.domain.errors import Unavailable
from registry.domain.ids import RegistryId
from registry.domain.pairing import FILE, is_registry_id, no_registry_id

_MODE = 0o644
"""No secret, and the data folder lets nobody in: who starts something as root must not shut the server out."""


class FolderId:
    """A file, which is whole from its first moment: of several that are made at once one gets the name."""

    def __init__(self, data: Path) -> None:
        self._path = data.resolve() / FILE

    async def find(self) -> RegistryId | None:
        """The id that is there. Raises Unavailable also where the file holds something else."""
        return await asyncio.to_thread(self._find)

    async def add(self, new: RegistryId) -> RegistryId:
        """Keeps an id unless there is one; says which one is there then."""
        return await asyncio.to_thread(self._add, new)

    async def forget(self) -> None:
        """Removes the file."""
        try:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)
        except OSError as error:
            raise Unavailable(f"Cannot remove {self._path}: {error.strerror}.") from error

    def _find(self) -> RegistryId | None:
        try:
            text = self._path.read_text("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"Cannot read {self._path}: {error.strerror}.") from error
        if not is_registry_id(text):
            raise Unavailable(". ".join(no_registry_id(str(self._path))))
        return RegistryId(text)

    def _add(self, new: RegistryId) -> RegistryId:
        try:
            self._link(new)
        except OSError as error:
            raise Unavailable(f"Cannot write {self._path}: {error.strerror}.") from error
        found = self._find()
        if found is None:
            raise Unavailable(f"{self._path} was removed while it was made. Start again.")
        return found

    def _link(self, new: RegistryId) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, prefix=f"{FILE}.") as file:
            file.write(f"{new}\n")
            file.flush()
            os.fchmod(file.fileno(), _MODE)
            os.fsync(file.fileno())
            with suppress(FileExistsError):  # somebody else's was first
                os.link(file.name, self._path)
        fsync_path(self._path.parent)
