"""What holds for every file of every new commit, on every branch: paths, modes, sizes, secrets, identities.

All of them can be read by ``?ref=`` once they are in the repository, so all of them are looked at.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence

from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import BlobId, CommitId
from registry.domain.names import check_path, find_collisions
from registry.domain.refs import Commit, Entry, FileMode
from registry.domain.registry_rules import RegistryRules
from registry.domain.secrets import find_secrets, find_secrets_in
from registry.ports.git import GitStore
from registry.services.tree_changes import REGULAR, Run, read_many

FILES_AT_ONCE = 500
KEPT_BYTES = 33_554_432
"""How much of what was read is kept for the checks that follow; the rest is read again."""

SLICE_SECONDS = 0.005
"""How long the gate works before the event loop gets its turn."""

UNWANTED_MODES: Mapping[int, str] = {FileMode.SYMLINK: "a symbolic link", FileMode.SUBMODULE: "a submodule"}

MESSAGE_CHARACTERS, MESSAGE_OVERLAP = 100_000, 2_000
"""So much of a commit's message is scanned at once: Git sets no limit to it."""


async def check_commits(
    store: GitStore, commits: Sequence[CommitId], *, rules: RegistryRules, actor: Actor, run: Run
) -> tuple[list[Diagnostic], dict[BlobId, bytes]]:
    """Checks what new commits bring; each blob once, wherever it stands.

    The second part of the answer is what was read on the way, for the checks that follow.
    """
    found: list[Diagnostic] = []
    added: dict[tuple[str, int, BlobId], Entry] = {}
    for commit_id in commits:
        commit = store.commit(commit_id)
        found += _identity(commit, rules, actor)
        found += await _message(commit)
        parent = commit.parents[0] if commit.parents else None
        changes = await run(store.changes, parent, commit_id)
        added.update({(c.new.path, c.new.mode, c.new.id): c.new for c in changes if c.new is not None})
        new = [c.new.path for c in changes if c.new is not None and c.old is None]
        found += _collisions(store, parent, commit_id, new)
    found += _forms(added.values())
    regular = [entry for entry in added.values() if entry.mode in REGULAR]
    oversized, paths = await _sizes(store, regular, rules, run)
    secrets, bodies = await _secrets(store, paths)
    return [*found, *oversized, *secrets], bodies


def _identity(commit: Commit, rules: RegistryRules, actor: Actor) -> list[Diagnostic]:
    if rules.commit_identity != "verified" or commit.committer.email.casefold() == actor.email.casefold():
        return []
    return [
        Diagnostic(
            "commit-identity",
            f"Commit {commit.id[:10]} was committed as <{commit.committer.email}>, but you push as <{actor.email}>. "
            f"Set your address (git config user.email {actor.email}) and commit again: git rebase --exec "
            "'git commit --amend --no-edit --reset-author'.",
        )
    ]


async def _message(commit: Commit) -> list[Diagnostic]:
    """Secrets in a commit's message, which every clone holds like a file."""
    found: list[Diagnostic] = []
    for start in range(0, len(commit.message), MESSAGE_CHARACTERS):
        part = commit.message[start : start + MESSAGE_CHARACTERS + MESSAGE_OVERLAP]
        found += find_secrets(part, "")
        if start:
            await asyncio.sleep(0)
    where = f"In the message of commit {commit.id[:10]} "
    return [Diagnostic(each.rule, where + each.message) for each in found]


def _forms(entries: Iterable[Entry]) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for entry in entries:
        problem = check_path(entry.path)
        if problem is not None:
            found.append(problem)
        if entry.mode in REGULAR:
            continue
        kind = UNWANTED_MODES.get(entry.mode, f"of mode {entry.mode:o}")
        found.append(
            Diagnostic(
                "file-mode",
                f"It is {kind}; only regular files can be pushed. Put the file itself in its place.",
                entry.path,
            )
        )
    return found


def _collisions(store: GitStore, parent: CommitId | None, commit: CommitId, added: Sequence[str]) -> list[Diagnostic]:
    """Names that differ by case or normal form only, in the folders that gained entries; told at the new ones."""
    if not added:
        return []
    folders = {""}
    for path in added:
        parts = path.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    paths = [child for folder in folders for child in store.children(commit, folder)]
    found = find_collisions(paths)
    if not found or parent is None:
        return found
    return find_collisions(paths, {child for folder in folders for child in store.children(parent, folder)})


async def _sizes(
    store: GitStore, entries: Sequence[Entry], rules: RegistryRules, run: Run
) -> tuple[list[Diagnostic], dict[BlobId, str]]:
    """What is too large, known without loading it; and the rest, each blob with one of its paths."""
    limit = rules.limits.file_bytes
    sizes = await run(store.sizes, {entry.id for entry in entries})
    found: list[Diagnostic] = []
    paths: dict[BlobId, str] = {}
    for entry in entries:
        size = sizes.get(entry.id, 0)
        if size > limit:
            found.append(
                Diagnostic(
                    "file-size",
                    f"It has {size:,} bytes; at most {limit:,} are taken (limits.file_bytes in .registry.yaml). "
                    "Split it, or keep it elsewhere and name its address.",
                    entry.path,
                )
            )
        else:
            paths.setdefault(entry.id, entry.path)
    return found, paths


async def _secrets(store: GitStore, paths: Mapping[BlobId, str]) -> tuple[list[Diagnostic], dict[BlobId, bytes]]:
    """Secrets, and what was read, up to a bound."""
    found: list[Diagnostic] = []
    bodies: dict[BlobId, bytes] = {}
    room = KEPT_BYTES
    blobs = list(paths)
    turn = time.monotonic()
    for start in range(0, len(blobs), FILES_AT_ONCE):
        for blob, data in (await read_many(store, blobs[start : start + FILES_AT_ONCE])).items():
            if len(data) <= room:
                bodies[blob] = data
                room -= len(data)
            found += find_secrets_in(data, paths[blob])
            if time.monotonic() - turn > SLICE_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
    return found, bodies
