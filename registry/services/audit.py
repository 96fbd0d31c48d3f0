"""The audit: entering what was done, reading it, and seeing whether it is still as it was entered."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import astuple, replace
from datetime import timedelta

from registry.domain.access import Actor
from registry.domain.audit import (
    PURPOSE,
    AuditAction,
    AuditChain,
    AuditDraft,
    AuditEntry,
    AuditFault,
    AuditFilter,
    AuditMark,
    AuditMarkKind,
    AuditState,
    mark_statement,
    utc_text,
)
from registry.domain.audit_verification import AuditVerification, JudgedMark, MarkTrust
from registry.domain.catalogue import Page
from registry.domain.cursors import make_cursor, read_cursor
from registry.domain.ids import RepositoryName, UserName
from registry.domain.template import Json
from registry.ports.audit import AuditLog
from registry.ports.clock import Clock
from registry.ports.keyring import KeyRing
from registry.services.audit_origin import current_origin

log = logging.getLogger(__name__)

AT_ONCE = 1_000
"""Entries that are held in memory while all are gone through, and removed in one transaction."""

_TRUST = {True: MarkTrust.SIGNED, False: MarkTrust.FORGED, None: MarkTrust.UNKNOWN_KEY}


class Audit:
    """Who did what, when and from where."""

    def __init__(self, *, log: AuditLog, ring: KeyRing, clock: Clock) -> None:
        self._log = log
        self._ring = ring
        self._clock = clock

    def draft(
        self,
        action: AuditAction,
        *,
        actor: Actor | None = None,
        user: UserName | None = None,
        repository: RepositoryName | None = None,
        old: Json = None,
        new: Json = None,
    ) -> AuditDraft:
        """A draft of what is done now, by whoever acts (``services.audit_origin``).

        ``user`` is who acts where he is known by what he brings with the request, and not identified for it.
        """
        origin = current_origin(actor)
        by = origin if user is None else replace(origin, actor=user)
        return AuditDraft(action, self._clock.now(), by, repository, old=old, new=new)

    async def enter(self, *drafts: AuditDraft) -> int:
        """Enters what was done, durably; how many were new. Raises Unavailable."""
        return await self._log.append(drafts)

    async def note_settings(self, now: Mapping[str, Json]) -> bool:
        """Enters the server's settings where they are others than when they were entered last; whether they are.

        ``old`` has what the changed ones were, ``new`` all of them. Raises Unavailable.
        """
        found = await self._log.newest(AuditFilter(action=AuditAction.SETTINGS_CHANGED, address="local"), limit=AT_ONCE)
        # A push to the folder may have changed a repository's own settings.
        before: Mapping[str, Json] = next((entry.draft.new for entry in found if entry.draft.repository is None), {})
        if before == now:
            return False
        old = {name: before.get(name) for name in now if before.get(name) != now[name]}
        await self.enter(self.draft(AuditAction.SETTINGS_CHANGED, old=old if before else None, new=dict(now)))
        return True

    async def list_entries(
        self, wanted: AuditFilter, *, limit: int = 50, cursor: str | None = None
    ) -> Page[AuditEntry]:
        """A page of the entries that fit, newest first. Raises BadRequest for a cursor that is none, Unavailable."""
        request = ["audit", *(str(each) for each in astuple(wanted))]
        before = int(read_cursor(request, cursor, (int,))[0]) if cursor is not None else None
        found = await self._log.newest(wanted, limit=limit + 1, before=before)
        more = len(found) > limit
        return Page(tuple(found[:limit]), make_cursor(request, [found[limit - 1].number]) if more else None)

    async def export(self, wanted: AuditFilter) -> AsyncIterator[Sequence[AuditEntry]]:
        """All entries that fit, oldest first, in pieces that memory can hold. Raises Unavailable."""
        number = 0
        while True:
            piece = await self._log.following(number, limit=AT_ONCE, wanted=wanted)
            yield piece
            if len(piece) < AT_ONCE:
                return
            number = piece[-1].number

    async def hash_at(self, number: int) -> str | None:
        """The hash of an entry; None where it is not there (any more, or yet). Raises Unavailable."""
        start, hash_ = (await self._log.state()).start
        if number == start:
            return hash_  # of what was pruned the mark tells it
        found = await self._log.following(number - 1, limit=1)
        return found[0].hash if found and found[0].number == number else None

    async def state(self) -> AuditState:
        """Where the chain ends, and what was signed of it. Raises Unavailable."""
        return await self._log.state()

    async def verify(self, progress: Callable[[int, int], None] = lambda _done, _all: None) -> AuditVerification:
        """Goes along the chain from its start to its end as of now; ``progress`` hears how many of how many are done.

        Raises Unavailable.
        """
        while True:
            state = await self._log.state()
            found = await self._walk(state, progress)
            if (await self._log.state()).start == state.start:
                return found  # else it was pruned meanwhile, and entries were missing for that

    async def _walk(self, state: AuditState, progress: Callable[[int, int], None]) -> AuditVerification:
        start, hash_ = state.start
        chain, marks = AuditChain(start, hash_), [self._judged(mark) for mark in state.marks]
        hashes = {start: hash_}

        def seen(piece: Sequence[AuditEntry]) -> None:
            hashes.update({entry.number: entry.hash for entry in piece if entry.number in wanted})
            progress(chain.number - start, max(state.number - start, 0))

        wanted = {mark.number for mark in state.marks}
        fault = await self._follow(chain, state.number, seen)
        fault = fault or _fault_of_marks(marks, hashes, chain.number)
        return AuditVerification(chain.number - start, start, chain.number, chain.hash, marks, fault)

    def _judged(self, mark: AuditMark) -> JudgedMark:
        return JudgedMark(mark, _TRUST[self._ring.verify(PURPOSE, mark.statement(), mark.signed())])

    async def sign_head(self) -> bool:
        """Signs the chain's newest entry where it has gone on from what was signed before; whether it has.

        Where it has not, as after somebody took entries away, the former signature stays: it is the proof. What is
        signed the log tells, too: kept elsewhere, it shows what this machine's administrator takes away. Raises
        Unavailable.
        """
        state = await self._log.state()
        head = state.mark(AuditMarkKind.HEAD)
        place = state.start if head is None else max(state.start, (head.number, head.hash))
        if place[0] == state.number:
            return False
        chain, fault = AuditChain(*place), None
        if place[0] > state.number:
            fault = AuditFault(state.number + 1, "it was signed, and is missing")
        elif head is not None and self._judged(head).trust is MarkTrust.FORGED:
            fault = AuditFault(head.number, "its mark was not signed by the key that it names")
        fault = fault or await self._follow(chain, state.number)
        if fault is not None:
            log.error("audit: not signed, for entry %d is not as it was: %s", fault.number, fault.reason)
            return False
        await self._log.mark(self._sign(AuditMarkKind.HEAD, chain.number, chain.hash))
        log.info("audit: entry %d has the hash %s", chain.number, chain.hash)
        return True

    async def _follow(
        self, chain: AuditChain, end: int, seen: Callable[[Sequence[AuditEntry]], None] = lambda _piece: None
    ) -> AuditFault | None:
        """Goes along the chain up to a number; the first entry that does not fit. ``seen`` is told of what does."""
        while chain.number < end:
            piece = await self._log.following(chain.number, limit=min(AT_ONCE, end - chain.number))
            # In a thread: a thousand hashes take as long as some hundred hot reads.
            fault = await asyncio.to_thread(_first_fault, chain, piece)
            if fault is not None or not piece:
                return fault or AuditFault(chain.number + 1, "it is missing")
            seen(piece)
        return None

    async def prune(self, days: int) -> int:
        """Removes the entries before the first one that is not older than so many days; how many.

        What remains is verified from the signed mark of the last that was removed. What does not fit the chain is not
        removed, lest the proof goes with it. Raises Unavailable.
        """
        limit = self._clock.now() - timedelta(days=days)
        state = await self._log.state()
        young = await self._log.following(0, limit=1, wanted=AuditFilter(since=limit))
        end = young[0].number - 1 if young else state.number
        chain, gone = AuditChain(*state.start), 0
        while chain.number < end:
            fault = await self._follow(chain, min(chain.number + AT_ONCE, end))
            if fault is not None:
                log.error("audit: not pruned, for entry %d is not as it was: %s", fault.number, fault.reason)
                return gone
            mark = self._sign(AuditMarkKind.PRUNED, chain.number, chain.hash)
            said = {"through": chain.number, "hash": chain.hash, "before": utc_text(limit)}
            gone += await self._log.prune(mark, self.draft(AuditAction.AUDIT_PRUNED, new=said))
        return gone

    def _sign(self, kind: AuditMarkKind, number: int, hash_: str) -> AuditMark:
        at = self._clock.now()
        signed = self._ring.sign(PURPOSE, mark_statement(kind, number, hash_, at))
        return AuditMark(kind, number, hash_, at, signed.key_id, signed.public_key, signed.signature)


def _first_fault(chain: AuditChain, piece: Sequence[AuditEntry]) -> AuditFault | None:
    return next((fault for entry in piece if (fault := chain.take(entry)) is not None), None)


def _fault_of_marks(marks: Sequence[JudgedMark], hashes: dict[int, str], end: int) -> AuditFault | None:
    """What is wrong with a mark, or with the entry that it stands for."""
    for judged in marks:
        mark = judged.mark
        if judged.trust is MarkTrust.FORGED:
            return AuditFault(mark.number, f"its mark ({mark.kind}) was not signed by the key that it names")
        if mark.number > end:
            return AuditFault(end + 1, f"the newest entries are missing: entry {mark.number} was signed at {mark.at}")
        if hashes.get(mark.number, mark.hash) != mark.hash:
            return AuditFault(mark.number, f"it has another hash than when it was signed at {mark.at}")
    return None
