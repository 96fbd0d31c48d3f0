"""Every move of a ref in the audit, exactly once, whatever is killed or away.

Before a ref moves, the intent is written to a journal beside the repositories, durably; afterwards what became of it.
From the journal it is entered into the audit as soon as SQL is there, under the intent's id, so that twice is once. Of
what a kill has left open the ref itself tells whether it moved. On the same way it is noted who pushed which commits.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from registry.domain.access import Actor
from registry.domain.audit import AuditAction, AuditDraft, AuditOrigin
from registry.domain.errors import Conflict, NotFound, RevisionNotFound
from registry.domain.ids import CommitId, RepositoryName, UserName
from registry.domain.ref_intents import RefIntent
from registry.domain.refs import RefUpdate
from registry.ports.audit import AuditLog
from registry.ports.clock import Clock
from registry.ports.git import GitStore, Repositories
from registry.ports.pushers import Pushers
from registry.ports.ref_journal import RefJournal
from registry.services.audit_origin import current_origin
from registry.services.brought_commits import brought_commits
from registry.services.moves_told import moves_told

log = logging.getLogger(__name__)

LATE = timedelta(minutes=15)
"""How long Git may take to move a ref that was accepted, also when whoever accepted it is gone: as long as a push."""

AT_ONCE = 100
"""Moves that are entered in one transaction."""

COMMITS_AT_ONCE = 1_000
"""Commits that are asked about in one statement."""


class RefAudit:
    """Notes moves of refs before they are made, and enters those that were."""

    def __init__(
        self, *, git: Repositories, journal: RefJournal, log: AuditLog, pushers: Pushers, clock: Clock
    ) -> None:
        self._git = git
        self._journal = journal
        self._log = log
        self._pushers = pushers
        self._clock = clock
        self._draining = asyncio.Lock()
        self._under_way: set[str] = set()
        """What this process will still say of itself: nobody has to look, and nobody could see rightly."""

    def intents(
        self,
        repository: RepositoryName,
        updates: Sequence[tuple[RefUpdate, AuditOrigin]],
        *,
        pushed: bool = False,
        purge: str | None = None,
    ) -> list[RefIntent]:
        """What is to be noted of moves, each with who makes it."""
        at = self._clock.now()
        return [
            RefIntent(_operation(update, purge), repository, update, origin, at, pushed, purge)
            for update, origin in updates
            if update.old != update.new
        ]

    def moving(self, intents: Sequence[RefIntent], move: Callable[[], None]) -> None:
        """Notes the intents, then moves, then notes that it was done. For a thread: it waits for the disk.

        Raises what ``move`` raises, Unavailable where the intents cannot be noted; then nothing moves.
        """
        operations = self._begin(intents)
        try:
            move()
            self._journal.settle(operations, landed=True)
        except (Conflict, NotFound):
            self._journal.settle(operations, landed=False)
            raise
        except Exception:
            self._look(intents)  # a full disk may refuse what comes after the move
            raise
        finally:
            self._under_way.difference_update(operations)

    def _begin(self, intents: Sequence[RefIntent]) -> list[str]:
        operations = [intent.operation for intent in intents]
        self._under_way.update(operations)
        try:
            self._journal.intend(intents)
        except BaseException:
            self._under_way.difference_update(operations)
            raise
        return operations

    async def accept(self, repository: RepositoryName, updates: Sequence[RefUpdate], actor: Actor) -> list[RefIntent]:
        """Notes what a push that was accepted is about to do, durably. Raises Unavailable."""
        origin = current_origin(actor)
        intents = self.intents(repository, [(update, origin) for update in updates], pushed=True)
        if intents:
            await asyncio.to_thread(self._begin, intents)
        return intents

    async def ended(self, intents: Sequence[RefIntent]) -> None:
        """Looks what became of a push whose Git has ended: it may have moved some of the refs, and not others."""
        if intents:
            await asyncio.to_thread(self._look, intents)
            self.abandon(intents)

    def abandon(self, intents: Sequence[RefIntent]) -> None:
        """Nobody waits for the push any more, but Git may go on with it: the refs will tell."""
        self._under_way.difference_update(intent.operation for intent in intents)

    def close(self) -> None:
        """Leaves what could not be entered to the next process."""
        self._journal.close()

    def _look(self, intents: Sequence[RefIntent]) -> None:
        for intent in intents:
            landed = self._has_landed(intent)
            if landed is not None:
                self._journal.settle([intent.operation], landed=landed)

    async def drain(self) -> int:
        """Enters what has landed; how many moves. What fails stays in the journal. Raises Unavailable."""
        async with self._draining:
            waiting = [
                each for each in await asyncio.to_thread(self._journal.waiting) if each.operation not in self._under_way
            ]
            judged = await asyncio.to_thread(lambda: [self._judged(intent) for intent in waiting])
            await self._note_pushers([intent for intent in judged if intent.landed])
            entered = 0
            for start in range(0, len(judged), AT_ONCE):
                entered += await self._enter(judged[start : start + AT_ONCE])
            return entered

    async def _note_pushers(self, landed: Sequence[RefIntent]) -> None:
        """Who brought which commits: before the moves are forgotten, and where it was noted already, once."""
        pushes = [intent for intent in landed if intent.purge is None]
        for repository in dict.fromkeys(intent.repository for intent in pushes):
            own = [intent for intent in pushes if intent.repository == repository]
            await self._pushers.note(repository, await asyncio.to_thread(self._brought, repository, own))

    def _brought(self, repository: RepositoryName, landed: Sequence[RefIntent]) -> Mapping[CommitId, UserName]:
        try:
            with self._git.open(repository) as store:
                return brought_commits(store, landed)
        except Exception:
            # The audit must not wait for it: nobody can say who pushed them where they cannot be read any more.
            log.exception("which commits were pushed to %s cannot be read", repository)
            return {}

    async def carry_over(self, repository: RepositoryName, became: Mapping[CommitId, CommitId]) -> None:
        """Notes of what commits become who has pushed those. Raises Unavailable."""
        commits = list(became)
        for start in range(0, len(commits), COMMITS_AT_ONCE):
            known = await self._pushers.of(repository, commits[start : start + COMMITS_AT_ONCE])
            await self._pushers.note(repository, {became[commit]: user for commit, user in known.items()})

    async def _enter(self, judged: Sequence[RefIntent]) -> int:
        landed = [intent for intent in judged if intent.landed]
        drafts = await asyncio.to_thread(lambda: [draft for intent in landed for draft in self._drafts(intent)])
        if drafts:
            await self._log.append(drafts)
        await asyncio.to_thread(self._journal.forget, [each.operation for each in judged if each.landed is not None])
        return len(landed)

    def _judged(self, intent: RefIntent) -> RefIntent:
        """The intent with what became of it; as it was where that is still open."""
        if intent.landed is not None:
            return intent
        landed = self._has_landed(intent)
        if landed is None or (not landed and intent.pushed and self._clock.now() - intent.at <= LATE):
            return intent
        self._journal.settle([intent.operation], landed=landed)  # as long as SQL is away, the ref may move on
        return replace(intent, landed=landed)

    def _has_landed(self, intent: RefIntent) -> bool | None:
        """What the ref says; None where the repository cannot be read just now."""
        update = intent.update
        try:
            with self._git.open(intent.repository) as store:
                return _has_landed(store, update)
        except NotFound:
            return False  # the repository is gone, and what is in it
        except Exception:
            log.exception("whether %s of %s moved cannot be seen, which is tried again", update.ref, intent.repository)
            return None

    def _drafts(self, intent: RefIntent) -> list[AuditDraft]:
        """What is entered of a move: the ref, and the labels and rules that it changed."""
        update = intent.update
        whole = AuditDraft(
            _action(update),
            intent.at,
            intent.origin,
            intent.repository,
            ref=update.ref,
            old=None if update.creates else {"commit": update.old},
            new=None if update.deletes else {"commit": update.new},
            operation=intent.operation,
        )
        if intent.purge is not None:  # nobody can compare it with what was before
            new = {"commit": update.new, "purge": intent.purge}
            return [replace(whole, action=AuditAction.REF_FORCED, new=new)]
        try:
            with self._git.open(intent.repository) as store:
                return moves_told(store, whole, update, default=self._git.default_branch(intent.repository))
        except Exception:
            # The move itself has to be told, also where its commits cannot be read any more.
            log.exception("what a move of %s changed cannot be read", update.ref)
            return [whole]


def _operation(update: RefUpdate, purge: str | None) -> str:
    """An id of its own; for a purge that is run again after a kill the same, because both may see the move."""
    if purge is None:
        return secrets.token_hex(16)
    said = f"{purge} {update.ref} {update.old} {update.new}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(said).hexdigest()[:32]


def _action(update: RefUpdate) -> AuditAction:
    if update.creates:
        return AuditAction.REF_CREATED
    return AuditAction.REF_DELETED if update.deletes else AuditAction.REF_UPDATED


def _has_landed(store: GitStore, update: RefUpdate) -> bool:
    tip = store.target(update.ref)
    if update.deletes:
        return tip is None
    if tip is None:
        return False
    if update.ref.startswith("refs/tags/"):
        return tip != update.old
    try:
        return tip == update.new or store.is_reachable(update.new, [tip])
    except RevisionNotFound:
        return False  # it never came in
