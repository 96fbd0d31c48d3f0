"""Refs, commits and changes of trees, in Git's words."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from registry.domain.ids import ZERO_COMMIT, BlobId, CommitId, RefName


class FileMode(IntEnum):
    """Git's file modes."""

    TREE = 0o040000
    REGULAR = 0o100644
    EXECUTABLE = 0o100755
    SYMLINK = 0o120000
    SUBMODULE = 0o160000


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """A ref goes from ``old`` to ``new``; all zeros stand for "does not exist"."""

    ref: RefName
    old: CommitId
    new: CommitId

    @property
    def creates(self) -> bool:
        """Whether the ref did not exist."""
        return self.old == ZERO_COMMIT

    @property
    def deletes(self) -> bool:
        """Whether the ref will not exist."""
        return self.new == ZERO_COMMIT


@dataclass(frozen=True, slots=True)
class Signature:
    """Who wrote or committed, and when (with a time zone)."""

    name: str
    email: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit without its tree's content."""

    id: CommitId
    parents: tuple[CommitId, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a tree. ``path`` is decoded with surrogateescape, so bytes that are no UTF-8 survive to be refused."""

    path: str
    mode: int
    id: BlobId


@dataclass(frozen=True, slots=True)
class TreeChange:
    """A path whose entry differs between two trees; renames are a removal and an addition."""

    path: str
    old: Entry | None
    new: Entry | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """The commit that brought a file under its name.

    ``former`` is where the file was in its first ``parent``, None where it is new.
    """

    commit: CommitId
    parent: CommitId | None
    former: str | None


@dataclass(frozen=True, slots=True)
class LineRun:
    """``count`` lines of a file from ``first`` (from 1) on, which one commit brought; ``path`` is the file then."""

    first: int
    count: int
    commit: CommitId
    path: str
