"""Commits straight through libgit2: the trees on the path rebuilt, nothing checked, nothing projected."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import FileMode, Option

BRANCH = "refs/heads/main"


def commit_files(repo: pygit2.Repository, files: Mapping[str, bytes], message: str = "bench\n") -> str:
    """Commits files onto main; objects and ref are fsynced where ``fsynced`` is open."""
    # Of now, as anybody's: of commits that are older than their parents git and libgit2 walk the whole history.
    who = pygit2.Signature("Bench", "bench@example.com", int(time.time()), 0)
    parent = repo.references[BRANCH].target
    tree: Any = repo[parent].tree
    for path, data in files.items():
        tree = repo[_write(repo, tree, path.split("/"), data)]
    commit = repo.create_commit(None, who, who, message, tree.id, [parent])
    repo.references[BRANCH].set_target(commit)
    return str(commit)


def _write(repo: pygit2.Repository, tree: Any, segments: list[str], data: bytes) -> pygit2.Oid:
    builder = repo.TreeBuilder(tree) if tree is not None else repo.TreeBuilder()
    name, *below = segments
    if not below:
        builder.insert(name, repo.create_blob(data), FileMode.BLOB)
    else:
        inner = tree[name] if tree is not None and name in tree else None
        builder.insert(name, _write(repo, inner, below, data), FileMode.TREE)
    return builder.write()


def open_fsynced(path: Path) -> pygit2.Repository:
    """A handle that fsyncs each object and ref that it writes; the switch holds for the whole process from now on."""
    pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)
    return pygit2.Repository(str(path))


def timed_commit(repo: pygit2.Repository, path: str, data: bytes) -> float:
    """Milliseconds of one commit of one file."""
    started = time.perf_counter()
    commit_files(repo, {path: data})
    return (time.perf_counter() - started) * 1000
