"""The audit log: entries are only ever added at its end."""

from collections.abc import Sequence
from typing import Protocol

from registry.domain.audit import AuditDraft, AuditEntry, AuditFilter, AuditMark, AuditState


class AuditLog(Protocol):
    """Numbered entries, each chained to the one before it. Every call raises Unavailable."""

    async def append(self, drafts: Sequence[AuditDraft]) -> int:
        """Enters drafts at the end in their order, all or none, durably; how many, without those that were there.

        Of several processes that append at once each waits for the other: numbers have no gap and the chain no fork.
        """
        ...

    async def newest(self, wanted: AuditFilter, *, limit: int, before: int | None = None) -> list[AuditEntry]:
        """Entries that fit, newest first, with numbers below ``before``."""
        ...

    async def following(self, number: int, *, limit: int, wanted: AuditFilter | None = None) -> list[AuditEntry]:
        """Entries behind a number, oldest first: for reading all of them in pieces. What fits, where that is said."""
        ...

    async def state(self) -> AuditState:
        """Where the chain ends, and what was signed of it."""
        ...

    async def mark(self, mark: AuditMark) -> None:
        """Keeps what was signed of the chain, in the place of the one of that kind, durably."""
        ...

    async def prune(self, mark: AuditMark, draft: AuditDraft) -> int:
        """Removes all entries up to the mark's, keeps the mark and enters the draft, all or nothing; says how many."""
        ...
