"""Keeps the snapshot of version numbers as far as the catalogue is, from what the catalogue tells."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from registry.domain.catalogue import VersionEntry
from registry.domain.errors import PromptuaryError, Unavailable
from registry.domain.events import (
    Event,
    EventsMissed,
    PlacedEvent,
    Position,
    RefProjected,
    RepositoryRebuilt,
    TemplateChanged,
)
from registry.domain.ids import CommitId, RepositoryName, TemplateName
from registry.ports.catalogue import TemplateIndex
from registry.ports.events import EventBus, EventLog
from registry.ports.git import Repositories
from registry.ports.snapshots import NumberedCommit, VersionSnapshot
from registry.ports.verifying import StoredRows
from registry.services.tree_changes import chain_after

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""How often all repositories are looked at: events may get lost."""

FOLLOWED_AT_MOST = 10_000
"""Where more has happened it is read from the beginning."""

NAMES_AT_ONCE = 50
PAGE = 500


class Snapshots:
    """For the process that has the repositories on its disk."""

    def __init__(
        self,
        *,
        git: Repositories,
        snapshot: VersionSnapshot,
        events: EventLog,
        bus: EventBus,
        templates: TemplateIndex,
        stored: StoredRows,
    ) -> None:
        self._git = git
        self._snapshot = snapshot
        self._log = events
        self._bus = bus
        self._templates = templates
        self._stored = stored
        self._changed: set[RepositoryName] = set()
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Follows what is projected until it is cancelled."""
        async with self._bus.subscribe() as stream:
            listening = asyncio.create_task(self._listen(stream))
            try:
                while True:
                    changed, self._changed = self._changed or set(self._git.names()), set()
                    self._woken.clear()
                    for repository in changed:
                        await self.catch_up(repository)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS)
            finally:
                listening.cancel()

    async def _listen(self, stream: AsyncIterator[Event | EventsMissed]) -> None:
        async for event in stream:
            if isinstance(event, EventsMissed):
                self._changed.update(self._git.names())
            elif isinstance(event, RefProjected | RepositoryRebuilt):  # a batch ends with one of these
                self._changed.add(event.repository)
            if self._changed:
                self._woken.set()

    async def catch_up(self, repository: RepositoryName) -> None:
        """Brings the snapshot to where the catalogue is; where that cannot be done now, it is tried again later."""
        try:
            reached = await self._snapshot.reached(repository)
            found = await self._log.since(repository, reached, FOLLOWED_AT_MOST) if reached is not None else None
            if found is None:
                await self._begin(repository, reached)
            elif found:
                await self._snapshot.put(repository, _versions_told(found), found[-1].position)
        except PromptuaryError as error:
            log.warning("the snapshot of %s is late: %s", repository, error.message)
        except Exception:
            log.exception("the snapshot of %s is late", repository)  # following goes on, for this repository too

    async def _begin(self, repository: RepositoryName, reached: Position | None) -> None:
        """Reads all of it from the catalogue, beside what is held; what happens meanwhile is followed after.

        What is held stays in use until then, and also where the catalogue is behind it: somebody emptied that, or put
        it back, and it will catch up. The numbers of a commit that is still on the branch are what they were.
        """
        head = await self._log.head(repository)
        if reached is not None and not await asyncio.to_thread(self._is_on_branch, repository, reached):
            await self._snapshot.forget(repository)
            reached = None
        if head.ordinal > (reached.ordinal if reached is not None else 0):
            await self._snapshot.replace(repository, self._pages(repository, head), head)

    def _is_on_branch(self, repository: RepositoryName, reached: Position) -> bool:
        with self._git.open(repository) as store:
            tip = store.resolve(self._git.default_branch(repository))
            return tip is not None and chain_after(store, tip, CommitId(reached.commit)) is not None

    async def _pages(self, repository: RepositoryName, head: Position) -> AsyncIterator[list[NumberedCommit]]:
        """All versions, a few templates at a time. Raises Unavailable where they cannot be followed from the head."""
        after: TemplateName | None = None
        while page := await self._templates.every_template(repository, after, PAGE):
            names = [entry.name for entry in page]
            for start in range(0, len(names), NAMES_AT_ONCE):
                found = await self._stored.versions_of(repository, names[start : start + NAMES_AT_ONCE])
                yield [_numbered(version) for version in found if version.ordinal <= head.ordinal]
            after = names[-1]
        if await self._log.since(repository, head, FOLLOWED_AT_MOST) is None:
            raise Unavailable("the catalogue was emptied, put back or changed too much while it was read.")


def _numbered(version: VersionEntry) -> NumberedCommit:
    return NumberedCommit(
        version.name,
        version.number,
        version.ordinal,
        version.commit,
        version.valid,
        version.cause,
        version.moved_from,
    )


def _versions_told(found: Sequence[PlacedEvent]) -> list[NumberedCommit]:
    return [
        NumberedCommit(told.name, told.version, position.ordinal, told.commit, told.valid, told.cause, told.moved_from)
        for position, told in ((each.position, each.event) for each in found)
        if isinstance(told, TemplateChanged)
    ]
