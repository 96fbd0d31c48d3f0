"""Every write of the server's own is a commit, and waiting writes join.

One turn gates and commits them one on the other, flushes their objects once, moves the branch once and projects once;
one that fails drops out alone.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from registry.domain.access import Actor
from registry.domain.audit import AuditOrigin
from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.errors import BadRequest, PromptuaryError, RefMoved, Refused, Unavailable
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, RepositoryName
from registry.domain.refs import RefUpdate, Signature
from registry.ports.clock import Clock
from registry.ports.git import GitStore, Repositories
from registry.services.audit_origin import current_origin
from registry.services.gate import Gate
from registry.services.indexing import Indexing
from registry.services.news import Journal, Made
from registry.services.ref_audit import RefAudit
from registry.services.tree_changes import differs

log = logging.getLogger(__name__)

WRITES_IN_A_TURN = 32
JOIN_SECONDS = 0.05
"""How long after a turn of several writes the next one waits for as many."""

ATTEMPTS = 5
"""How often a turn starts again because a push moved the branch meanwhile."""

WAITING_AT_MOST = 1_000

LONGEST_MESSAGE = 10_000

PROJECTION_SECONDS = 10.0
"""How long a write waits to be readable; it is durable before, and a late projection is caught up."""

FAILED = "The write failed inside the server; nothing of it was kept, and it was logged. Try again."


@dataclass(frozen=True, slots=True)
class Base:
    """What an edit starts from: the open repository, and the branch's tip (None for a branch without commits)."""

    store: GitStore
    commit: CommitId | None
    branch: RefName


Edit = Callable[[Base], Mapping[str, bytes | None]]
"""A pure function from the tip's tree to the files that change; it may raise, and may run again on a newer tip."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a write; ``changed`` is False where the tree was as wanted already and no commit was made."""

    commit: CommitId
    changed: bool
    warnings: tuple[Diagnostic, ...] = ()
    made: Made | None = None
    """What it made, where that is known."""


@dataclass(slots=True)
class _Write:
    edit: Edit
    actor: Actor
    message: str
    rollback: bool
    author: Signature | None
    origin: AuditOrigin
    answer: asyncio.Future[Committed]


@dataclass(slots=True)
class _Queue:
    waiting: deque[_Write] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None
    expected: int = 0
    """How many writes there were when a turn of several was answered, at ``answered_at`` of the monotonic clock."""
    answered_at: float = 0.0
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when so many wait again."""


class Writes:
    """Takes edits and answers when they are committed, durable and projected."""

    def __init__(
        self, *, git: Repositories, gate: Gate, indexing: Indexing, journal: Journal, moves: RefAudit, clock: Clock
    ) -> None:
        self._git = git
        self._gate = gate
        self._indexing = indexing
        self._journal = journal
        self._moves = moves
        self._clock = clock
        self._queues: dict[tuple[RepositoryName, RefName], _Queue] = {}
        self._projecting: set[asyncio.Task[None]] = set()

    async def submit(
        self,
        repository: RepositoryName,
        branch: RefName,
        edit: Edit,
        *,
        actor: Actor,
        message: str,
        rollback: bool = False,
        author: Signature | None = None,
    ) -> Committed:
        """Commits an edit on a branch and waits until it is durable and readable.

        ``author`` is whose work it is and since when; the actor, now, where absent, and always the one who commits.
        Raises what the edit raises, Refused with the gate's diagnostics, RefMoved where pushes keep winning,
        Unavailable where the disk is full or too many writes wait. On any of them nothing was changed.
        """
        queue = self._queues.setdefault((repository, branch), _Queue())
        if len(queue.waiting) >= WAITING_AT_MOST:
            raise Unavailable("Too many writes are waiting; nothing was changed. Try again in a moment.")
        answer: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_retrieve)
        queue.waiting.append(_Write(edit, actor, message, rollback, author, current_origin(actor), answer))
        if len(queue.waiting) >= queue.expected:
            queue.complete.set()
        if queue.worker is None or queue.worker.done():
            queue.worker = asyncio.create_task(self._work(repository, branch, queue))
        # A caller that gives up must not undo what is under way for others.
        return await asyncio.shield(answer)

    def made(self, repository: RepositoryName, commit: CommitId) -> Made | None:
        """What a commit made, where that is known."""
        return self._journal.made(repository, commit)

    async def close(self) -> None:
        """Waits until every accepted write is answered."""
        await asyncio.gather(*(q.worker for q in self._queues.values() if q.worker), return_exceptions=True)
        await asyncio.gather(*self._projecting, return_exceptions=True)

    async def _work(self, repository: RepositoryName, branch: RefName, queue: _Queue) -> None:
        while queue.waiting:
            await _joined(queue)
            turn = [queue.waiting.popleft() for _ in range(min(len(queue.waiting), WRITES_IN_A_TURN))]
            try:
                await self._turn(repository, branch, turn)
            except PromptuaryError as error:
                _fail(turn, error)
            except Exception:
                log.exception("a write turn on %s failed", repository)
                _fail(turn, Unavailable(FAILED))
            queue.expected = min(len(turn) + len(queue.waiting), WRITES_IN_A_TURN) if len(turn) > 1 else 0
            queue.answered_at = time.monotonic()

    async def _turn(self, repository: RepositoryName, branch: RefName, turn: list[_Write]) -> None:
        for attempt in range(ATTEMPTS):
            with self._git.open(repository) as store:
                try:
                    accepted = await self._commit(repository, store, branch, turn)
                except RefMoved:
                    if attempt == ATTEMPTS - 1:
                        raise
                    continue
            if any(done.changed for _, done in accepted):
                await self.project(repository)
            for write, done in accepted:
                if not write.answer.done():
                    write.answer.set_result(replace(done, made=self.made(repository, done.commit)))
            return

    async def project(self, repository: RepositoryName) -> None:
        """Waits a while until what is committed can be read.

        It is durable by now: a late or failing projection must not look like a lost write.
        """
        task = asyncio.create_task(self._make_readable(repository))
        self._projecting.add(task)
        task.add_done_callback(self._projecting.discard)
        await asyncio.wait([task], timeout=PROJECTION_SECONDS)

    async def _make_readable(self, repository: RepositoryName) -> None:
        try:
            await self._indexing.poke(repository)
        except PromptuaryError as error:
            log.warning("projection of %s is late: %s", repository, error.message)

    async def _commit(
        self, repository: RepositoryName, store: GitStore, branch: RefName, turn: list[_Write]
    ) -> list[tuple[_Write, Committed]]:
        """Commits the writes one on the other and moves the branch once. Raises RefMoved, Unavailable."""
        refs = store.refs()
        tip = start = refs.get(branch)
        accepted: list[tuple[_Write, Committed]] = []
        for write in turn:
            if write.answer.done():
                continue
            try:
                base = Base(store, tip, branch)
                done = await self._commit_one(repository, base, refs, write, flush=write is turn[-1])
            except PromptuaryError as error:
                write.answer.set_exception(error)
                continue
            except Exception:
                log.exception("a write on %s failed", repository)
                write.answer.set_exception(Unavailable(FAILED))
                continue
            accepted.append((write, done))
            tip = done.commit
        if tip is not None and tip != start:
            whole = RefUpdate(branch, start or ZERO_COMMIT, tip)
            intents = self._moves.intents(repository, _each_move(branch, start, accepted))
            # In a thread: it waits for the disk, and for a ref lock that somebody holds.
            await asyncio.to_thread(self._moves.moving, intents, partial(store.move, whole))
        return accepted

    async def _commit_one(
        self, repository: RepositoryName, base: Base, refs: Mapping[RefName, CommitId], write: _Write, *, flush: bool
    ) -> Committed:
        """Writes and judges one commit; ``flush`` makes the turn's objects durable meanwhile, whatever the verdict."""
        store, tip = base.store, base.commit
        changes = write.edit(base)
        if tip is not None and not differs(store, tip, changes):
            return Committed(tip, changed=False)
        signature = Signature(write.actor.name, write.actor.email, self._clock.now())
        commit = store.write_commit(tip, changes, write.author or signature, signature, write.message)
        update = RefUpdate(base.branch, tip or ZERO_COMMIT, commit)
        # Handed to the thread here and now: as a task it would begin when the gate first waits, which it may not do.
        flushing = asyncio.get_running_loop().run_in_executor(None, store.flush) if flush else None
        try:
            verdict = await self._gate.judge_commit(
                repository, store, update, write.actor, refs=refs, rollback=write.rollback
            )
        finally:
            if flushing is not None:
                await flushing
        if not verdict.accepted:
            errors = [d for d in verdict.diagnostics if d.severity is Severity.ERROR]
            raise Refused(f"The change was refused: {errors[0].message}", diagnostics=verdict.diagnostics)
        return Committed(commit, changed=True, warnings=verdict.diagnostics)


def _each_move(
    branch: RefName, start: CommitId | None, accepted: Sequence[tuple[_Write, Committed]]
) -> list[tuple[RefUpdate, AuditOrigin]]:
    """What each write of a turn makes of the branch, and who makes it."""
    found, tip = [], start or ZERO_COMMIT
    for write, done in accepted:
        if done.changed:
            found.append((RefUpdate(branch, tip, done.commit), write.origin))
            tip = done.commit
    return found


def clean_message(text: str) -> str:
    """A commit message: bounded, without control characters, ending in a newline. Raises BadRequest."""
    cleaned = "".join(c for c in text.replace("\r\n", "\n") if c.isprintable() or c in "\n\t").strip()
    if not cleaned:
        raise BadRequest("The commit message is empty.")
    if len(cleaned) > LONGEST_MESSAGE:
        raise BadRequest(f"The commit message has {len(cleaned)} characters; at most {LONGEST_MESSAGE} are taken.")
    return cleaned + "\n"


async def _joined(queue: _Queue) -> None:
    """Waits a moment for as many writes as there were just now: who writes much writes on at once.

    Else the first of them would begin a turn, and all others wait for that: a turn of many costs little more than one.
    """
    left = queue.answered_at + JOIN_SECONDS - time.monotonic()
    if left <= 0 or len(queue.waiting) >= queue.expected:
        return
    queue.complete.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(left):
            await queue.complete.wait()


def _retrieve(answer: asyncio.Future[Committed]) -> None:
    """Looks at an answer that its caller may have stopped waiting for, so that asyncio does not complain."""
    if not answer.cancelled():
        answer.exception()


def _fail(turn: list[_Write], error: PromptuaryError) -> None:
    for write in turn:
        if not write.answer.done():
            write.answer.set_exception(error)
