"""Keeping repositories packed while the server runs: Git's own collection is switched off (``gc.auto=0``)."""

import asyncio
import logging
from dataclasses import dataclass

from registry.domain.errors import PromptuaryError, Unavailable
from registry.domain.ids import RepositoryName
from registry.ports.git import Repositories, Upkeep
from registry.ports.projection import Projection
from registry.services.meters import Meters, Work

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""How often to look: so far apart, at least, are two additions to a commit graph."""

FIRST_SECONDS = 300.0
"""How long a server leaves its repositories alone after its start, when clients come back."""

RETRY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a repository is packed: after so many commits or seconds, whichever comes first; 0 seconds is never."""

    seconds: float = 24 * 3600.0
    commits: int = 500


@dataclass(slots=True)
class _Kept:
    """What was done for a repository; ordinals of the projection, times of the monotonic clock."""

    graphed: int
    packed: int
    not_before: float
    due: float


class Maintenance:
    """Looks what each repository needs and does it in a thread, one repository after the other."""

    def __init__(
        self,
        *,
        git: Repositories,
        upkeep: Upkeep,
        projection: Projection,
        schedule: Schedule | None = None,
        meters: Meters | None = None,
    ) -> None:
        self._git = git
        self._upkeep = upkeep
        self._projection = projection
        self._schedule = schedule or Schedule()
        self._meters = meters or Meters()
        self._kept: dict[RepositoryName, _Kept] = {}

    async def look(self, now: float) -> None:
        """One look at every repository, at a time in seconds that only grows. What fails is logged and tried again."""
        names = self._git.names()
        for gone in self._kept.keys() - set(names):
            del self._kept[gone]
        for repository in names:
            try:
                await self._look_at(repository, now)
            except PromptuaryError as error:
                level = logging.WARNING if self._is_open(repository) else logging.INFO
                log.log(level, "maintenance of %s failed and is tried again: %s", repository, error.message)
            except Exception:
                log.exception("maintenance of %s failed and is tried again", repository)

    async def _look_at(self, repository: RepositoryName, now: float) -> None:
        checkpoint = await self._projection.checkpoint(repository)
        ordinal = checkpoint.ordinal if checkpoint is not None else 0
        kept = self._kept.get(repository)
        if kept is None:
            kept = self._kept[repository] = _Kept(ordinal, ordinal, now + FIRST_SECONDS, now + FIRST_SECONDS)
        if self._is_due(kept, now, ordinal):
            kept.not_before = kept.due = now + RETRY_SECONDS  # holds where the next line fails
            with self._meters.timed(Work.MAINTENANCE, "pack", repository=repository) as timing:
                await asyncio.to_thread(self._upkeep.maintain, repository)
                timing.outcome = "done"
            kept.graphed = kept.packed = ordinal
            kept.not_before, kept.due = now, now + self._schedule.seconds
        elif ordinal != kept.graphed:
            kept.graphed = ordinal  # where it fails, the next commit or the next packing makes up for it
            with self._meters.timed(Work.MAINTENANCE, "commit-graph", repository=repository) as timing:
                await asyncio.to_thread(self._upkeep.extend_commit_graph, repository)
                timing.outcome = "done"

    def _is_open(self, repository: RepositoryName) -> bool:
        """Whether nothing is being purged from it; meanwhile it is no fault that it cannot be packed."""
        with self._git.open(repository) as store:
            try:
                store.require_open()
            except Unavailable:
                return False
        return True

    def _is_due(self, kept: _Kept, now: float, ordinal: int) -> bool:
        if not self._schedule.seconds or now < kept.not_before:
            return False
        return now >= kept.due or abs(ordinal - kept.packed) >= self._schedule.commits
