"""Several databases of one kind as one: each repository has its rows in one of them.

Nothing spans two databases but what is asked of all. What belongs to no repository, and the counts of reads, which no
rebuild gives back, is in the main one; so are leadership and signals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, and_, false, or_, true

from registry.adapters.sql.column_types import Reading
from registry.adapters.sql.dialect import tell
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.domain.dependencies import PoolUse
from registry.domain.errors import PromptuaryError
from registry.domain.ids import RepositoryName
from registry.ports.dependencies import Dependency

T = TypeVar("T")


class ShardedDatabase(Database):
    """A main database, others by name, and which repositories have their rows in one of those."""

    def __init__(self, main: Database, shards: Mapping[str, Database], places: Mapping[RepositoryName, str]) -> None:
        self._main = main
        self._shards = shards
        self._places = {repository: shards[shard] for repository, shard in places.items()}

    def of(self, repository: RepositoryName) -> Database:
        """The shard that a repository was mapped to, else the main database."""
        return self._places.get(repository, self._main)

    def every(self) -> tuple[Database, ...]:
        """The main database and the shards."""
        return (self._main, *self._shards.values())

    def counts_in(self, each: Database, repository: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether a repository was mapped to that shard; in the main database, to none."""
        if each is self._main:
            return and_(true(), *(repository != name for name in self._places))
        return or_(false(), *(repository == name for name, place in self._places.items() if place is each))

    async def told(self, repository: RepositoryName, channel: str, message: str) -> None:
        """Tells the main database's listeners what a shard's transaction wrote. Nobody depends on hearing it."""
        if self.of(repository) is self._main:
            return
        try:
            await self._main.write(
                lambda on: tell(on, channel, message), durability=Durability.PASSING, deadline=Deadline.REQUEST
            )
        except PromptuaryError:
            return

    async def make_files_anew(self) -> None:
        """All of them."""
        for each in self.every():
            await each.make_files_anew()

    def dependencies(self) -> tuple[Dependency, ...]:
        """Each of them."""
        return tuple(found for each in self.every() for found in each.dependencies())

    def pools(self) -> tuple[PoolUse, ...]:
        """The main database's, and those of each shard with its name before theirs: ``two:read``."""
        shards = [
            replace(use, name=f"{name}:{use.name}") for name, each in self._shards.items() for use in each.pools()
        ]
        return (*self._main.pools(), *shards)

    async def make_missing_tables(self) -> bool:
        """Makes them in each where they are missing."""
        return any([await each.make_missing_tables() for each in self.every()])

    async def close(self) -> None:
        """Closes all of them."""
        for each in self.every():
            await each.close()

    async def read(self, work: Callable[[Connection], T], *, deadline: Deadline = Deadline.REQUEST) -> T:
        """Reads in the main database."""
        return await self._main.read(work, deadline=deadline)

    async def fetch(self, statement: Reading, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Reads in the main database."""
        return await self._main.fetch(statement, values)

    async def write(
        self,
        work: Callable[[Connection], T],
        *,
        durability: Durability = Durability.USUAL,
        deadline: Deadline = Deadline.BATCH,
    ) -> T:
        """Writes to the main database."""
        return await self._main.write(work, durability=durability, deadline=deadline)
