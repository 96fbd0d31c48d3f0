"""Edits of paths to a new tree: only the trees on the changed paths are read and rebuilt."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pygit2
from pygit2.enums import FileMode as GitMode

from registry.adapters.git.trees import REGULAR_MODES
from registry.domain.errors import BadRequest, Conflict
from registry.domain.ids import BlobId
from registry.domain.refs import Entry, TreeChange

Edits: TypeAlias = "dict[str, Edits | bytes | None]"
"""Edits of one folder: name -> bytes (write), None (remove) or the edits of the folder of that name.

In edits of removals the name ``""`` means: remove the folder's own path too, where that is a file.
"""

_FORBIDDEN = frozenset({"", ".", ".."})


class TreeEditor:
    """Writes the blobs and trees of one change, unsynced; ``wrote`` is told the id of each."""

    def __init__(self, repo: pygit2.Repository, wrote: Callable[[str], None]) -> None:
        self._repo = repo
        self._wrote = wrote
        self._changes: list[TreeChange] = []

    def changes(self) -> list[TreeChange]:
        """What ``apply`` has changed, in the words and the order of a comparison of the two trees."""
        return sorted(self._changes, key=lambda change: change.path.encode("utf-8", "surrogateescape"))

    def apply(self, tree: pygit2.Oid | None, changes: Mapping[str, bytes | None]) -> pygit2.Oid:
        """The id of the tree (None: the empty one) with the changes made.

        Raises BadRequest for a path that no tree can hold, Conflict where a file would have to be a folder too.
        """
        writes, removals = _nested(changes)
        result = self._edit(tree, removals, "")
        result = self._edit(result, writes, "")
        return result if result is not None else self._kept(self._repo.TreeBuilder().write())

    def _kept(self, written: pygit2.Oid) -> pygit2.Oid:
        self._wrote(str(written))
        return written

    def _edit(self, tree: pygit2.Oid | None, edits: Edits, folder: str) -> pygit2.Oid | None:
        """The folder's new tree; None where nothing is left in it."""
        if not edits:
            return tree
        builder = self._repo.TreeBuilder(tree) if tree is not None else self._repo.TreeBuilder()
        for name, edit in edits.items():
            if not name:
                continue
            present: Any = builder.get(name)  # None where there is none, whatever the stubs say
            is_folder = present is not None and present.filemode == GitMode.TREE
            if isinstance(edit, dict):
                self._edit_folder(builder, name, edit, f"{folder}{name}/", present if is_folder else None)
            elif edit is None:
                if present is not None and not is_folder:
                    builder.remove(name)
                    self._note(f"{folder}{name}", present, None)
            elif is_folder:
                raise Conflict(f"{folder}{name} is a folder, so no file can be written there.")
            else:
                keep = present is not None and present.filemode in REGULAR_MODES
                mode = present.filemode if keep else GitMode.BLOB
                blob = self._kept(self._repo.create_blob(edit))
                builder.insert(name, blob, mode)
                self._note(f"{folder}{name}", present, (mode, blob))
        return self._kept(builder.write()) if len(builder) else None

    def _edit_folder(self, builder: pygit2.TreeBuilder, name: str, edits: Edits, folder: str, present: Any) -> None:
        in_the_way: Any = builder.get(name) if present is None else None
        if in_the_way is not None:
            if _writes(edits):
                raise Conflict(f"{folder.rstrip('/')} is a file, so nothing can be written below it.")
            if "" in edits:
                builder.remove(name)
                self._note(folder.rstrip("/"), in_the_way, None)
            return
        if present is None and not _writes(edits):
            return  # removals below a folder that is not there
        below = self._edit(present.id if present is not None else None, edits, folder)
        if below is not None:
            builder.insert(name, below, GitMode.TREE)
        elif present is not None:
            builder.remove(name)

    def _note(self, path: str, old: Any, new: tuple[int, pygit2.Oid] | None) -> None:
        before = Entry(path, int(old.filemode), BlobId(str(old.id))) if old is not None else None
        after = Entry(path, int(new[0]), BlobId(str(new[1]))) if new is not None else None
        if before != after:
            self._changes.append(TreeChange(path, before, after))


def _nested(changes: Mapping[str, bytes | None]) -> tuple[Edits, Edits]:
    """The changes as two trees of edits, writes and removals: a file may make room for a folder and the reverse."""
    writes: Edits = {}
    removals: Edits = {}
    for path, data in changes.items():
        *folders, name = _segments(path, written=data is not None)
        at = removals if data is None else writes
        for folder in folders:
            below = at.setdefault(folder, {})
            if not isinstance(below, dict):
                if data is not None:
                    raise Conflict(f"{path} cannot be written: a part of its path is written as a file.")
                at[folder] = below = {"": None}  # both a path and something below it are removed
            at = below
        below = at.get(name)
        if isinstance(below, dict):
            if data is not None:
                raise Conflict(f"{path} cannot be a file: something below it is written too.")
            below[""] = None
            continue
        at[name] = data
    return writes, removals


def _segments(path: str, *, written: bool) -> list[str]:
    """The parts of a path. Raises BadRequest for what Git refuses to hold, or what only a removal may name."""
    segments = path.split("/")
    if any(segment in _FORBIDDEN or segment.lower() == ".git" or "\0" in segment for segment in segments):
        raise BadRequest(f"{path!r} is no path in a repository.")
    if written and not path.isascii() and path != path.encode("utf-8", "replace").decode():
        raise BadRequest(f"{path!r} is not UTF-8.")
    return segments


def _writes(edits: Edits) -> bool:
    return any(_writes(edit) if isinstance(edit, dict) else edit is not None for edit in edits.values())
