"""Looking through every object of a repository, reachable or not."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from registry.adapters.git.errors import reason_of
from registry.adapters.git.process import environment, run_git
from registry.adapters.git.purge_objects import clean_object
from registry.adapters.git.trees import decode_path, parse_tree
from registry.domain.errors import Unavailable
from registry.domain.ids import BlobId, CommitId
from registry.domain.purging import Leak, LeakedText
from registry.ports.purging import Progress

_TOLD_EACH = 1_000
_MOST_NAMES = 20


def search_objects(path: Path, leaked: LeakedText, progress: Progress) -> Leak:
    """Every object that holds a text, and names of files and refs. Long. Raises Unavailable."""
    blobs: set[BlobId] = set()
    commits: set[CommitId] = set()
    tags: set[str] = set()
    names = {ref for ref in _refs(path) if leaked.stands_in(ref.encode("utf-8", "surrogateescape"))}
    total = count_objects(path)
    for number, (object_id, kind, data) in enumerate(_objects(path)):
        if number % _TOLD_EACH == 0:
            progress("searching", number, total)
        if not leaked.stands_in(data):
            continue
        if kind == "blob":
            blobs.add(BlobId(object_id))
        elif kind == "tree":
            names.update(decode_path(name) for _, name, _ in parse_tree(data) if leaked.stands_in(name))
        elif clean_object(data, leaked.removed_from, {}) != data:
            commits.add(CommitId(object_id)) if kind == "commit" else tags.add(object_id)
    return Leak(frozenset(blobs), frozenset(commits), frozenset(tags), tuple(sorted(names)[:_MOST_NAMES]))


def present_objects(path: Path, ids: frozenset[str]) -> frozenset[str]:
    """Which of some objects there are."""
    asked = "".join(f"{each}\n" for each in sorted(ids)).encode()
    answers = run_git(path, ["cat-file", "--batch-check"], stdin=asked).decode().splitlines()
    return frozenset(line.split()[0] for line in answers if not line.endswith(" missing"))


def count_objects(path: Path) -> int:
    """How many objects there are, about."""
    said = dict(line.split(": ", 1) for line in run_git(path, ["count-objects", "-v"]).decode().splitlines())
    return int(said.get("count", 0)) + int(said.get("in-pack", 0))


def _refs(path: Path) -> list[str]:
    return run_git(path, ["for-each-ref", "--format=%(refname)"]).decode("utf-8", "surrogateescape").splitlines()


def _objects(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """Id, kind and bytes of every object, in the order in which they lie. Raises Unavailable."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch", "--buffer", "--unordered"]
    with subprocess.Popen(  # nosec B603  # a fixed command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=path, env=environment(path), bufsize=1 << 18
    ) as git:
        assert git.stdout is not None
        assert git.stderr is not None
        try:
            while header := git.stdout.readline().split():
                object_id, kind, size = (part.decode() for part in header)
                yield object_id, kind, git.stdout.read(int(size) + 1)[:-1]
            if git.wait(60):
                said = git.stderr.read().decode(errors="replace")
                raise Unavailable(f"The objects cannot be read: {reason_of(said, path)}. Run git fsck.")
        finally:
            git.kill()
