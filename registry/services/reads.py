"""Counting who reads what: in memory while a request is answered, saved every few seconds."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime, time, timedelta

from registry.domain.errors import PromptuaryError
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.reads import CountedRead, ReadCounts, ReadsBy, ReadState
from registry.domain.rights import EVERYTHING, Sight
from registry.ports.clock import Clock
from registry.ports.reads import ReadLedger

log = logging.getLogger(__name__)

SAVING_SECONDS = 3.0
"""How often counts are saved: a process that is killed loses no more than this."""

KINDS_AT_MOST = 10_000
"""Different reads that are held unsaved for one day; half as many are saved at once."""

_Window = dict[CountedRead, int]


class Reads:
    """Counts reads and answers how many there were; for one event loop."""

    def __init__(self, *, ledger: ReadLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._window: _Window = {}
        self._day = clock.now().date()
        self._unsaved: dict[date, _Window] = {}
        self._uncounted = 0
        self._saving = asyncio.Lock()
        self._due = asyncio.Event()
        self._stopping = False

    def count(self, state: ReadState | None, key: str | None) -> None:
        """One more read; None is not counted. Costs next to nothing and waits for nothing."""
        if state is None:
            return
        read = (state, key)
        window = self._window
        before = window.get(read)
        if before is not None:
            window[read] = before + 1
        elif len(window) < KINDS_AT_MOST:
            window[read] = 1
            if len(window) == KINDS_AT_MOST // 2:
                self._due.set()
        else:
            self._uncounted += 1

    @asynccontextmanager
    async def saved(self) -> AsyncIterator[None]:
        """While the context is open counts are saved every few seconds, and a last time when it is left."""
        saving = asyncio.create_task(self._keep_saving())
        try:
            yield
        finally:
            self._stopping = True
            self._due.set()
            await saving
            await self._try_to_save()

    async def counts(
        self,
        repository: RepositoryName,
        first: date,
        last: date,
        *,
        by: Collection[ReadsBy],
        name: TemplateName | None = None,
        limit: int = 100,
        sight: Sight = EVERYTHING,
    ) -> ReadCounts:
        """The reads of what is seen from one day (UTC) to another, those of now included. Raises Unavailable."""
        await self.save()
        return await self._ledger.counts(repository, first, last, by=by, name=name, limit=limit, sight=sight)

    def today(self) -> date:
        """The day on which reads are counted now, in UTC."""
        return self._clock.now().date()

    async def save(self) -> None:
        """Saves what has been counted; what cannot be saved now stays for the next time."""
        # Not to be cancelled half way: nobody would know whether the counts have been added.
        await asyncio.shield(asyncio.create_task(self._save()))

    async def _save(self) -> None:
        async with self._saving:
            self._turn_over()
            for day, window in list(self._unsaved.items()):
                try:
                    await self._ledger.add(day, window)
                except PromptuaryError as error:
                    log.warning("%d counts of reads wait to be saved: %s", len(window), error.message)
                    return
                del self._unsaved[day]

    def _turn_over(self) -> None:
        """Puts what has been counted to what has to be saved, and begins to count anew."""
        window, day, uncounted = self._window, self._day, self._uncounted
        self._window, self._day, self._uncounted = {}, self.today(), 0
        unsaved = self._unsaved.setdefault(day, {})
        for read, count in window.items():
            if read in unsaved or len(unsaved) < KINDS_AT_MOST:
                unsaved[read] = unsaved.get(read, 0) + count
            else:
                uncounted += count
        if not unsaved:
            del self._unsaved[day]
        if uncounted:
            log.warning("%d reads were not counted: there were too many different ones", uncounted)

    async def _keep_saving(self) -> None:
        while not self._stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(SAVING_SECONDS, _until_midnight(self._clock.now()))):
                    await self._due.wait()
            self._due.clear()
            await self._try_to_save()

    async def _try_to_save(self) -> None:
        try:
            await self.save()
        except Exception:
            log.exception("counts of reads could not be saved, will be tried again")


def _until_midnight(now: datetime) -> float:
    """Seconds: a day's reads are saved by its end, so that none falls on the next."""
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    return (midnight - now).total_seconds()
