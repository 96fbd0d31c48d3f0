"""Denials, as they are entered into the audit: at once, and those that repeat themselves as a count.

A flood of them must neither fill the disk nor keep anybody waiting: they are noted in memory, and what repeats within a
minute is one entry. What was noted in the last second before a kill is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from registry.domain.audit import AuditAction, AuditDraft, AuditOrigin, utc_text
from registry.ports.audit import AuditLog
from registry.ports.clock import Clock

SOON_SECONDS = 1.0
"""After how long the first denial is entered."""

WINDOW_SECONDS = 60.0
"""How far apart entries of the same denial are at least."""

AT_MOST = 100
"""How many are told apart within a window; what more there is, is one entry without who and where."""


class DeniedCall(NamedTuple):
    """What was denied to whom: what is alike in all of it is counted together."""

    actor: str | None
    key_id: str | None
    address: str | None
    method: str
    route: str
    status: int


@dataclass(slots=True)
class _Counted:
    due: float
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    request_id: str | None = None


class Denials:
    """Counts denials and enters them."""

    def __init__(self, *, log: AuditLog, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._counted: dict[DeniedCall, _Counted] = {}

    def note(self, call: DeniedCall, request_id: str | None = None) -> None:
        """Counts a denial."""
        counted = self._counted.get(call)
        if counted is None and len(self._counted) >= AT_MOST:
            call = DeniedCall(None, None, None, "", "others", call.status)
            counted = self._counted.get(call)
        if counted is None:
            counted = self._counted[call] = _Counted(self._monotonic() + SOON_SECONDS)
        now = self._clock.now()
        if not counted.count:
            counted.first, counted.request_id = now, request_id
        counted.count, counted.last = counted.count + 1, now

    async def flush(self, *, everything: bool = False) -> int:
        """Enters what is due, or ``everything``; how many entries that were.

        Raises Unavailable; then it stays noted.
        """
        now = self._monotonic()
        for call in [call for call, counted in self._counted.items() if counted.due <= now and not counted.count]:
            del self._counted[call]
        due = {
            call: counted.count
            for call, counted in self._counted.items()
            if counted.count and (everything or counted.due <= now)
        }
        if not due:
            return 0
        entered = await self._log.append([_draft(call, self._counted[call]) for call in due])
        for call, count in due.items():
            counted = self._counted[call]
            counted.count -= count  # what came meanwhile waits for the next window
            counted.first, counted.due = counted.last, now + WINDOW_SECONDS
        return entered


def _draft(call: DeniedCall, counted: _Counted) -> AuditDraft:
    assert counted.first is not None
    assert counted.last is not None
    origin = AuditOrigin(call.actor, call.key_id, call.address, counted.request_id)
    new = {"status": call.status, "method": call.method, "route": call.route, "count": counted.count}
    if counted.count > 1:
        new["until"] = utc_text(counted.last)
    return AuditDraft(AuditAction.ACCESS_DENIED, counted.first, origin, new=new)
