"""Taking content out of repositories for good (``registry.ports.purging.HistoryPurge``)."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType

from registry.adapters.git.errors import driver_errors
from registry.adapters.git.process import run_git
from registry.adapters.git.purge_marks import LIST, LIST_FILE, marked, purged_ids
from registry.adapters.git.purge_rewrite import Moved, Rewriting, hashed, is_review, writer
from registry.adapters.git.purge_search import present_objects, search_objects
from registry.adapters.git.ref_moves import sweep_locks
from registry.domain.errors import BadRequest, Conflict, Unavailable
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.domain.purging import Leak, LeakedText, Revision, Rewritten
from registry.domain.refs import RefUpdate
from registry.ports.git import Repositories
from registry.ports.purging import Moving, OpenPurge, Progress, unnoted

LONG_SECONDS = 24 * 3600.0
PUSH_SECONDS = 900.0
"""How long a push may take that was begun before: what is older was killed."""
SETTLE_SECONDS = 1.0
"""How long a write may take from its last look at the mark to the move of its ref."""

_QUARANTINES = ("tmp_objdir-*", "incoming-*")
_LEFTOVERS = (
    "tmp_*",
    "incoming-*",
    "pack/tmp_*",
    "pack/*.keep",
    "pack/.tmp-*",
    "??/tmp_obj_*",
    "pack/multi-pack-index*",
)
_GRAPHS = ("info/commit-graph", "info/commit-graphs")
_ZEROS = "0" * 40
_WHO = ("Promptuary", "promptuary@localhost")


class GitPurging:
    """Rewrites the repositories of this node."""

    def __init__(
        self, repositories: Repositories, *, settle: float = SETTLE_SECONDS, push_seconds: float = PUSH_SECONDS
    ) -> None:
        self._repositories = repositories
        self._settle = settle
        self._push_seconds = push_seconds

    @contextmanager
    def begin(self, name: RepositoryName, what: bytes, progress: Progress) -> Iterator[OpenPurge]:
        """Shuts a repository for writes and waits for pushes under way. Raises BadRequest, Unavailable."""
        path = self._path(name)
        with marked(path, what) as mark:
            while self._has_pushes(path):
                progress("waiting for pushes under way", 0, 1)
                time.sleep(0.2)
            time.sleep(self._settle)
            yield mark

    def search(self, name: RepositoryName, leaked: LeakedText, progress: Progress) -> Leak:
        """Every object that holds the text, whether a ref reaches it or not, and names of files and refs."""
        return search_objects(self._path(name), leaked, progress)

    def present(self, name: RepositoryName, ids: frozenset[str]) -> frozenset[str]:
        """Which of some objects there are."""
        return present_objects(self._path(name), ids) if ids else frozenset()

    def remembered(self, name: RepositoryName) -> frozenset[str]:
        """The ids that may not come back."""
        with _opened(self._path(name)) as repo:
            return purged_ids(repo)

    def rewrite(
        self,
        name: RepositoryName,
        revision: Revision,
        progress: Progress,
        *,
        remember: frozenset[str] | None,
        moving: Moving = unnoted,
    ) -> Rewritten:
        """Rewrites what all refs reach, and moves the refs together. Raises BadRequest, Conflict, Unavailable."""
        path = self._path(name)
        with driver_errors("rewrite the history", path), _opened(path) as repo:
            rewriting = Rewriting(repo, revision, hashed if remember is None else writer(repo))
            moved = rewriting.run(progress)
            if remember is not None:
                os.sync()  # a ref must never point to what a power cut can take away
                progress("moving refs", 0, len(moved))
                default = self._repositories.default_branch(name)
                _move(path, [*_list_move(repo, remember)])
                # After a kill between two of these, the same has to be made of the rest. So what names others moves
                # first, and last the default branch, because what becomes of label files follows from its history.
                for turn in range(3):
                    now = [each for each in moved if _turn_of(each.ref, default) == turn]
                    moving(
                        [RefUpdate(ref, CommitId(old), CommitId(new)) for ref, old, new in now],
                        partial(_move, path, now),
                    )
        paths = {blob: frozenset(found) for blob, found in rewriting.paths.items()}
        return Rewritten(rewriting.became, tuple(each.ref for each in moved), paths)

    def prune(self, name: RepositoryName, progress: Progress) -> None:
        """Drops what no ref reaches: loose objects, packs, reflogs, and what killed pushes left."""
        path = self._path(name)
        progress("dropping the old objects", 0, 1)
        run_git(path, ["reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all"], timeout=LONG_SECONDS)
        with driver_errors("drop what was left behind", path):
            for pattern in _LEFTOVERS:
                _remove(path / "objects", pattern)
            for graph in _GRAPHS:
                _remove(path / "objects", graph)
        run_git(path, ["pack-refs", "--all"])
        run_git(path, ["-c", "core.fsync=all", "repack", "-a", "-d", "-q"], timeout=LONG_SECONDS)
        run_git(path, ["prune", "--expire=now"], timeout=LONG_SECONDS)
        with driver_errors("drop what was left behind", path):
            for pack in (path / "objects/pack").glob("*.pack"):
                if not pack.with_suffix(".idx").exists():  # nobody can read it, and it is what it always was
                    pack.unlink(missing_ok=True)
        run_git(path, ["commit-graph", "write", "--reachable", "--changed-paths", "--split", "--no-progress"])

    def _path(self, name: RepositoryName) -> Path:
        path = self._repositories.path(name)
        if (path / "objects/info/alternates").exists():
            raise BadRequest(
                f"The repository {name} borrows objects from another one (objects/info/alternates), where a purge "
                "could not reach them: repack it with `git repack -a -d` and remove that file first."
            )
        return path

    def _has_pushes(self, path: Path) -> bool:
        limit = time.time() - self._push_seconds
        found = [each for pattern in _QUARANTINES for each in (path / "objects").glob(pattern)]
        return any(_changed(each) > limit for each in found)


@contextmanager
def _opened(path: Path) -> Iterator[pygit2.Repository]:
    repo = pygit2.Repository(str(path))
    try:
        yield repo
    finally:
        repo.free()


def _list_move(repo: pygit2.Repository, remember: frozenset[str]) -> Iterator[Moved]:
    """The move of the list of what may not come back; none where it holds all of it."""
    known = purged_ids(repo)
    if remember <= known:
        return
    data = "".join(f"{each}\n" for each in sorted(known | remember)).encode()
    tree = repo.TreeBuilder()
    tree.insert(LIST_FILE, repo.odb.write(ObjectType.BLOB, data), FileMode.BLOB)
    who = pygit2.Signature(*_WHO, int(time.time()), 0)
    commit = repo.create_commit(None, who, who, "What was purged\n", tree.write(), [])
    old = str(repo.references[LIST].target) if LIST in repo.references else _ZEROS
    os.sync()
    yield Moved(LIST, old, str(commit))  # type: ignore[arg-type]  # a ref's name


def _turn_of(ref: RefName, default: RefName) -> int:
    """Of three turns the one in which a ref moves."""
    return 0 if is_review(ref) else 2 if ref == default else 1


def _move(path: Path, moved: list[Moved]) -> None:
    """Moves refs in one transaction of Git. Raises Conflict where one moved meanwhile, Unavailable."""
    if not moved:
        return
    for lock in sweep_locks(path, 0):  # nobody else writes: whoever held one was killed
        lock.unlink(missing_ok=True)
    lines = ["start", *(f"update {ref} {new} {old}" for ref, old, new in moved), "prepare", "commit", ""]
    try:
        run_git(path, ["-c", "core.fsync=all", "update-ref", "--stdin", "--no-deref"], stdin="\n".join(lines).encode())
    except Unavailable as error:
        current = run_git(path, ["for-each-ref", "--format=%(refname) %(objectname)"]).decode()
        now = dict(line.split() for line in current.splitlines())
        if any(now.get(ref, _ZEROS) not in {old, new} for ref, old, new in moved):
            raise Conflict("A ref moved while the history was rewritten: nothing is lost, run it again.") from error
        raise


def _remove(folder: Path, pattern: str) -> None:
    for left in folder.glob(pattern):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _changed(folder: Path) -> float:
    """When something in a folder changed last, 0 where it is gone."""
    try:
        return max(each.stat().st_mtime for each in (folder, *folder.rglob("*")))
    except FileNotFoundError:
        return 0.0
