"""Git, by noun: the repositories on this node, one repository's content, its history, and writing to it.

The calls are synchronous: each takes well under a millisecond on a local repository, except where the docstring says
"long", and a caller runs those in a thread. Handles are short-lived: open, use, close (``with``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

from registry.domain.ids import BlobId, CommitId, RefName, RepositoryName
from registry.domain.refs import Arrival, Commit, Entry, LineRun, RefUpdate, Signature, TreeChange


class GitTrees(Protocol):
    """The refs and trees of a repository. All reads are by id, never by "current"."""

    def refs(self) -> dict[RefName, CommitId]:
        """Every branch, tag and merge-request ref, peeled to its commit; refs that point to no commit are left out."""
        ...

    def resolve(self, revision: str) -> CommitId | None:
        """The commit of a full ref name, else a branch, else a tag, else a commit id of 7 to 40 digits; None if none.

        Only names and ids: no ``~``, ``^``, ``@{}`` or ``:``.
        """
        ...

    def stored(self, tip: CommitId) -> list[bytes]:
        """A commit as it is stored, with all its headers; of an annotated tag it and the tags that it leads to."""
        ...

    def entry(self, commit: CommitId, path: str) -> Entry | None:
        """The file at a path of a commit's tree, or None."""
        ...

    def entries(self, commit: CommitId, prefix: str = "") -> Iterator[Entry]:
        """Every file below a folder (``prompts/``) of a commit's tree, in tree order. Long on large trees."""
        ...

    def children(self, commit: CommitId, folder: str) -> list[str]:
        """The paths of what lies directly in a folder (``""`` is the root), files and folders; empty where none."""
        ...


class GitBlobs(Protocol):
    """The contents of a repository's files, by id."""

    def sizes(self, blobs: Iterable[BlobId]) -> dict[BlobId, int]:
        """The sizes of blobs, without loading them; ids that are absent are left out."""
        ...

    def read(self, blobs: Sequence[BlobId]) -> Iterator[tuple[BlobId, bytes]]:
        """The blobs' bytes, in the order asked for. Long for thousands (then it uses ``git cat-file --batch``)."""
        ...


class GitContent(GitTrees, GitBlobs, Protocol):
    """What a repository holds: refs, trees and blobs."""


class GitHistory(Protocol):
    """How commits follow on one another."""

    def commit(self, commit: CommitId) -> Commit:
        """One commit. Raises RevisionNotFound."""
        ...

    def first_parents(self, tip: CommitId, stop: CommitId | None = None) -> list[CommitId] | None:
        """The first-parent chain from after ``stop`` (from the root where None) up to ``tip``, oldest first.

        None where ``stop`` is not on the chain: then the ref was rewritten.
        """
        ...

    def changes(self, old: CommitId | None, new: CommitId) -> list[TreeChange]:
        """The paths that differ between two commits' trees, descending only where tree ids differ."""
        ...

    def new_commits(self, tips: Sequence[CommitId], known: Sequence[CommitId]) -> list[CommitId]:
        """The commits reachable from ``tips`` and from none of ``known``, oldest first. Long on imports."""
        ...

    def is_reachable(self, commit: CommitId, tips: Sequence[CommitId]) -> bool:
        """Whether a commit can be reached from one of the tips."""
        ...

    def log(self, tip: CommitId, path: str, limit: int) -> list[Commit]:
        """The commits on the way to ``tip`` that changed a path, newest first."""
        ...


class GitBlame(Protocol):
    """Where files and their lines come from."""

    def blame(self, commit: CommitId, path: str, *, since: CommitId | None = None) -> list[LineRun]:
        """The lines of a file at a commit by the commit that brought them, in the file's order; empty where no file is.

        Only first parents count, so that on the default branch every commit told is one that versions are counted by:
        what a merge brought is the merge's. Renames are followed. What was there at ``since``, where one of these is
        given, it brought. Long. Raises RevisionNotFound, Unavailable.
        """
        ...

    def arrival(self, commit: CommitId, path: str) -> Arrival | None:
        """How a file came by its name, of the commits that ``blame`` tells; None where there is none. Long.

        A former name is the one that ``blame`` takes lines from. Raises Unavailable.
        """
        ...

    def last_change(self, tip: CommitId, paths: Sequence[str]) -> Commit | None:
        """The last commit on the first-parent chain up to ``tip`` that changed one of the paths. Long on old files."""
        ...


class GitDistance(Protocol):
    """How far two commits are from each other."""

    def distance(self, tip: CommitId, base: CommitId) -> tuple[int, int]:
        """How many commits only ``tip`` has, and how many only ``base``. Long where they parted long ago."""
        ...

    def parting(self, one: CommitId, other: CommitId) -> CommitId | None:
        """The last commit that both have, where they parted; None where they share none. Long as ``distance``."""
        ...


class GitWriter(Protocol):
    """Writing: objects first, unsynced; then one flush; then the ref moves by compare-and-swap."""

    def write_commit(
        self,
        parent: CommitId | None,
        changes: Mapping[str, bytes | None],
        author: Signature,
        committer: Signature,
        message: str,
    ) -> CommitId:
        """A commit on ``parent`` with files written (bytes) or removed (None). No ref moves, nothing is flushed.

        Only the trees on the changed paths are rebuilt. Removing a path that is not there is no error.
        Raises Unavailable where the disk is full or read-only.
        """
        ...

    def flush(self) -> None:
        """Makes all objects written so far durable. It may run in a thread beside reads.

        Raises Unavailable; what was written by this handle is then lost, and ``move`` raises it too.
        """
        ...

    def target(self, ref: RefName) -> CommitId | None:
        """What a ref itself points to, an annotated tag too, as updates of refs name it; None where it is not there."""
        ...

    def move(self, update: RefUpdate) -> None:
        """Moves a ref from ``update.old`` to ``update.new`` and makes that durable.

        Raises RefMoved where the ref is not at ``old`` (all zeros: must not exist), Unavailable on a full disk and
        where a killed writer's lock stays.
        """
        ...


class GitPurged(Protocol):
    """What was purged from a repository, and whether that is under way."""

    def require_open(self) -> None:
        """Raises Unavailable while content is being purged, or a purge was cut off: nothing may be written."""
        ...

    def purged(self) -> frozenset[str]:
        """The ids of blobs, commits and tags that were purged and may not come back."""
        ...


class GitStore(GitContent, GitHistory, GitBlame, GitDistance, GitPurged, GitWriter, Protocol):
    """One open repository: content, history and writing on one handle."""

    path: Path

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Repositories(Protocol):
    """The bare repositories on this node."""

    def names(self) -> list[RepositoryName]:
        """Every repository, sorted."""
        ...

    def create(self, name: RepositoryName, *, default_branch: str = "main") -> None:
        """Makes a bare repository in the files ref format with Promptuary's hooks and settings.

        Raises RepositoryExists, BadRequest for a name that is none, Unavailable.
        """
        ...

    def open(self, name: RepositoryName, *, quarantine: Path | None = None) -> GitStore:
        """Opens a repository; ``quarantine`` names the folder with the objects of a push that is being judged.

        A store opened with a quarantine reads only; its writing methods raise. Raises RepositoryNotFound.
        """
        ...

    def path(self, name: RepositoryName) -> Path:
        """Where the bare repository lies. Raises RepositoryNotFound."""
        ...

    def default_branch(self, name: RepositoryName) -> RefName:
        """The full name of the default branch, fixed at init (HEAD)."""
        ...

    def prepare(self) -> None:
        """Brings every repository's hooks and settings up to this version and sweeps what crashes left.

        For the start of a server. A repository that cannot be prepared is logged; the others go on.
        """
        ...


class Births(Protocol):
    """Which repositories are born."""

    def has_commits(self, name: RepositoryName) -> bool | None:
        """Whether the default branch has commits; None where only the Git node can say that."""
        ...


class BornRepositories(Repositories, Births, Protocol):
    """The same repositories, and which of them are born."""


class Upkeep(Protocol):
    """Keeping repositories quick. Both are long, and safe beside readers and writers."""

    def extend_commit_graph(self, name: RepositoryName) -> None:
        """Adds new commits to what makes ``log`` fast. Raises RepositoryNotFound, Unavailable."""
        ...

    def maintain(self, name: RepositoryName) -> None:
        """Packs loose objects, joins small packs, and writes one index over all packs; drops no object.

        Raises RepositoryNotFound, Unavailable.
        """
        ...
