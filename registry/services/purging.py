"""Purging: leaked text, or the content of a version, goes from Git and from all that was made of it.

Git comes first; while a repository is marked, nothing is written to it, and the mark goes last. So a purge that is
killed is run again, finds what is left to do, and does it: each step changes nothing where it was done before.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from registry.domain.audit import AuditAction
from registry.domain.errors import BadRequest, Conflict, PromptuaryError, Unavailable, VersionNotFound
from registry.domain.ids import BlobId, RepositoryName
from registry.domain.purging import Leak, LeakedText, PurgePlan, Rewritten, VersionKey
from registry.domain.refs import RefUpdate
from registry.domain.template import Json
from registry.domain.tombstones import is_tombstone
from registry.domain.version_words import versions_there_are
from registry.ports.git import Repositories
from registry.ports.purging import FormerStates, HistoryPurge, Moving, OpenPurge, Progress
from registry.services.audit import Audit
from registry.services.audit_origin import current_origin
from registry.services.indexing import Indexing
from registry.services.purge_cleaning import Cleaning
from registry.services.purge_numbers import Numbers, read_numbers
from registry.services.ref_audit import RefAudit
from registry.services.tree_changes import read_all

ROUNDS = 3
"""How often what came back meanwhile is purged again."""
PROJECTING_TRIES = 10
PAUSE_SECONDS = 1.0
SAID_AT_MOST = 100
"""How many versions the audit names."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What has to go: a text, or the content of a version."""

    leaked: LeakedText | None = None
    version: VersionKey | None = None

    def seal(self) -> bytes:
        """Tells two of them apart."""
        return self.leaked.seal() if self.leaked is not None else repr(self.version).encode()


@dataclass(frozen=True, slots=True)
class _Found:
    leak: Leak
    numbers: Numbers
    cleaning: Cleaning


class Purging:
    """For the administrator, on the machine that has the repositories."""

    def __init__(
        self,
        *,
        git: Repositories,
        history: HistoryPurge,
        indexing: Indexing,
        former: Sequence[FormerStates],
        moves: RefAudit,
        audit: Audit,
    ) -> None:
        self._git = git
        self._history = history
        self._indexing = indexing
        self._former = former
        self._moves = moves
        self._audit = audit

    async def plan(self, repository: RepositoryName, wanted: Wanted, progress: Progress) -> PurgePlan | None:
        """What a purge would change; None where there is nothing to purge. Nothing is written.

        Raises BadRequest where it cannot be done so, VersionNotFound, Unavailable.
        """
        found = await asyncio.to_thread(self._find, repository, wanted, b"plan", progress)
        return await asyncio.to_thread(self._plan, repository, found, progress)

    async def run(self, repository: RepositoryName, wanted: Wanted, progress: Progress) -> PurgePlan | None:
        """Purges; None where there was nothing to purge, or where one that was cut off is completed.

        Until it ends, or is run again after it was cut off, the repository takes no changes. Raises as ``plan``, and
        Unavailable where it could not be completed.
        """
        with ExitStack() as stack:
            opened = self._history.begin(repository, wanted.seal(), progress)
            purge = await asyncio.to_thread(stack.enter_context, opened)
            try:
                await self._moves.drain()
                found = await asyncio.to_thread(self._find, repository, wanted, purge.salt, progress)
                plan = await asyncio.to_thread(self._plan, repository, found, progress)
                if plan is not None and not purge.resumed:
                    said = _said(plan, wanted)
                    await self._enter(AuditAction.PURGE_STARTED, repository, wanted, said, f"{purge.operation}/started")
                    purge.keep(said)
            except BaseException:
                _open_again(purge)
                raise
            if plan is None and not purge.resumed:
                purge.finish()
                return None
            try:
                if plan is not None:
                    await self._moves.carry_over(repository, plan.became)  # it is known before they become it
                await self._carry_out(repository, wanted, purge, found, progress)
            except PromptuaryError as error:
                left = f"{error.message} The purge is not complete, and {repository} takes no changes: run it again."
                raise Unavailable(left) from error
            return plan

    async def _carry_out(
        self, repository: RepositoryName, wanted: Wanted, purge: OpenPurge, found: _Found, progress: Progress
    ) -> None:
        await asyncio.to_thread(self._rewrite, repository, wanted, purge, found, progress)
        await self._moves.drain()
        await self._make_anew(repository, progress)
        await self._enter(AuditAction.CONTENT_PURGED, repository, wanted, purge.said, purge.operation)
        purge.finish()

    async def _enter(
        self, action: AuditAction, repository: RepositoryName, wanted: Wanted, said: Json, operation: str
    ) -> None:
        draft = self._audit.draft(action, repository=repository, new=said)
        name = wanted.version[0] if wanted.version is not None else None
        await self._audit.enter(replace(draft, name=name, operation=operation))

    def _plan(self, repository: RepositoryName, found: _Found, progress: Progress) -> PurgePlan | None:
        if not found.leak:
            return None
        if found.leak.names:
            raise BadRequest(
                f"The text stands in names of files or refs: {', '.join(found.leak.names)}. Names cannot be purged, "
                "because versions are counted by them: delete such branches and tags first, or choose a text that "
                "stands in contents alone."
            )
        would = self._history.rewrite(repository, found.cleaning, progress, remember=None)
        plan = _plan_of(found, would)
        _require_replaceable(found.numbers, plan)
        return plan

    def _rewrite(
        self, repository: RepositoryName, wanted: Wanted, purge: OpenPurge, found: _Found, progress: Progress
    ) -> None:
        known = self._history.remembered(repository)
        for turn in range(ROUNDS):
            if turn:
                found = self._find(repository, wanted, purge.salt, progress)
            try:
                self._history.rewrite(
                    repository,
                    found.cleaning,
                    progress,
                    remember=found.leak.ids(),
                    moving=self._moving(repository, purge),
                )
            except Conflict:  # somebody moved a ref in the folder itself
                continue
            self._history.prune(repository, progress)
            if not self._history.present(repository, found.leak.ids() | known) and not self._search(
                repository, wanted, progress
            ):
                return
        raise Conflict(
            "What was purged keeps coming back: something writes to the repository's folder itself, or holds packs "
            "there. Stop the server and what else uses the folder, and run it again."
        )

    def _moving(self, repository: RepositoryName, purge: OpenPurge) -> Moving:
        """Moves that the audit gets as it gets those of pushes."""

        def moving(updates: Sequence[RefUpdate], move: Callable[[], None]) -> None:
            told = [(update, current_origin()) for update in updates]
            self._moves.moving(self._moves.intents(repository, told, pushed=True, purge=purge.operation), move)

        return moving

    def _search(self, repository: RepositoryName, wanted: Wanted, progress: Progress) -> Leak:
        return self._history.search(repository, wanted.leaked, progress) if wanted.leaked is not None else Leak()

    def _find(self, repository: RepositoryName, wanted: Wanted, salt: bytes, progress: Progress) -> _Found:
        """What has to go as things are now, and how."""
        leak = self._search(repository, wanted, progress)
        with self._git.open(repository) as store:
            numbers = read_numbers(store, self._git.default_branch(repository), progress)
            if wanted.version is not None:
                blob = _file_of(numbers, wanted.version)
                if not is_tombstone(read_all(store, [blob])[blob]):
                    leak = Leak(blobs=frozenset({blob}))
            bodies = read_all(store, leak.blobs)
        return _Found(leak, numbers, Cleaning(bodies, wanted.leaked, salt, numbers))

    async def _make_anew(self, repository: RepositoryName, progress: Progress) -> None:
        """Catalogue and search indexes from what Git has now; former rows, indexes and cached values go for good."""
        for last in [*[False] * (PROJECTING_TRIES - 1), True]:
            try:
                await self._indexing.rebuild(repository, lambda done, total: progress("projecting", done, total))
                break
            except Conflict:  # a server beside this command projects the same
                if last:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
        for number, former in enumerate(self._former):
            progress("forgetting former states", number, len(self._former))
            await former.forget_former(repository)


def _open_again(purge: OpenPurge) -> None:
    """Where nothing was changed the repository does not stay shut."""
    if not purge.resumed:
        purge.finish()


def _file_of(numbers: Numbers, version: VersionKey) -> BlobId:
    name, number = version
    if version not in numbers.files:
        newest = max((each for other, each in numbers.files if other == name), default=0)
        has = versions_there_are(newest) if newest else "there never was a template of that name"
        raise VersionNotFound(f"{name} has no version {number}: {has}.")
    return numbers.files[version]


def _plan_of(found: _Found, would: Rewritten) -> PurgePlan:
    changed = found.cleaning.changed
    own = {key for key, blob in found.numbers.files.items() if blob in changed}
    through = set(found.numbers.holding(changed)) - own
    emptied = found.numbers.holding({blob: blob for blob in found.cleaning.emptied})
    return PurgePlan(
        paths=tuple(sorted({path for blob in found.leak.blobs for path in would.paths.get(blob, ())})),
        versions=tuple(sorted(own)),
        through=tuple(sorted(through)),
        emptied=tuple(sorted(emptied)),
        messages=len(found.leak.commits) + len(found.leak.tags),
        became=would.became,
        refs=would.refs,
        objects=len(found.leak.ids()),
    )


def _require_replaceable(numbers: Numbers, plan: PurgePlan) -> None:
    """Raises BadRequest where somebody would get a tombstone who asks for no version."""
    emptied = set(plan.emptied)
    present = [f"{name}@{number}" for name, number in numbers.newest.items() if (name, number) in emptied]
    if present:
        raise BadRequest(
            f"The present state of {', '.join(sorted(present)[:5])} would be lost. Write a state without it first (its "
            "number is the next one), move the labels, and purge then."
        )
    held = [f"{label} of {name}" for (label, name), number in numbers.labels.items() if (name, number) in emptied]
    if held:
        raise BadRequest(f"Labels point to what would be lost: {', '.join(sorted(held)[:5])}. Move them first.")


def _said(plan: PurgePlan, wanted: Wanted) -> dict[str, object]:
    """What the audit says: never the text."""
    return {
        "kind": "text" if wanted.leaked is not None else "version",
        "versions": [f"{name}@{number}" for name, number in plan.versions[:SAID_AT_MOST]],
        "changed": len(plan.versions),
        "emptied": len(plan.emptied),
        "messages": plan.messages,
        "commits": len(plan.became),
        "refs": len(plan.refs),
    }
