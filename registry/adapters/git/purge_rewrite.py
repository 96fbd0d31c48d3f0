"""Rewriting everything that refs reach: trees, commits and tags anew where something in them changes."""

import hashlib
from collections import ChainMap, defaultdict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pygit2
from pygit2.enums import ObjectType, SortMode

from registry.adapters.git.packing import beside_packing
from registry.adapters.git.purge_marks import LIST
from registry.adapters.git.purge_objects import clean_object, follow_ids
from registry.adapters.git.trees import decode_path, is_tree, parse_tree
from registry.domain.ids import BlobId, CommitId, RefName
from registry.domain.purging import Revision
from registry.domain.refs import FileMode
from registry.ports.purging import Progress

_FILES = frozenset({FileMode.REGULAR, FileMode.EXECUTABLE, FileMode.SYMLINK})
_TOLD_EACH = 100
_KINDS = {ObjectType.BLOB: b"blob", ObjectType.TREE: b"tree", ObjectType.COMMIT: b"commit", ObjectType.TAG: b"tag"}

Write = Callable[[ObjectType, bytes], bytes]
"""Writes an object, or only says its id: 20 bytes."""


class Moved(NamedTuple):
    """A ref with the ids that it pointed to and is to point to, in hexadecimal digits."""

    ref: RefName
    old: str
    new: str


def is_review(ref: str) -> bool:
    """Whether a ref's files name commits of others: the record of a merge request."""
    return ref.startswith("refs/merge-requests/") and ref.endswith("/meta")


def hashed(kind: ObjectType, data: bytes) -> bytes:
    """The id of an object that is not written."""
    head = _KINDS[kind] + b" %d\0" % len(data)
    return hashlib.sha1(head + data, usedforsecurity=False).digest()


def writer(repo: pygit2.Repository) -> Write:
    """Writes objects, each once."""
    return lambda kind, data: beside_packing(partial(repo.odb.write, kind, data)).raw


class Rewriting:
    """One pass over a repository; the same objects always become the same."""

    def __init__(self, repo: pygit2.Repository, revision: Revision, write: Write) -> None:
        self._repo = repo
        self._revision = revision
        self._write = write
        self._trees: dict[tuple[bool, bytes, bytes], bytes] = {}
        self._follows = False
        """Whether files of the commits that come now name others, whose ids have to follow."""
        self._tags: dict[str, str] = {}
        self._ids: dict[bytes, bytes] = {}
        """Old ids of trees, commits and tags that change to new ones, in hexadecimal digits."""
        self.paths: defaultdict[BlobId, set[str]] = defaultdict(set)
        self.became: dict[CommitId, CommitId] = {}

    def run(self, progress: Progress) -> list[Moved]:
        """The refs that have to move. Raises BadRequest where a file cannot be changed."""
        targets = {RefName(ref.name): ref.target for ref in self._repo.references.objects if ref.name != LIST}
        found = {ref: str(target) for ref, target in targets.items() if isinstance(target, pygit2.Oid)}
        reviews = {target for ref, target in found.items() if is_review(ref)}
        plain = self._walk({*found.values()} - reviews)
        known = set(plain)
        # Reviews name commits in their files: those have to be known by then.
        steps = [*plain, *(commit for commit in self._walk(reviews) if commit not in known)]
        for number, commit in enumerate(steps):
            if number % _TOLD_EACH == 0:
                progress("rewriting", number, len(steps))
            self._follows = number >= len(plain)
            self._rewrite_commit(commit)
        moved = [Moved(ref, old, self._rewrite_target(old)) for ref, old in sorted(found.items())]
        return [each for each in moved if each.old != each.new]

    def _walk(self, targets: set[str]) -> list[pygit2.Oid]:
        """What targets of refs reach, parents first."""
        walker = self._repo.walk(None, SortMode.TOPOLOGICAL | SortMode.REVERSE)
        for target in targets:
            commit = self._commit_behind(target)
            if commit is not None:
                walker.push(commit)
        return [commit.id for commit in walker]

    def _commit_behind(self, target: str) -> pygit2.Oid | None:
        try:
            return self._repo[target].peel(pygit2.Commit).id
        except (pygit2.GitError, KeyError, ValueError):
            return None

    def _rewrite_commit(self, commit: pygit2.Oid) -> None:
        raw = self._repo.odb.read(commit)[1]
        tree = raw[5:45]
        new_tree = self._rewrite_tree(b"", bytes.fromhex(tree.decode())).hex().encode()
        new = clean_object(raw, self._revision.text, ChainMap({tree: new_tree}, self._ids))
        if new != raw:
            written = self._write(ObjectType.COMMIT, new).hex()
            self._ids[str(commit).encode()] = written.encode()
            self.became[CommitId(str(commit))] = CommitId(written)

    def _rewrite_tree(self, folder: bytes, tree: bytes) -> bytes:
        known = self._trees.get((self._follows, folder, tree))
        if known is not None:
            return known
        raw = self._repo.odb.read(pygit2.Oid(raw=tree))[1]
        entries = parse_tree(raw)
        new = [(mode, name, self._rewrite_entry(mode, folder + name, object_id)) for mode, name, object_id in entries]
        changed = tree
        if new != entries:
            changed = self._write(ObjectType.TREE, b"".join(b"%s %s\0%s" % entry for entry in new))
        self._trees[self._follows, folder, tree] = changed
        return changed

    def _rewrite_entry(self, mode: bytes, path: bytes, object_id: bytes) -> bytes:
        if is_tree(mode):
            return self._rewrite_tree(path + b"/", object_id)
        if int(mode, 8) not in _FILES:
            return object_id
        blob, where = BlobId(object_id.hex()), decode_path(path)
        data = self._revision.file(where, blob, lambda: self._read(object_id))
        if self._follows:
            old = data if data is not None else self._read(object_id)
            new = follow_ids(old, self._ids)
            data = new if new != old else data
        if data is None:
            return object_id
        self.paths[blob].add(where)
        return self._write(ObjectType.BLOB, data)

    def _read(self, object_id: bytes) -> bytes:
        data: bytes = self._repo.odb.read(pygit2.Oid(raw=object_id))[1]
        return data

    def _rewrite_target(self, target: str) -> str:
        """What a ref is to point to: a commit, or a tag that is itself written anew."""
        if target in self._tags:
            return self._tags[target]
        kind, raw = self._repo.odb.read(pygit2.Oid(hex=target))
        new = self._ids.get(target.encode(), target.encode()).decode()
        if kind == ObjectType.TAG:
            inner = raw.split(b"\n", 1)[0].removeprefix(b"object ")
            ids = ChainMap({inner: self._rewrite_target(inner.decode()).encode()}, self._ids)
            cleaned = clean_object(raw, self._revision.text, ids)
            new = target if cleaned == raw else self._write(ObjectType.TAG, cleaned).hex()
        self._tags[target] = new
        return new
