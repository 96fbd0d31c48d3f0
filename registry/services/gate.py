"""The gate: the one set of rules that every change of a ref passes, whichever way it came in."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic, Severity, has_errors
from registry.domain.ids import BlobId, CommitId, RefName, RepositoryName
from registry.domain.refs import RefUpdate
from registry.domain.registry_file import read_registry_file
from registry.domain.registry_rules import RegistryRules
from registry.ports.git import GitStore, Repositories
from registry.services.gate_content import ContentRules
from registry.services.gate_files import check_commits
from registry.services.gate_refs import check_refs
from registry.services.indexing import Indexing
from registry.services.tree_changes import RULES_PATH, at_once, read_file

Progress = Callable[[str], None]

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

    def __init__(self, *, git: Repositories, content: ContentRules, indexing: Indexing) -> None:
        self._git = git
        self._content = content
        self._indexing = indexing

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
            default = self._git.default_branch(repository)
            refs = store.refs()
            rules = rules_at(store, refs.get(default))
            found = check_refs(store, updates, refs=refs, default=default, rules=rules, actor=actor)
            if has_errors(found):
                return _verdict(found)
            progress("checking files")
            tips = [update.new for update in updates if not update.deletes]
            run = at_once if quarantine is not None and _is_small(quarantine) else asyncio.to_thread
            commits = await run(store.new_commits, tips, list(refs.values())) if tips else []
            files, bodies = await check_commits(store, commits, rules=rules, actor=actor, run=run)
            found += files
            if any(finding.rule == "file-size" for finding in files):
                return _verdict(found)  # nothing that large is loaded to be judged further
            for update in updates:
                if update.deletes or not update.ref.startswith("refs/heads/"):
                    continue
                found += await self._judge_branch(
                    repository, store, update, default, refs.get(default), actor, rules, bodies, progress
                )
        return _verdict(found)

    async def judge_commit(
        self, repository: RepositoryName, store: GitStore, update: RefUpdate, actor: Actor, *, rollback: bool = False
    ) -> Verdict:
        """Judges one commit of the server's own before its branch moves.

        ``rollback`` marks a roll-back of a label, which no approval, check or freshness rule can refuse.
        """
        refs = store.refs()
        default = self._git.default_branch(repository)
        # Within a turn of joined writes the branch has not moved yet: what counts is what the commit stands on.
        known = refs if update.creates else {**refs, update.ref: update.old}
        rules = rules_at(store, known.get(default))
        found = check_refs(store, [update], refs=known, default=default, rules=rules, actor=actor, rollback=rollback)
        if not has_errors(found):
            files, bodies = await check_commits(store, [update.new], rules=rules, actor=actor, run=at_once)
            found += files
            found += await self._judge_branch(
                repository, store, update, default, refs.get(default), actor, rules, bodies, _silent, rollback=rollback
            )
        return _verdict(found)

    async def _judge_branch(
        self,
        repository: RepositoryName,
        store: GitStore,
        update: RefUpdate,
        default: RefName,
        default_tip: CommitId | None,
        actor: Actor,
        rules: RegistryRules,
        bodies: Mapping[BlobId, bytes],
        progress: Progress,
        *,
        rollback: bool = False,
    ) -> list[Diagnostic]:
        """The default branch's tip must be valid; on other branches faults are told as warnings."""
        if update.ref == default:
            return await self._content.check_default(
                repository,
                store,
                update,
                actor=actor,
                rules=rules,
                bodies=bodies,
                progress=progress,
                rollback=rollback,
            )
        found = await self._content.check_draft(repository, store, default_tip, update, rules=rules, bodies=bodies)
        return [_as_warning(diagnostic) for diagnostic in found]


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


def _as_warning(found: Diagnostic) -> Diagnostic:
    return Diagnostic(found.rule, found.message, found.path, found.place, Severity.WARNING)


def _verdict(found: Sequence[Diagnostic]) -> Verdict:
    """One line a finding, in the order of the files; what two commits of a push say alike is said once."""
    ordered = sorted(dict.fromkeys(found), key=lambda d: (d.severity is Severity.WARNING, d.path, d.place, d.rule))
    return Verdict(not has_errors(found), tuple(d.visible() for d in ordered))
