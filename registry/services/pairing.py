"""A data folder and a database name each other, so that none is served, indexed or backed up with a stranger."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from registry.domain.errors import Unavailable
from registry.domain.ids import RegistryId
from registry.domain.pairing import misfit, new_registry_id
from registry.ports.pairing import IdPlace


class Pairing:
    """Compares the ids of both. What has none yet gets one: the folder first, the database from the folder."""

    def __init__(
        self,
        *,
        folder: IdPlace,
        database: IdPlace,
        data: Path,
        place: str,
        make_tables: Callable[[], Awaitable[bool]],
    ) -> None:
        """``place`` says where the database is, without a password; ``make_tables`` makes tables that it lost."""
        self._folder = folder
        self._database = database
        self._data = data.resolve()
        self._place = place
        self._make_tables = make_tables
        self._lost = False

    async def agree(self) -> RegistryId:
        """The id of both. A database that is new or was emptied takes the folder's.

        Raises Unavailable where they do not belong together: the ids differ, or the database alone has one.
        """
        there = await self._database.find()  # before the folder's: whoever wrote this one had written that one
        here = await self._folder.find()
        if there is None:
            here = here or await self._folder.add(new_registry_id())
            there = await self._database.add(here)
        if here != there:
            found = misfit(str(self._data), self._place, here, there)
            text = f"{found.found[0].upper()}{found.found[1:]}. {found.why} {found.remedy.removesuffix('.')}"
            raise Unavailable(f"{text}: {found.command}")
        return there

    async def take(self, kept: RegistryId | None) -> None:
        """Gives both the id that an archive has. Where that has none the next start makes one. Raises Unavailable."""
        await self._database.forget()
        await self._folder.forget()
        if kept is not None:
            await self._folder.add(kept)
            await self._database.add(kept)

    async def make_missing_tables(self) -> bool:
        """Makes the tables of a database that has lost all of them, and gives it its id again; whether that was so.

        Raises Unavailable; then the next call goes on with it.
        """
        self._lost = await self._make_tables() or self._lost
        if not self._lost:
            return False
        await self.agree()
        self._lost = False
        return True
