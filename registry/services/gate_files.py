"""What holds for every file of every new commit, on every branch: paths, modes, sizes, names, identities.

All of them can be read by ``?ref=`` once they are in the repository, so all of them are looked at.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import BlobId, CommitId
from registry.domain.mail_addresses import is_same_address
from registry.domain.names import check_path, find_collisions, path_key
from registry.domain.refs import Commit, Entry, FileMode
from registry.domain.registry_rules import RegistryRules
from registry.ports.git import GitStore
from registry.services.gate_secrets import check_file_names, check_objects
from registry.services.tree_changes import REGULAR, Run

KEPT_BYTES = 33_554_432
"""How much of what was read is kept for the checks that follow; the rest is read again."""

UNWANTED_MODES: Mapping[int, str] = {FileMode.SYMLINK: "a symbolic link", FileMode.SUBMODULE: "a submodule"}


@dataclass(frozen=True, slots=True)
class NewFiles:
    """What new commits bring: what is wrong with it from outside, and each blob with one of its paths.

    ``changed`` are all paths that they change; ``kept`` are those that are read at once and held, up to ``KEPT_BYTES``.
    """

    found: list[Diagnostic]
    changed: Collection[str]
    paths: Mapping[BlobId, str]
    kept: Sequence[BlobId]

    @property
    def too_large(self) -> bool:
        """Whether a file is so large that nothing is loaded to be judged further."""
        return any(finding.rule == "file-size" for finding in self.found)


async def check_commits(
    store: GitStore, commits: Sequence[CommitId], *, rules: RegistryRules, actor: Actor, run: Run
) -> NewFiles:
    """Checks what new commits bring, without looking into files."""
    found: list[Diagnostic] = []
    changed: set[str] = set()
    added: dict[tuple[str, int, BlobId], Entry] = {}
    for commit_id in commits:
        commit = store.commit(commit_id)
        found += _identity(commit, rules, actor)
        found += await check_objects(store.stored(commit_id), f"commit {commit.id[:10]}")
        parent = commit.parents[0] if commit.parents else None
        changes = await run(store.changes, parent, commit_id)
        changed.update(c.path for c in changes)
        added.update({(c.new.path, c.new.mode, c.new.id): c.new for c in changes if c.new is not None})
        new = [c.new.path for c in changes if c.new is not None and c.old is None]
        found += await check_file_names(new)
        found += await run(_collisions, store, parent, commit_id, new)
    found += _forms(added.values())
    regular = [entry for entry in added.values() if entry.mode in REGULAR]
    sizes = await run(store.sizes, {entry.id for entry in regular})
    found += _oversized(regular, sizes, rules)
    paths = {entry.id: entry.path for entry in reversed(regular) if sizes.get(entry.id, 0) <= rules.limits.file_bytes}
    room = accumulate(sizes.get(blob, 0) for blob in paths)
    kept = [blob for blob, taken in zip(paths, room, strict=True) if taken <= KEPT_BYTES]
    return NewFiles(found, changed, paths, kept)


def _identity(commit: Commit, rules: RegistryRules, actor: Actor) -> list[Diagnostic]:
    if rules.commit_identity != "verified" or is_same_address(commit.committer.email, actor.email):
        return []
    return [
        Diagnostic(
            "commit-identity",
            f"Commit {commit.id[:10]} was committed as <{commit.committer.email}>, but you push as <{actor.email}>. "
            f"Set your address (git config user.email {actor.email}) and commit again: git rebase --exec "
            "'git commit --amend --no-edit --reset-author'.",
        )
    ]


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
    if len({path_key(path) for path in paths}) == len(paths):
        return []  # a quarter of the work of finding out which they are
    if parent is None:
        return find_collisions(paths)
    return find_collisions(paths, {child for folder in folders for child in store.children(parent, folder)})


def _oversized(entries: Iterable[Entry], sizes: Mapping[BlobId, int], rules: RegistryRules) -> list[Diagnostic]:
    """What is too large, known without loading it."""
    limit = rules.limits.file_bytes
    return [
        Diagnostic(
            "file-size",
            f"It has {sizes[entry.id]:,} bytes; at most {limit:,} are taken (limits.file_bytes in .registry.yaml). "
            "Split it, or keep it elsewhere and name its address.",
            entry.path,
        )
        for entry in entries
        if sizes.get(entry.id, 0) > limit
    ]
