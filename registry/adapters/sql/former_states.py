"""What the catalogue no longer shows, taken out of its files (``registry.ports.purging.FormerStates``)."""

from registry.adapters.sql import search_store
from registry.adapters.sql.builds import sweep_some
from registry.adapters.sql.engine import Database, Durability
from registry.domain.ids import RepositoryName


class SqlFormerStates:
    """Dead builds and search indexes, and the rows that were deleted and still lie in the files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget_former(self, repository: RepositoryName) -> None:
        """Sweeps what is dead and makes the files anew, which takes as long as reading them. Raises Unavailable."""
        database = self._database.of(repository)
        for sweep in (sweep_some, search_store.sweep_some):
            while await database.write(sweep, durability=Durability.PASSING):
                pass
        await database.make_files_anew()
