"""What goes on for the audit while a process runs: denials and moves are entered, and the chain's end is signed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from registry.domain.errors import PromptuaryError
from registry.services.audit import Audit
from registry.services.denials import Denials
from registry.services.ref_audit import RefAudit

log = logging.getLogger(__name__)

LAST_SECONDS = 3.0
"""How long the end of a process waits for the audit."""

LOOK_SECONDS = 1.0
SIGN_LOOKS = 60
"""Every how many looks the head is signed: what is newer than a minute the chain holds alone."""
PRUNE_LOOKS = 3_600
"""Every how many looks old entries are removed."""


class AuditKeeping:
    """The duties of a process for the audit; the one that takes writes has ``moves`` to enter, and it signs."""

    def __init__(self, *, audit: Audit, denials: Denials, moves: RefAudit | None, days: int) -> None:
        """Entries are kept for so many ``days``; 0 is for ever."""
        self._audit = audit
        self._denials = denials
        self._moves = moves
        self._days = days

    async def catch_up(self) -> None:
        """Enters what a killed process has left, before refs move on. What fails is logged, and ``run`` tries again."""
        if self._moves is not None:
            await _tried("moves of refs", self._moves.drain)

    async def run(self) -> None:
        """Goes on until cancelled; what is noted then is still entered. What fails is logged and tried again."""
        looks = 0
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                looks += 1
                await _tried("denials", self._denials.flush)
                if self._moves is not None:
                    await self._keep(self._moves, looks)
        finally:
            await _tried("what was left", self._last)

    async def _keep(self, moves: RefAudit, looks: int) -> None:
        await _tried("moves of refs", moves.drain)
        if looks % SIGN_LOOKS == 0:
            await _tried("the signature of the audit's head", self._audit.sign_head)
        if self._days and looks % PRUNE_LOOKS == 0:
            await _tried("pruning", self._prune)

    async def _prune(self) -> None:
        if gone := await self._audit.prune(self._days):
            log.info("audit: removed %d entries that were older than %d days", gone, self._days)

    async def _last(self) -> None:
        """Within seconds: moves that are not entered now are in the journal, and a database may hang for a minute."""
        async with asyncio.timeout(LAST_SECONDS):
            await self._denials.flush(everything=True)
            if self._moves is not None:
                await self._moves.drain()


async def _tried(what: str, work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except TimeoutError:
        log.warning("%s: the database is too slow to enter it in the audit before the process ends", what)
    except PromptuaryError as error:
        log.warning("%s: could not be written to the audit, which is tried again: %s", what, error.message)
    except Exception:
        log.exception("%s: could not be written to the audit, which is tried again", what)
