"""The bare repositories below one folder of this machine."""

import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

from registry.adapters.fsync import fsync_path
from registry.adapters.git.bare import configure, make_bare
from registry.adapters.git.comparisons import Comparisons
from registry.adapters.git.durability import find_syncfs
from registry.adapters.git.errors import driver_errors
from registry.adapters.git.hook_files import install_hooks
from registry.adapters.git.process import run_git
from registry.adapters.git.purge_marks import require_open
from registry.adapters.git.ref_moves import sweep_locks
from registry.adapters.git.store import Pygit2Store
from registry.domain.errors import BadRequest, RepositoryExists, RepositoryNotFound, Unavailable
from registry.domain.ids import RefName, RepositoryName
from registry.domain.names import repository_name

log = logging.getLogger(__name__)

_SUFFIX = ".git"
_NEW = ".new-"
_LEFT_BEHIND_SECONDS = 24 * 3600
_STALE_LOCK_SECONDS = 5

LONG_SECONDS = 6 * 3600.0
"""How long the upkeep of one repository may take: on a slow disk the first packing after an import takes its time."""


class LocalRepositories:
    """Repositories at ``<root>/<name>.git``.

    ``hook_command`` is the path of the promptuary program, which the hooks run for a push without the server.
    """

    def __init__(self, root: Path, *, hook_command: str) -> None:
        self._root = root.absolute()
        self._hook_command = hook_command
        self._syncfs = find_syncfs()
        self._comparisons = Comparisons()
        self._default_branches: dict[RepositoryName, RefName] = {}

    def names(self) -> list[RepositoryName]:
        """Every repository, sorted."""
        if not self._root.is_dir():
            return []
        found = []
        for entry in self._root.iterdir():
            if entry.name.endswith(_SUFFIX) and (entry / "HEAD").is_file():
                try:
                    found.append(repository_name(entry.name.removesuffix(_SUFFIX)))
                except BadRequest:
                    log.warning("%s is no repository name: the folder is left alone", entry.name)
        return sorted(found)

    def create(self, name: RepositoryName, *, default_branch: str = "main") -> None:
        """Makes a bare repository in the files ref format with Promptuary's hooks and settings.

        It appears whole or not at all. Raises RepositoryExists, BadRequest for a name that is none, Unavailable.
        """
        target = self._root / f"{repository_name(name)}{_SUFFIX}"
        if target.exists():
            raise RepositoryExists(f"There is a repository {name} already.")
        with driver_errors("make the repository", target):
            self._root.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._root))
            try:
                made.chmod(0o755)
                make_bare(made, default_branch)
                configure(made, self._hook_command)
                install_hooks(made)
                self._sync(made)
                made.rename(target)
            except OSError:
                shutil.rmtree(made, ignore_errors=True)
                if target.exists():
                    raise RepositoryExists(f"There is a repository {name} already.") from None
                raise
            fsync_path(self._root)

    def _sync(self, folder: Path) -> None:
        if self._syncfs is None:
            os.sync()
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            self._syncfs(descriptor)
        finally:
            os.close(descriptor)

    def open(self, name: RepositoryName, *, quarantine: Path | None = None) -> Pygit2Store:
        """Opens a repository; ``quarantine`` names the folder with the objects of a push that is being judged.

        A store opened with a quarantine reads only; its writing methods raise. Raises RepositoryNotFound, BadRequest
        for a quarantine that lies elsewhere, Unavailable for a repository that cannot be used.
        """
        path = self.path(name)
        if quarantine is not None:
            quarantine = quarantine.resolve()
            if quarantine.parent != (path / "objects").resolve():
                raise BadRequest("The quarantine does not belong to the repository.")
        return Pygit2Store(path, comparisons=self._comparisons, quarantine=quarantine, syncfs=self._syncfs)

    def path(self, name: RepositoryName) -> Path:
        """Where the bare repository lies.

        Raises RepositoryNotFound, Unavailable where it belongs to another user (Git would refuse to use it).
        """
        try:
            path = self._root / f"{repository_name(name)}{_SUFFIX}"
            owner = path.stat().st_uid if (path / "HEAD").is_file() else None
        except (BadRequest, OSError):
            owner = None
        if owner is None:
            raise RepositoryNotFound(f"There is no repository {name!r}.")
        if owner != os.geteuid():
            raise Unavailable(
                f"The repository {name} belongs to another user (uid {owner}); the server runs as uid {os.geteuid()}. "
                "Give the folder to that user (chown -R) or run the server as its owner."
            )
        return path

    def default_branch(self, name: RepositoryName) -> RefName:
        """The full name of the default branch, fixed at init (HEAD), so it is read once."""
        known = self._default_branches.get(name)
        if known is None:
            known = self._default_branches[name] = self._read_default_branch(name)
        return known

    def has_commits(self, name: RepositoryName) -> bool:
        """Whether the default branch has commits."""
        with self.open(name) as store:
            return store.resolve(self.default_branch(name)) is not None

    def _read_default_branch(self, name: RepositoryName) -> RefName:
        path = self.path(name)
        with driver_errors("read HEAD", path):
            head = (path / "HEAD").read_text("utf-8", "replace").strip()
        if not head.startswith("ref: refs/heads/"):
            raise Unavailable(f"HEAD of the repository {name} names no branch: git symbolic-ref HEAD refs/heads/main")
        return RefName(head.removeprefix("ref: "))

    def prepare(self) -> None:
        """What the server does at its start: hooks and settings as this version has them, leavings of crashes swept.

        A repository that cannot be prepared is logged and stays unusable for pushes; the others go on.
        """
        if not self._root.is_dir():
            return
        for entry in self._root.iterdir():
            if entry.name.startswith(_NEW) and _age(entry) > _LEFT_BEHIND_SECONDS:
                shutil.rmtree(entry, ignore_errors=True)
        for name in self.names():
            try:
                self.prepare_one(name)
            except Unavailable as error:
                log.error("repository %s: %s", name, error.message)  # noqa: TRY400 - the message is all there is to it

    def prepare_one(self, name: RepositoryName) -> None:
        """Prepares one repository. Raises RepositoryNotFound, Unavailable."""
        path = self.path(name)
        self.open(name).repo.free()  # fails here, with the reason, for a ref format that cannot be used
        with driver_errors("prepare the repository", path):
            configure(path, self._hook_command)
            install_hooks(path)
            for lock in sweep_locks(path, _STALE_LOCK_SECONDS):
                log.warning("removed the lock %s, which a killed process left", lock)
            for left in (path / "objects").glob("tmp_*"):
                if _age(left) > _LEFT_BEHIND_SECONDS:
                    shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)

    def extend_commit_graph(self, name: RepositoryName) -> None:
        """Adds new commits, with the paths that they changed, to what makes ``log`` fast. Long (5 ms a push)."""
        require_open(self.path(name))
        run_git(
            self.path(name), ["commit-graph", "write", "--reachable", "--changed-paths", "--split", "--no-progress"]
        )

    def maintain(self, name: RepositoryName) -> None:
        """Packs loose objects, joins small packs and writes one index over all; drops nothing. Long.

        Safe beside readers and writers: who has opened a pack that goes keeps it, who has not looks for the new one.
        """
        require_open(self.path(name))  # what it packs could be what is about to go
        run_git(self.path(name), ["repack", "--geometric=2", "-d", "-q", "--write-midx"], timeout=LONG_SECONDS)
        self.extend_commit_graph(name)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
