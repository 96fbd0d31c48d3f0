"""Where the registry's id is kept: in the data folder, and in the database."""

from typing import Protocol

from registry.domain.ids import RegistryId


class IdPlace(Protocol):
    """One of the two places. All calls raise Unavailable where it cannot be read or written."""

    async def find(self) -> RegistryId | None:
        """The id that is there."""
        ...

    async def add(self, new: RegistryId) -> RegistryId:
        """Keeps an id, durably, unless there is one; says which one is there then, whoever else adds one meanwhile."""
        ...

    async def forget(self) -> None:
        """Removes the id, so that another can be kept; none that is there is no error."""
        ...
