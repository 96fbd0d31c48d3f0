"""Denials, as they are entered into the audit: at once, and those that repeat themselves as a count.

A flood of them must neither fill the disk nor keep anybody waiting: they are noted in memory, and what repeats within a
minute is one entry. What was noted in the last second before a kill is lost.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from registry.domain.access import Actor
from registry.domain.aims import Aim
from registry.domain.audit import AuditAction, AuditDraft, AuditOrigin, utc_text
from registry.domain.denied import denials_in
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import LabelName, RefName, RepositoryName, TemplateName
from registry.domain.secrets import find_secrets
from registry.ports.audit import AuditLog
from registry.ports.clock import Clock
from registry.services.audit_origin import current_origin

SOON_SECONDS = 1.0
"""After how long the first denial is entered."""

WINDOW_SECONDS = 60.0
"""How far apart entries of the same denial are at least."""

AT_MOST = 100
"""How many are told apart within a window; what more there is, is one entry without who and where."""


EACH = 20
"""How many of them one caller may have with what they are about: who makes up names takes the place of nobody else."""

LONGEST = 400
"""Letters that are kept of what a caller named."""

PUSH = "push"
"""The method of what the gate refuses to a push, of which Git's answer says nothing."""

_SECRET = "***"  # noqa: S105  (it stands for one)


class DeniedCall(NamedTuple):
    """What was denied to whom: what is alike in all of it is counted together."""

    actor: str | None
    key_id: str | None
    address: str | None
    method: str
    route: str | None
    status: int | None
    aim: Aim = Aim()
    reason: str | None = None


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
        if counted is None and call.aim != Aim() and self._of_caller(call) >= EACH:
            call = call._replace(aim=Aim())
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

    def refused(self, repository: RepositoryName, found: Iterable[Diagnostic], actor: Actor) -> None:
        """Counts what the gate's findings deny to a push."""
        origin = current_origin(actor)
        for denial in denials_in(found, repository):
            call = DeniedCall(origin.actor, origin.key_id, origin.address, PUSH, None, None, *denial)
            self.note(call, origin.request_id)

    def _of_caller(self, call: DeniedCall) -> int:
        """How many are told apart of the same caller."""
        return sum(each[:3] == call[:3] for each in self._counted)

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
    until = utc_text(counted.last) if counted.count > 1 else None
    told = {"reason": call.reason, "status": call.status, "method": call.method, "route": call.route, "until": until}
    new = {"count": counted.count, **{key: value for key, value in told.items() if value is not None}}
    repository, name, label, ref = map(_shown, call.aim)
    return AuditDraft(
        AuditAction.ACCESS_DENIED,
        counted.first,
        origin,
        repository=RepositoryName(repository) if repository else None,
        name=TemplateName(name) if name else None,
        label=LabelName(label) if label else None,
        ref=RefName(ref) if ref else None,
        new=new,
    )


def _shown(named: str | None) -> str | None:
    """What a caller named; what looks like a credential got into the address by mistake."""
    kept = named[:LONGEST] if named is not None else None
    return _SECRET if kept is not None and find_secrets(kept, "") else kept
