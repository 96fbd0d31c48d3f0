"""A commit that is only thought of, on top of a repository: what the gate reads to judge it. Nothing is written."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Self

from registry.domain.errors import Unavailable
from registry.domain.ids import BlobId, CommitId, RefName
from registry.domain.refs import Arrival, Commit, Entry, FileMode, LineRun, Signature, TreeChange
from registry.ports.git import GitStore
from registry.services.checkout import blob_id


class ProposedStore:
    """A store with one more commit: ``files`` written (bytes) or removed (None) on ``base``. The rest is the store's.

    The caller closes the store.
    """

    def __init__(
        self,
        store: GitStore,
        base: CommitId | None,
        files: Mapping[str, bytes | None],
        author: Signature,
        message: str,
    ) -> None:
        self.path: Path = store.path
        self._store = store
        self._base = base
        self._bodies = {blob_id(data): data for data in files.values() if data is not None}
        self._entries = {
            path: None if data is None else Entry(path, FileMode.REGULAR, blob_id(data)) for path, data in files.items()
        }
        said = f"{base}\0{message}\0{sorted((path, entry and entry.id) for path, entry in self._entries.items())}"
        self.id = CommitId(hashlib.sha1(said.encode(), usedforsecurity=False).hexdigest())
        self._commit = Commit(self.id, () if base is None else (base,), author, author, message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """The store is its opener's to close."""

    def refs(self) -> dict[RefName, CommitId]:
        """The store's: the proposal is on none."""
        return self._store.refs()

    def target(self, ref: RefName) -> CommitId | None:
        """The store's."""
        return self._store.target(ref)

    def resolve(self, revision: str) -> CommitId | None:
        """The store's."""
        return self.id if revision == self.id else self._store.resolve(revision)

    def require_open(self) -> None:
        """As of the store."""
        self._store.require_open()

    def purged(self) -> frozenset[str]:
        """As of the store."""
        return self._store.purged()

    def stored(self, tip: CommitId) -> list[bytes]:
        """What somebody says in the proposal, or the store's."""
        author = self._commit.author
        said = f"author {author.name} <{author.email}>\n\n{self._commit.message}".encode()
        return [said] if tip == self.id else self._store.stored(tip)

    def entry(self, commit: CommitId, path: str) -> Entry | None:
        """The file as proposed, else as it is."""
        if commit != self.id:
            return self._store.entry(commit, path)
        if path in self._entries:
            return self._entries[path]
        return self._store.entry(self._base, path) if self._base is not None else None

    def entries(self, commit: CommitId, prefix: str = "") -> Iterator[Entry]:
        """Every file below a folder, the proposed ones last."""
        if commit != self.id:
            yield from self._store.entries(commit, prefix)
            return
        if self._base is not None:
            yield from (each for each in self._store.entries(self._base, prefix) if each.path not in self._entries)
        yield from (each for path, each in self._entries.items() if each is not None and path.startswith(prefix))

    def children(self, commit: CommitId, folder: str) -> list[str]:
        """What lies directly in a folder; one that the proposal empties may still be told."""
        if commit != self.id:
            return self._store.children(commit, folder)
        old = self._store.children(self._base, folder) if self._base is not None else []
        kept = [path for path in old if self._entries.get(path, path) is not None]
        above = f"{folder}/" if folder else ""
        new = (path for path, entry in self._entries.items() if entry is not None and path.startswith(above))
        return list(dict.fromkeys([*kept, *(above + path[len(above) :].partition("/")[0] for path in new)]))

    def sizes(self, blobs: Iterable[BlobId]) -> dict[BlobId, int]:
        """The sizes of blobs, proposed ones too."""
        wanted = list(blobs)
        known = {blob: len(self._bodies[blob]) for blob in wanted if blob in self._bodies}
        return known | self._store.sizes([blob for blob in wanted if blob not in known])

    def read(self, blobs: Sequence[BlobId]) -> Iterator[tuple[BlobId, bytes]]:
        """The blobs' bytes, in the order asked for."""
        read = dict(self._store.read([blob for blob in blobs if blob not in self._bodies]))
        return ((blob, self._bodies[blob] if blob in self._bodies else read[blob]) for blob in blobs)

    def commit(self, commit: CommitId) -> Commit:
        """The proposal as a commit, or one of the store's."""
        return self._commit if commit == self.id else self._store.commit(commit)

    def first_parents(self, tip: CommitId, stop: CommitId | None = None) -> list[CommitId] | None:
        """The chain, with the proposal at its end."""
        if tip != self.id:
            return self._store.first_parents(tip, stop)
        if stop == self.id:
            return []
        below = self._store.first_parents(self._base, stop) if self._base is not None else []
        return None if below is None else [*below, self.id]

    def changes(self, old: CommitId | None, new: CommitId) -> list[TreeChange]:
        """The paths that differ."""
        if new != self.id:
            return self._store.changes(old, new)
        below = self._store.changes(old, self._base) if self._base is not None and old != self._base else []
        found = {change.path: change for change in below}
        for path, entry in self._entries.items():
            before = found[path].old if path in found else self.entry(old, path) if old is not None else None
            if before == entry:
                found.pop(path, None)
            else:
                found[path] = TreeChange(path, before, entry)
        return [found[path] for path in sorted(found)]

    def new_commits(self, tips: Sequence[CommitId], known: Sequence[CommitId]) -> list[CommitId]:
        """The commits that are new, the proposal last."""
        if self.id not in tips or self.id in known:
            return self._store.new_commits([tip for tip in tips if tip != self.id], known)
        below = [tip for tip in (*tips, self._base) if tip is not None and tip != self.id]
        return [*(self._store.new_commits(below, known) if below else []), self.id]

    def is_reachable(self, commit: CommitId, tips: Sequence[CommitId]) -> bool:
        """Whether a commit can be reached from one of the tips."""
        below = [self._base if tip == self.id else tip for tip in tips]
        if commit == self.id:
            return self.id in tips
        return self._store.is_reachable(commit, [tip for tip in below if tip is not None])

    def log(self, tip: CommitId, path: str, limit: int) -> list[Commit]:
        """The store's, below the proposal."""
        start = self._base if tip == self.id else tip
        return self._store.log(start, path, limit) if start is not None else []

    def last_change(self, tip: CommitId, paths: Sequence[str]) -> Commit | None:
        """The proposal where it has one of the paths, else the store's."""
        if tip != self.id:
            return self._store.last_change(tip, paths)
        if any(path in self._entries for path in paths):
            return self._commit
        return self._store.last_change(self._base, paths) if self._base is not None else None

    def blame(self, commit: CommitId, path: str, *, since: CommitId | None = None) -> list[LineRun]:
        """The store's: no line of a proposal has been brought by anybody yet."""
        return self._store.blame(commit, path, since=since)

    def arrival(self, commit: CommitId, path: str) -> Arrival | None:
        """The store's."""
        return self._store.arrival(commit, path)

    def distance(self, tip: CommitId, base: CommitId) -> tuple[int, int]:
        """The store's."""
        return self._store.distance(tip, base)

    def parting(self, one: CommitId, other: CommitId) -> CommitId | None:
        """The store's."""
        return self._store.parting(one, other)

    def _refuse(self, *_arguments: object, **_named: object) -> NoReturn:
        """Raises Unavailable: nothing is written."""
        raise Unavailable("A proposal reads only.")

    write_commit = flush = move = _refuse
