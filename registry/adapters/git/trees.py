"""Raw trees: read as bytes, compared as sets, descending only where ids differ."""

import re
from collections.abc import Callable, Iterator

from registry.domain.ids import BlobId
from registry.domain.refs import Entry, FileMode, TreeChange

_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0([\s\S]{20})")

RawEntry = tuple[bytes, bytes, bytes]
"""Mode in octal, name, id in 20 bytes: as a tree object holds them."""

ReadTree = Callable[[bytes], bytes]
"""The raw bytes of the tree with that id (20 bytes)."""

_TREE = b"40000"


def parse_tree(raw: bytes) -> list[RawEntry]:
    """The entries of a raw tree, in its order."""
    return _ENTRY.findall(raw)


def is_tree(mode: bytes) -> bool:
    """Whether an entry's mode says that it is a folder; old writers padded the mode with a zero."""
    return mode in {_TREE, b"0" + _TREE}


def decode_path(path: bytes) -> str:
    """A path as the domain sees it: bytes that are no UTF-8 survive as surrogates."""
    return path.decode("utf-8", "surrogateescape")


def make_entry(path: bytes, mode: bytes, object_id: bytes) -> Entry:
    """The domain's entry of a raw one."""
    return Entry(decode_path(path), int(mode, 8), BlobId(object_id.hex()))


def list_files(read: ReadTree, tree: bytes, prefix: bytes) -> Iterator[Entry]:
    """Every file below a tree, in tree order; submodules and symbolic links are entries too."""
    stack = [(prefix, iter(parse_tree(read(tree))))]
    while stack:
        folder, entries = stack[-1]
        for mode, name, object_id in entries:
            if is_tree(mode):
                stack.append((folder + name + b"/", iter(parse_tree(read(object_id)))))
                break
            yield make_entry(folder + name, mode, object_id)
        else:
            stack.pop()


def diff_trees(read: ReadTree, old: bytes | None, new: bytes | None) -> list[TreeChange]:
    """The files that differ between two trees, sorted by path; None stands for the empty tree."""
    removed: dict[bytes, Entry] = {}
    added: dict[bytes, Entry] = {}
    _compare(read, old, new, b"", removed, added)
    paths = sorted(removed.keys() | added.keys())
    return [TreeChange(decode_path(path), removed.get(path), added.get(path)) for path in paths]


def _compare(
    read: ReadTree,
    old: bytes | None,
    new: bytes | None,
    prefix: bytes,
    removed: dict[bytes, Entry],
    added: dict[bytes, Entry],
) -> None:
    """Collects what two folders differ in; a folder on one side only is listed whole."""
    before = set(parse_tree(read(old))) if old else set()
    after = set(parse_tree(read(new))) if new else set()
    folders: dict[bytes, list[bytes | None]] = {}
    for side, entries, found in ((0, before - after, removed), (1, after - before, added)):
        for mode, name, object_id in entries:
            if is_tree(mode):
                folders.setdefault(name, [None, None])[side] = object_id
            else:
                found[prefix + name] = make_entry(prefix + name, mode, object_id)
    for name, (left, right) in folders.items():
        _compare(read, left, right, prefix + name + b"/", removed, added)


REGULAR_MODES = frozenset({FileMode.REGULAR, FileMode.EXECUTABLE})
"""The modes that a file keeps when it is written anew."""
