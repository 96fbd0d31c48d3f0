"""Reading refs, trees and blobs."""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import FileMode, ObjectType

from registry.adapters.git.errors import driver_errors
from registry.adapters.git.process import environment
from registry.adapters.git.purge_marks import purged_ids, require_open
from registry.adapters.git.trees import decode_path, list_files, parse_tree
from registry.domain.errors import RevisionNotFound, Unavailable
from registry.domain.ids import BlobId, CommitId, RefName
from registry.domain.refs import Entry

_HEX = re.compile(r"[0-9a-f]{7,40}", re.IGNORECASE)
_SHOWN = ("refs/heads/", "refs/tags/", "refs/merge-requests/")
_COMMITS_ONLY = ("refs/heads/", "refs/merge-requests/")  # Git lets nothing but commits in; no need to look
_FEW = 128
"""Above, `git cat-file` reads. Up to two thousand libgit2 is quicker by a fifth (packed; loose: by two thirds), but a
thread that reads with it delays whatever else the process does by 5 ms each time, `git cat-file` by a fifth of one."""


class Content:
    """The reading half of a store (GitContent)."""

    path: Path
    repo: pygit2.Repository
    quarantine: Path | None

    def refs(self) -> dict[RefName, CommitId]:
        """Every branch, tag and merge-request ref, peeled to its commit; refs that point to no commit are left out."""
        found: dict[RefName, CommitId] = {}
        with driver_errors("list the refs", self.path):
            for ref in self.repo.references.objects:
                name = ref.name
                if not name.startswith(_SHOWN):
                    continue
                if name.startswith(_COMMITS_ONLY) and isinstance(ref.target, pygit2.Oid):
                    found[RefName(name)] = CommitId(str(ref.target))
                elif (commit := _peel(ref)) is not None:
                    found[RefName(name)] = commit
        return found

    def target(self, ref: RefName) -> CommitId | None:
        """What a ref itself points to; None where it is not there, or follows another one."""
        with driver_errors("read a ref", self.path):
            found = self.repo.references.get(ref)
            return CommitId(str(found.target)) if found is not None and isinstance(found.target, pygit2.Oid) else None

    def resolve(self, revision: str) -> CommitId | None:
        """The commit of a full ref name, a branch, a tag or a commit id; None if it is none of these.

        Forty digits are always an id, as they are to Git: a branch of that name cannot stand in front of a commit.
        """
        if len(revision) == 40 and _HEX.fullmatch(revision):
            return self._by_id(revision)
        names = [revision] if revision.startswith("refs/") else [f"refs/heads/{revision}", f"refs/tags/{revision}"]
        for name in names:
            try:
                ref = self.repo.references[name]
            except (KeyError, ValueError):  # absent, or no name that a ref can have
                continue
            return _peel(ref)
        return self._by_id(revision) if _HEX.fullmatch(revision) else None

    def _by_id(self, digits: str) -> CommitId | None:
        # Twice: while git puts new packs in the place of others and removes what they hold, a look may come between.
        for _ in range(2):
            try:
                return _peel(self.repo[self.repo.expand_id(digits.lower())])
            except KeyError:  # absent
                continue
            except ValueError:  # ambiguous
                break
        return None

    def require_open(self) -> None:
        """Raises Unavailable while content is being purged, or a purge was cut off: nothing may be written."""
        require_open(self.path)

    def purged(self) -> frozenset[str]:
        """The ids of blobs, commits and tags that were purged and may not come back."""
        return purged_ids(self.repo)

    def stored(self, tip: CommitId) -> list[bytes]:
        """A commit as it is stored, with all its headers; of an annotated tag it and the tags that it leads to."""
        found: list[bytes] = []
        with driver_errors("read a commit or tag", self.path):
            target: Any = self.repo.get(tip)
            if isinstance(target, pygit2.Commit):
                return [target.read_raw()]
            while isinstance(target, pygit2.Tag):
                found.append(target.read_raw())
                target = self.repo.get(target.target)
        return found

    def entry(self, commit: CommitId, path: str) -> Entry | None:
        """The file at a path of a commit's tree, or None. Raises RevisionNotFound for a commit that is not there."""
        tree = self.tree_of(commit)
        if not path or path.startswith("/") or path.endswith("/"):
            return None
        try:
            found = tree[path]
        except (KeyError, ValueError):  # absent; NUL or nothing between two slashes
            return None
        if found.filemode == FileMode.TREE:
            return None
        return Entry(path, int(found.filemode), BlobId(str(found.id)))

    def entries(self, commit: CommitId, prefix: str = "") -> Iterator[Entry]:
        """Every file below a folder (``prompts/``) of a commit's tree, in tree order."""
        tree = self.tree_of(commit)
        folder = prefix.strip("/")
        if folder:
            try:
                found = tree[folder]
            except (KeyError, ValueError):
                return
            if found.filemode != FileMode.TREE:
                return
            start, above = found.id.raw, f"{folder}/".encode("utf-8", "surrogateescape")
        else:
            start, above = tree.id.raw, b""
        with driver_errors("read a tree", self.path):
            yield from list_files(self.read_tree, start, above)

    def children(self, commit: CommitId, folder: str) -> list[str]:
        """The paths of what lies directly in a folder (``""`` is the root), files and folders; empty where none."""
        tree = self.tree_of(commit)
        if not folder:
            return [decode_path(name) for _, name, _ in parse_tree(self.read_tree(tree.id.raw))]
        try:
            found = tree[folder]
        except (KeyError, ValueError):
            return []
        if found.filemode != FileMode.TREE:
            return []
        return [f"{folder}/{decode_path(name)}" for _, name, _ in parse_tree(self.read_tree(found.id.raw))]

    def sizes(self, blobs: Iterable[BlobId]) -> dict[BlobId, int]:
        """The sizes of blobs, without loading them; ids that are absent are left out."""
        sizes: dict[BlobId, int] = {}
        odb = self.repo.odb
        for blob in blobs:
            try:
                kind, size = odb.read_header(pygit2.Oid(hex=blob))
            except (KeyError, ValueError):
                continue
            if kind == ObjectType.BLOB:
                sizes[blob] = size
        return sizes

    def read(self, blobs: Sequence[BlobId]) -> Iterator[tuple[BlobId, bytes]]:
        """The blobs' bytes, in the order asked for. Raises RevisionNotFound for an id that is no blob here."""
        if len(blobs) > _FEW:
            yield from self._read_many(blobs)
            return
        odb = self.repo.odb
        for blob in blobs:
            try:
                kind, data = odb.read(pygit2.Oid(hex=blob))
            except (KeyError, ValueError) as error:
                raise RevisionNotFound(f"There is no blob {blob}.") from error
            if kind != ObjectType.BLOB:
                raise RevisionNotFound(f"{blob} is no blob.")
            yield blob, data

    def _read_many(self, blobs: Sequence[BlobId]) -> Iterator[tuple[BlobId, bytes]]:
        """Reads with one ``git cat-file --batch``: the ids come from a file, so that no pipe can fill up."""
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{blob}\n" for blob in blobs).encode())
            asked.seek(0)
            with subprocess.Popen(  # nosec B603, B607  # git from the PATH
                ["git", "cat-file", "--batch", "--buffer"],
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self.path,
                env=environment(self.path, self.quarantine),
                bufsize=1 << 18,
            ) as git:
                try:
                    assert git.stdout is not None
                    for blob in blobs:
                        header = git.stdout.readline().split()
                        if not header:
                            raise Unavailable("git cat-file ended before it had read everything.")
                        if header[-1] == b"missing" or header[1] != b"blob":
                            raise RevisionNotFound(f"There is no blob {blob}.")
                        yield blob, git.stdout.read(int(header[2]) + 1)[:-1]
                finally:
                    git.kill()  # a reader may stop early; the process then waits on a full pipe

    def read_tree(self, tree: bytes) -> bytes:
        """The raw bytes of a tree, by its id of 20 bytes."""
        data: bytes = self.repo.odb.read(pygit2.Oid(raw=tree))[1]
        return data

    def tree_of(self, commit: CommitId) -> pygit2.Tree:
        """The tree of a commit. Raises RevisionNotFound."""
        return self.find_commit(commit).tree

    def find_commit(self, commit: CommitId) -> pygit2.Commit:
        """libgit2's commit of an id. Raises RevisionNotFound where the id is absent or no commit."""
        try:
            found: Any = self.repo[commit]
        except (KeyError, ValueError) as error:
            raise RevisionNotFound(f"There is no commit {commit}.") from error
        if not isinstance(found, pygit2.Commit):
            raise RevisionNotFound(f"{commit} is no commit.")
        return found


def _peel(thing: pygit2.Reference | pygit2.Object) -> CommitId | None:
    """The commit that a ref, tag or commit stands for; None where it leads to something else or to nothing."""
    try:
        return CommitId(str(thing.peel(pygit2.Commit).id))
    except (pygit2.GitError, KeyError, ValueError):
        return None
