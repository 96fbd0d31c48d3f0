"""The gate: the one set of rules that every change of a ref passes, whichever way it came in."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic, has_errors, in_order
from registry.domain.ids import BlobId, CommitId, RefName, RepositoryName
from registry.domain.refs import RefUpdate
from registry.domain.registry_file import read_registry_file
from registry.domain.registry_rules import RegistryRules
from registry.ports.git import GitStore, Repositories
from registry.services.gate_content import ContentRules
from registry.services.gate_files import check_commits
from registry.services.gate_move import Move, Progress
from registry.services.gate_purged import find_purged
from registry.services.gate_refs import check_refs
from registry.services.gate_rights import check_draft_rights, check_new_commits, only_seen, without_told
from registry.services.gate_secrets import check_objects, check_secrets
from registry.services.indexing import Indexing
from registry.services.meters import Meters, Work
from registry.services.tree_changes import RULES_PATH, Run, at_once, in_thread, read_file, read_many

SMALL_FOLDERS = 16
"""A push of one file brings about five objects, each in a folder of its own."""


def _silent(_line: str) -> None:
    """Shows no progress."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All or nothing: accepted, or refused with every reason. Warnings may stand in either."""

    accepted: bool
    diagnostics: tuple[Diagnostic, ...]


class Gate:
    """Judges pushes (in Git's quarantine) and the server's own commits by the same rules."""

    def __init__(
        self, *, git: Repositories, content: ContentRules, indexing: Indexing, meters: Meters | None = None
    ) -> None:
        self._git = git
        self._content = content
        self._indexing = indexing
        self._meters = meters or Meters()

    async def judge(
        self,
        repository: RepositoryName,
        updates: Sequence[RefUpdate],
        actor: Actor,
        *,
        quarantine: Path | None = None,
        progress: Progress = _silent,
    ) -> Verdict:
        """Judges the ref updates of one push together.

        The rules in force are those of the default branch's tip before the push. Nothing is written.
        """
        # Labels are judged by version numbers, so those of the present tip must be known.
        await self._indexing.poke(repository)
        with self._git.open(repository, quarantine=quarantine) as store:
            refs = store.refs()
            run = at_once if quarantine is not None and _is_small(quarantine) else in_thread
            return await self._timed(_Push(repository, store, refs, actor, run, progress), updates, "push")

    async def judge_commit(
        self,
        repository: RepositoryName,
        store: GitStore,
        update: RefUpdate,
        actor: Actor,
        *,
        refs: Mapping[RefName, CommitId] | None = None,
        rollback: bool = False,
    ) -> Verdict:
        """Judges one commit of the server's own before its branch moves.

        ``refs`` are those of the repository, where the caller has read them. ``rollback`` marks a roll-back of a label,
        which no approval, check or freshness rule can refuse.
        """
        refs = store.refs() if refs is None else refs
        # Within a turn of joined writes the branch has not moved yet: what counts is what the commit stands on.
        known = refs if update.creates else {**refs, update.ref: update.old}
        push = _Push(repository, store, known, actor, at_once, _silent, [update.new], rollback=rollback)
        return await self._timed(push, [update], "write")

    async def _timed(self, push: "_Push", updates: Sequence[RefUpdate], way: str) -> Verdict:
        with self._meters.timed(Work.GATE, way, repository=push.repository) as timing:
            verdict = await self._judge(push, updates)
            timing.outcome = "accepted" if verdict.accepted else "refused"
        return verdict

    async def _judge(self, push: "_Push", updates: Sequence[RefUpdate]) -> Verdict:
        push.store.require_open()
        sight = push.actor.rights.seen(push.repository)
        back = await find_purged(push.store, updates, push.new_commits, push.run)
        found, changed = (back, ()) if back else await self._find(push, updates)
        return make_verdict(only_seen(found, sight), changed)

    async def _find(self, push: "_Push", updates: Sequence[RefUpdate]) -> tuple[Sequence[Diagnostic], Collection[str]]:
        """Everything that is wrong, whoever may know of it, and the paths that change."""
        store, refs = push.store, push.refs
        default = self._git.default_branch(push.repository)
        rules = rules_at(store, refs.get(default))
        found = check_refs(
            store,
            updates,
            refs=refs,
            default=default,
            rules=rules,
            repository=push.repository,
            actor=push.actor,
            rollback=push.rollback,
        )
        if has_errors(found):
            return found, ()
        push.progress("checking files")
        commits = await push.new_commits(updates)
        files = await check_commits(store, commits, rules=rules, actor=push.actor, run=push.run)
        found += files.found
        rights = await check_new_commits(push.repository, store, commits, push.actor, push.run)
        for update in updates:
            if update.ref.startswith("refs/tags/") and store.resolve(update.new) not in {update.new, None}:
                found += await check_objects(store.stored(update.new), f"the tag {update.ref}")
        if files.too_large:  # nothing that large is loaded to be judged further
            return [*found, *rights, *await check_secrets(store, files.paths, {})], files.changed
        bodies = await read_many(store, files.kept)
        # Secrets are looked for while other processes judge what templates say.
        secrets = asyncio.create_task(check_secrets(store, files.paths, bodies))
        try:
            for update in updates:
                if not update.deletes and update.ref.startswith("refs/heads/"):
                    found += await self._judge_branch(push.move(update, rules, bodies), default, refs.get(default))
            found += without_told(rights, found)
            found += await secrets
        finally:
            secrets.cancel()
            await asyncio.gather(secrets, return_exceptions=True)  # it may still read from the store
        return found, files.changed

    async def _judge_branch(self, move: Move, default: RefName, default_tip: CommitId | None) -> list[Diagnostic]:
        """The default branch's tip must be valid; on other branches faults are told as warnings."""
        if move.update.ref == default:
            return await self._content.check_default(move)
        found = await check_draft_rights(move, default_tip)
        return found + await self._content.check_draft(move, default_tip)


@dataclass(frozen=True, slots=True)
class _Push:
    """What comes in together: into which refs, from whom, and how Git is asked about it."""

    repository: RepositoryName
    store: GitStore
    refs: Mapping[RefName, CommitId]
    actor: Actor
    run: Run
    progress: Progress
    commits: Sequence[CommitId] | None = None
    """What it brings, where that is known."""
    rollback: bool = False

    async def new_commits(self, updates: Sequence[RefUpdate]) -> Sequence[CommitId]:
        """What it brings."""
        if self.commits is not None:
            return self.commits
        tips = [update.new for update in updates if not update.deletes]
        return await self.run(self.store.new_commits, tips, list(self.refs.values())) if tips else []

    def move(self, update: RefUpdate, rules: RegistryRules, bodies: Mapping[BlobId, bytes]) -> Move:
        """One of its updates, of a branch."""
        return Move(
            repository=self.repository,
            store=self.store,
            update=update,
            actor=self.actor,
            rules=rules,
            bodies=bodies,
            run=self.run,
            progress=self.progress,
            rollback=self.rollback,
        )


def _is_small(quarantine: Path) -> bool:
    """Whether a push brings so little that Git answers at once: a few loose objects and no pack."""
    try:
        folders = list(islice(quarantine.iterdir(), SMALL_FOLDERS + 1))
        return len(folders) <= SMALL_FOLDERS and not (quarantine / "pack").exists()
    except OSError:
        return False


def rules_at(store: GitStore, commit: CommitId | None) -> RegistryRules:
    """The rules of a commit's ``.registry.yaml``; a broken file gives closed rules, which open nothing."""
    return read_registry_file(read_file(store, commit, RULES_PATH)).rules


def make_verdict(found: Sequence[Diagnostic], changed: Collection[str] = ()) -> Verdict:
    """One line a finding, those of the changed files first; what two commits of a push say alike is said once."""
    return Verdict(not has_errors(found), tuple(d.visible() for d in in_order(found, changed)))
