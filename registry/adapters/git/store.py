"""One open repository: content and history from its parts, and writing."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import pygit2

from registry.adapters.git.blame import Blame
from registry.adapters.git.comparisons import Comparisons
from registry.adapters.git.durability import flush_objects
from registry.adapters.git.errors import driver_errors
from registry.adapters.git.history import History
from registry.adapters.git.packing import beside_packing
from registry.adapters.git.purge_marks import require_open
from registry.adapters.git.ref_moves import move_ref
from registry.adapters.git.tree_edit import TreeEditor
from registry.domain.errors import Denied, Unavailable
from registry.domain.ids import CommitId
from registry.domain.refs import RefUpdate, Signature


class Pygit2Store(History, Blame):
    """GitStore on pygit2. A handle belongs to one push or turn of writes, which closes it when nothing reads any more.

    Reads may run side by side, in threads too, and ``flush`` beside them: libgit2 locks its object database and its
    caches, and a flush asks the system only. ``write_commit`` and ``move`` run alone among writes and flushes.

    With ``quarantine`` the objects of a push that is being judged are seen too, and nothing can be written: libgit2
    would move refs to objects that Git is about to throw away.
    """

    def __init__(
        self,
        path: Path,
        *,
        comparisons: Comparisons,
        quarantine: Path | None = None,
        syncfs: Callable[[int], None] | None = None,
    ) -> None:
        self.path = path
        self.comparisons = comparisons
        self.quarantine = quarantine
        self._syncfs = syncfs
        self._unflushed: list[str] = []
        self._lost: str | None = None
        with driver_errors("open the repository", path):
            self.repo = pygit2.Repository(str(path))
            if quarantine is not None:
                self.repo.odb.add_disk_alternate(str(quarantine))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.repo.free()

    def write_commit(
        self,
        parent: CommitId | None,
        changes: Mapping[str, bytes | None],
        author: Signature,
        committer: Signature,
        message: str,
    ) -> CommitId:
        """A commit on ``parent`` with files written (bytes) or removed (None). No ref moves, nothing is flushed.

        Raises RevisionNotFound for the parent, BadRequest for a path that no tree can hold, Conflict where a file
        stands in the way of a folder or the reverse, Unavailable where the disk is full or read-only.
        """
        self._may_write()
        before = self.find_commit(parent).tree.id if parent is not None else None

        def write() -> pygit2.Oid:
            editor = TreeEditor(self.repo, self._unflushed.append)
            after = editor.apply(before, changes)
            # The gate asks for it next, and numbering after that.
            self.comparisons.keep(before.raw if before is not None else None, after.raw, editor.changes())
            return self.repo.create_commit(
                None,
                _to_driver(author),
                _to_driver(committer),
                message.replace("\0", ""),
                after,
                [pygit2.Oid(hex=parent)] if parent is not None else [],
            )

        with driver_errors("write a commit", self.path):
            commit = beside_packing(write)
        self._unflushed.append(str(commit))
        return CommitId(str(commit))

    def flush(self) -> None:
        """Makes all objects written so far durable. It may run in a thread beside reads: libgit2 takes no part.

        Raises Unavailable, and from then on always: the system tells a failure once, and of objects that it could not
        write a second try would say that nothing is left to do.
        """
        self._may_write()
        if self._lost is not None:
            raise Unavailable(self._lost)
        if not self._unflushed:
            return
        try:
            with driver_errors("flush the new objects to the disk", self.path):
                flush_objects(self.path, self._unflushed, self._syncfs)
        except Unavailable as error:
            self._lost = error.message
            raise
        self._unflushed.clear()

    def move(self, update: RefUpdate) -> None:
        """Moves, creates or deletes a ref by compare-and-swap and makes that durable.

        Raises RefMoved where the ref is not at ``old`` (all zeros: must not exist) or others keep it locked,
        RevisionNotFound where ``new`` is no commit here, Unavailable where the disk refuses, a flush has failed, a
        killed writer's lock stays, or content is being purged.
        """
        self._may_write()
        if not update.deletes:
            self.find_commit(update.new)
        require_open(self.path)
        self.flush()  # a ref must never point to what a power cut can take away
        move_ref(self.path, update, "promptuary")

    def _may_write(self) -> None:
        if self.quarantine is not None:
            raise Denied("A push that is being judged can only be read.")


def _to_driver(signature: Signature) -> pygit2.Signature:
    """libgit2's signature; it refuses empty names and angle brackets."""
    offset = signature.time.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset is not None else 0
    return pygit2.Signature(
        _plain(signature.name) or "unknown",
        _plain(signature.email) or "unknown",
        int(signature.time.timestamp()),
        minutes,
    )


def _plain(text: str) -> str:
    encodable = text.encode("utf-8", "replace").decode()
    return "".join(" " if sign in "<>\n\r\0" else sign for sign in encodable).strip(" .,:;\"'\\")
