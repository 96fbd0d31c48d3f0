"""The registry's id in the database (``registry.ports.pairing.IdPlace``)."""

from sqlalchemy import Connection, delete, select

from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.kept_tables import registry
from registry.adapters.sql.statements import insert_new, write_rows
from registry.domain.errors import Unavailable
from registry.domain.ids import RegistryId

_ONE = 1


class SqlRegistryId:
    """The one row of a table; of several databases the main one's counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self) -> RegistryId | None:
        """The id that is there."""

        def read(connection: Connection) -> RegistryId | None:
            return connection.execute(select(registry.c.id)).scalar_one_or_none()

        return await self._database.read(read, deadline=Deadline.BATCH)

    async def add(self, new: RegistryId) -> RegistryId:
        """Keeps an id unless there is one; says which one is there then."""

        def write(connection: Connection) -> None:
            write_rows(connection, insert_new(registry), [{"one": _ONE, "id": new}])

        await self._database.write(write, durability=Durability.KEPT)
        found = await self.find()
        if found is None:
            raise Unavailable("The registry's id was removed from the database while it was written. Start again.")
        return found

    async def forget(self) -> None:
        """Deletes the row."""

        def write(connection: Connection) -> None:
            connection.execute(delete(registry))

        await self._database.write(write, durability=Durability.KEPT)
