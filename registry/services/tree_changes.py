"""Changes of trees, read as changes of templates, labels and rules."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from registry.domain.errors import RevisionNotFound
from registry.domain.graph import Change
from registry.domain.ids import BlobId, CommitId
from registry.domain.includes import raw_includes
from registry.domain.labels import is_label_path
from registry.domain.names import template_name
from registry.domain.refs import FileMode, TreeChange
from registry.ports.git import GitBlobs, GitContent, GitStore

RULES_PATH = ".registry.yaml"
OWNERS_PATH = "CODEOWNERS"
T = TypeVar("T")

FEW = 50
"""Up to so many blobs are read without a thread: that takes about a millisecond."""

REGULAR = (FileMode.REGULAR, FileMode.EXECUTABLE)


class Run(Protocol):
    """How Git is asked: ``in_thread`` for a push of any size, ``at_once`` for a write of a few files."""

    async def __call__(self, ask: Callable[..., T], /, *args: Any) -> T:
        """The answer."""
        ...


async def at_once(ask: Callable[..., T], /, *args: Any) -> T:
    """Asks without a thread: a fifth of a millisecond less each time."""
    return ask(*args)


async def in_thread(ask: Callable[..., T], /, *args: Any) -> T:
    """Asks in a thread. Whoever is cancelled waits for its end too: nobody closes a store that is being read."""
    asking = asyncio.get_running_loop().run_in_executor(None, partial(ask, *args))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        await asyncio.gather(asking, return_exceptions=True)
        raise


@dataclass(frozen=True, slots=True)
class Delta:
    """What differs between two trees, sorted out by what the paths mean."""

    templates: tuple[TreeChange, ...]
    labels: tuple[TreeChange, ...]
    rules: TreeChange | None
    owners: TreeChange | None

    def blobs(self) -> list[BlobId]:
        """Every blob that has to be read to understand the change."""
        found = [c.new.id for c in self.templates if c.new and c.new.mode in REGULAR]
        for change in (*self.labels, self.rules, self.owners):
            if change is not None:
                found.extend(side.id for side in (change.old, change.new) if side and side.mode in REGULAR)
        return found


def sort_out(changes: Iterable[TreeChange]) -> Delta:
    """Sorts the changes of a tree; what is neither template, label nor rule is left out."""
    templates: list[TreeChange] = []
    labels: list[TreeChange] = []
    rules = owners = None
    for change in changes:
        if change.path == RULES_PATH:
            rules = change
        elif change.path == OWNERS_PATH:
            owners = change
        elif is_label_path(change.path):
            labels.append(change)
        elif template_name(change.path) is not None:
            templates.append(change)
    return Delta(tuple(templates), tuple(labels), rules, owners)


def graph_changes(templates: Sequence[TreeChange], bodies: Mapping[BlobId, bytes]) -> list[Change]:
    """The changes as the include graph takes them; entries that are no regular files count as removed."""
    found: list[Change] = []
    for change in templates:
        name = template_name(change.path)
        if name is None:
            continue
        if change.new is None or change.new.mode not in REGULAR:
            found.append(Change(name, None))
        else:
            found.append(Change(name, change.new.id, raw_includes(bodies[change.new.id])))
    return found


def template_changes(store: GitStore, old: CommitId | None, new: CommitId) -> list[Change]:
    """The changes of templates between two commits. Raises RevisionNotFound where ``old`` is not there."""
    delta = sort_out(store.changes(old, new))
    return graph_changes(delta.templates, read_all(store, delta.blobs()))


def read_all(store: GitBlobs, blobs: Iterable[BlobId]) -> dict[BlobId, bytes]:
    """The blobs' bytes by id."""
    return dict(store.read(list(dict.fromkeys(blobs))))


async def read_many(
    store: GitBlobs, blobs: Iterable[BlobId], known: Mapping[BlobId, bytes] = MappingProxyType({})
) -> Mapping[BlobId, bytes]:
    """The blobs that are not ``known``, with those that are; a thread reads where there are many."""
    wanted = [blob for blob in dict.fromkeys(blobs) if blob not in known]
    if not wanted:
        return known
    read = await in_thread(read_all, store, wanted) if len(wanted) > FEW else read_all(store, wanted)
    return {**known, **read} if known else read


def read_file(store: GitContent, commit: CommitId | None, path: str) -> bytes | None:
    """A regular file's bytes at a commit, or None."""
    entry = store.entry(commit, path) if commit else None
    if entry is None or entry.mode not in REGULAR:
        return None
    return next(iter(store.read([entry.id])))[1]


def chain_after(store: GitStore, tip: CommitId, start: CommitId | None) -> list[CommitId] | None:
    """The first-parent commits after ``start`` up to ``tip``; None where ``start`` is gone or not on the way."""
    try:
        return store.first_parents(tip, start)
    except RevisionNotFound:
        return None


def differs(store: GitContent, tip: CommitId, changes: Mapping[str, bytes | None]) -> bool:
    """Whether the tip's tree is not yet as wanted."""
    for path, data in changes.items():
        entry = store.entry(tip, path)
        if (entry is None) != (data is None):
            return True
        if entry is not None and next(iter(store.read([entry.id])))[1] != data:
            return True
    return False
