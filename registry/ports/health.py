"""Looking at a set-up without changing it: the facts that ``promptuary doctor`` judges. None of these calls raises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from registry.domain.ids import CommitId, RefName, RegistryId, RepositoryName


class HookState(StrEnum):
    """How a hook's file is."""

    INSTALLED = "installed"
    MISSING = "missing"
    DIFFERENT = "different"
    NOT_EXECUTABLE = "not executable"


@dataclass(frozen=True, slots=True)
class GitVersions:
    """What Git is made of here; ``git`` is None where the program is not on the PATH or does not run."""

    git: str | None
    libgit2: str
    pygit2: str


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """One bare repository.

    ``unusable`` says why it cannot be opened; then only ``path`` holds besides. ``settings`` are those that are not as
    Promptuary sets them, with what stands there (None: nothing); ``hooks_path`` is where Git really looks for hooks if
    not in the repository, and ``hooks_path_file`` the configuration that says so. ``alternates`` are object folders
    that it borrows from, ``gone_alternates`` those that are not there. ``tip`` and ``tip_time`` are of the branch that
    ``head`` names. ``loose`` estimates the objects that lie by themselves, in ``packs`` files are the others.
    """

    path: Path
    unusable: str | None
    head: str = ""
    branches: Sequence[str] = ()
    tip: CommitId | None = None
    tip_time: datetime | None = None
    hooks: Mapping[str, HookState] | None = None
    hooks_path: str | None = None
    hooks_path_file: Path | None = None
    settings: Mapping[str, str | None] | None = None
    command: str = ""
    locks: Sequence[str] = ()
    alternates: Sequence[str] = ()
    gone_alternates: Sequence[str] = ()
    loose: int = 0
    packs: int = 0
    purging: bool = False
    """Whether a purge has begun to rewrite it, and is under way or was cut off."""


class GitHealth(Protocol):
    """Git and the repositories."""

    def versions(self) -> GitVersions:
        """What Git is made of here."""
        ...

    def strays(self) -> list[str]:
        """Names in the repositories' folder that are no repository's."""
        ...

    def look(self, name: RepositoryName) -> RepositoryFacts:
        """One repository."""
        ...

    def damage(self, name: RepositoryName) -> list[str]:
        """What Git misses when it follows every ref through all of its history. Long."""
        ...


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a branch has been projected, and by which schema."""

    ref: RefName
    commit: CommitId
    schema: int


@dataclass(frozen=True, slots=True)
class CatalogueFacts:
    """The catalogue's file or database. ``unusable`` says why it cannot be read; then only what stands before it holds.

    ``revision`` is the schema's (None where it holds none), ``newest`` the one that this version writes. ``unfinished``
    counts rebuilds that have been started and not ended.
    """

    exists: bool
    newest: str
    unusable: str | None = None
    revision: str | None = None
    log_bytes: int = 0
    outbox: int = 0
    unfinished: int = 0
    reached: Mapping[RepositoryName, Reached] | None = None
    registry_id: RegistryId | None = None


class CatalogueHealth(Protocol):
    """The catalogue and the database under it."""

    def engine(self) -> str:
        """What the catalogue is kept by: ``SQLite`` or ``PostgreSQL``."""
        ...

    def version(self) -> str:
        """The database's version."""
        ...

    def missing_features(self) -> list[str]:
        """What the database ought to be able to do and is not."""
        ...

    def look(self) -> CatalogueFacts:
        """The catalogue's file."""
        ...

    def damage(self) -> list[str]:
        """What the database finds when it reads the whole file. Long."""
        ...

    def scope_of_key(self, secret_hash: str) -> str | None:
        """The scope of a key that holds; None for an unknown, revoked or expired one, or where none can be read."""
        ...


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """A file or folder; ``problem`` says why it cannot be looked at; then ``exists`` is False."""

    path: Path
    exists: bool
    is_folder: bool = False
    owner: int = -1
    mode: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The file system under a folder.

    ``total_files`` is 0 where it does not count them; ``kind`` is as the system names it (``ext4``), empty where it
    does not tell.
    """

    free_bytes: int
    total_bytes: int
    free_files: int
    total_files: int
    kind: str = ""
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a folder out. Each text says what went wrong, None where nothing did.

    ``skew_seconds`` is how far the file system's clock is ahead of the system's.
    """

    write: str | None
    pipe: str | None = None
    link: str | None = None
    run: str | None = None
    lock: str | None = None
    skew_seconds: float = 0.0


class PlaceHealth(Protocol):
    """Folders, files and file systems of this machine."""

    def look(self, path: Path) -> PlaceFacts:
        """A file or folder, links followed."""
        ...

    def disk(self, path: Path) -> DiskFacts | None:
        """The file system under a folder; None where it cannot be asked."""
        ...

    def try_out(self, path: Path) -> Trial:
        """Writes, locks and runs things in a temporary folder below ``path``, and leaves nothing."""
        ...

    def strangers(self, path: Path, owner: int) -> list[Path]:
        """What below a folder belongs to others than ``owner``; single Git objects are not looked at. Up to 100."""
        ...

    def shell(self) -> str | None:
        """What is wrong with ``/bin/sh``, which runs the hooks; None where nothing is."""
        ...

    def user(self, number: int) -> str:
        """The name of a user of this machine, or the number where it has none."""
        ...
