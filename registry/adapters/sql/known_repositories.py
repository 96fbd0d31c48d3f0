"""The repositories as an API replica knows them: by name, from the catalogue (``registry.ports.git.Repositories``)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Row, select

from registry.adapters.sql.engine import Database
from registry.adapters.sql.tables import builds, refs, repositories
from registry.background import running
from registry.domain.errors import PromptuaryError, Unavailable
from registry.domain.ids import RefName, RepositoryName
from registry.ports.git import GitStore

log = logging.getLogger(__name__)

REFRESH_SECONDS = 2.0
UNBORN = RefName("refs/heads/main")

_REFS = select(refs.c.ref).where(refs.c.repository_id == repositories.c.id)
_NAMES = select(
    repositories.c.name,
    builds.c.ref,
    repositories.c.staged_build,
    _REFS.exists().label("has_refs"),
    _REFS.where(refs.c.ref == UNBORN).exists().label("has_main"),
).outerjoin(builds, builds.c.id == repositories.c.live_build)


class KnownRepositories:
    """Names and default branches, read again and again; the content lies on the Git node.

    What is known stays known while the catalogue is away, or has been emptied.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._branches: dict[RepositoryName, RefName] | None = None
        self._births: dict[RepositoryName, bool | None] = {}
        self._projected = False

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Keeps the names up to date while the context is open; it opens with the names, if they can be read."""
        await self._try()
        async with running(self._follow()):
            yield

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.refresh()
        except PromptuaryError as error:
            log.debug("the names of the repositories are not renewed: %s", error.message)

    async def refresh(self) -> None:
        """Reads the names. Raises Unavailable."""
        found = [
            (each, await each.read(lambda connection: connection.execute(_NAMES).all()))
            for each in self._database.every()
        ]
        rows = [row for each, rows in found for row in rows if self._database.of(row.name) is each]
        emptied = [each for each, rows in found if not rows]
        kept = {name: ref for name, ref in (self._branches or {}).items() if self._database.of(name) in emptied}
        self._branches = kept | {RepositoryName(row.name): RefName(row.ref or UNBORN) for row in rows}
        self._births = {RepositoryName(row.name): _birth(row) for row in rows}
        self._projected = bool(rows) and all(row.ref is not None or not _is_born(row) for row in rows)

    def is_projected(self) -> bool:
        """Whether there are repositories, and everything was projected that the catalogue knows of them."""
        return self._projected

    def names(self) -> list[RepositoryName]:
        """Every repository that the catalogue knows, sorted.

        Raises Unavailable where it has never known one: then it was away or empty all the time, and nobody can say
        that there is no repository of some name.
        """
        if not self._branches:
            been = "away" if self._branches is None else "empty"
            raise Unavailable(
                f"The repositories are not known yet: the catalogue has been {been} since this replica started."
            )
        return sorted(self._branches)

    def default_branch(self, name: RepositoryName) -> RefName:
        """The default branch as it was projected."""
        return (self._branches or {}).get(name, UNBORN)

    def has_commits(self, name: RepositoryName) -> bool | None:
        """Whether the default branch has commits; of what the catalogue does not know now that is taken for granted.

        None where nothing but other refs was recorded: drafts of an unborn branch, or one that is not called main.
        """
        return self._births.get(name, True)

    def create(self, name: RepositoryName, *, default_branch: str = "main") -> None:  # noqa: ARG002 - the port's
        """Raises Unavailable: repositories are made on the Git node."""
        _elsewhere(name)

    def open(self, name: RepositoryName, *, quarantine: Path | None = None) -> GitStore:  # noqa: ARG002 - the port's
        """Raises Unavailable: the content lies on the Git node."""
        _elsewhere(name)

    def path(self, name: RepositoryName) -> Path:
        """Raises Unavailable: the content lies on the Git node."""
        _elsewhere(name)

    def prepare(self) -> None:
        """Nothing: there are no hooks here."""

    def extend_commit_graph(self, name: RepositoryName) -> None:
        """Raises Unavailable: maintenance is the Git node's."""
        _elsewhere(name)

    def maintain(self, name: RepositoryName) -> None:
        """Raises Unavailable: maintenance is the Git node's."""
        _elsewhere(name)


def _is_born(row: Row[Any]) -> bool:
    """Whether main has commits: it was projected, is known, or is being projected from the beginning."""
    return row.ref is not None or row.has_main or row.staged_build is not None


def _birth(row: Row[Any]) -> bool | None:
    if _is_born(row):
        return True
    return None if row.has_refs else False


def _elsewhere(name: RepositoryName) -> NoReturn:
    raise Unavailable(f"The repository {name} lies on the Git node, which this API replica cannot ask for that.")
