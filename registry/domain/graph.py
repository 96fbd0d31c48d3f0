"""Which template includes which at one commit, and the digests that follow from it.

Edges come from the files' bytes (``includes.raw_includes``), so broken files and cycles have closures and digests too.

The digest ``closure/v1`` of a template is the SHA-256 of these bytes::

    closure/v1 LF
    name NUL blob-id LF          one line for the template and for everything that it reaches, sorted by name

with names in UTF-8, sorted by code point (which is the order of their bytes too), blob ids as 40 lower-case
hexadecimal digits, and the word ``missing`` in place of the blob id where there is no such file. Names hold no LF and
a blob id no NUL, so two closures never give the same bytes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

from registry.domain.ids import BlobId, Digest, TemplateName

_NONE: frozenset[TemplateName] = frozenset()
_MANY_SETS = 1_000

Closure: TypeAlias = tuple[tuple[TemplateName, BlobId | None], ...]
"""The pairs (name, blob id or None where missing) that a template reaches, itself included, sorted by name."""


@dataclass(frozen=True, slots=True)
class Change:
    """A template's file is now ``blob`` and includes these names; ``blob`` None means that it was removed."""

    name: TemplateName
    blob: BlobId | None
    includes: frozenset[TemplateName] = frozenset()


def closure_digest(closure: Closure) -> Digest:
    """The digest ``closure/v1`` of a closure as ``TemplateGraph.closure`` gives it."""
    lines = "".join([f"{name}\0{blob or 'missing'}\n" for name, blob in closure])
    return Digest(hashlib.sha256(b"closure/v1\n" + lines.encode()).hexdigest())


class TemplateGraph:
    """Templates and their includes at one commit. Mutable by ``apply``; ``overlay`` leaves it untouched.

    ``blobs`` maps every template that exists to its blob id, read-only for callers. Memory: about 270 bytes a
    template; equal sets of includes are stored once.
    """

    blobs: Mapping[TemplateName, BlobId]

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        self._blobs: dict[TemplateName, BlobId] = {}
        self._includes: dict[TemplateName, frozenset[TemplateName]] = {}
        self._includers: dict[TemplateName, set[TemplateName]] = {}
        self._known_sets: dict[frozenset[TemplateName], frozenset[TemplateName]] = {}
        self.blobs = self._blobs
        self.apply(changes)

    def apply(self, changes: Iterable[Change]) -> None:
        """Makes the changes; of several for one name the last holds. Removing what is not there does nothing."""
        for change in changes:
            name = change.name
            new = change.includes if change.blob is not None else _NONE
            old = self._includes.get(name, _NONE)
            if change.blob is None:
                self._blobs.pop(name, None)
            else:
                self._blobs[name] = change.blob
            if new == old:
                continue
            for gone in old - new:
                self._unlink(gone, name)
            for added in new - old:
                self._includers.setdefault(added, set()).add(name)
            if new:
                self._includes[name] = self._known_sets.setdefault(new, new)
            else:
                del self._includes[name]
        if len(self._known_sets) > 2 * len(self._includes) + _MANY_SETS:
            self._known_sets = {known: known for known in self._includes.values()}

    def overlay(self, changes: Iterable[Change]) -> "TemplateGraph":
        """A view with ``changes`` on top; costs only as much as the changes. This graph must not change meanwhile."""
        return _Overlay(self, changes)

    def blob(self, name: TemplateName) -> BlobId | None:
        """The template's blob id, None where it does not exist."""
        return self._blobs.get(name)

    def includes(self, name: TemplateName) -> frozenset[TemplateName]:
        """What the template's file includes directly, missing names among them."""
        return self._includes.get(name, _NONE)

    def includers(self, name: TemplateName) -> frozenset[TemplateName]:
        """The templates whose files include ``name`` directly; ``name`` itself need not exist."""
        return frozenset(self._includers_of(name))

    def spread(self, names: Iterable[TemplateName]) -> dict[TemplateName, TemplateName]:
        """Everything that a change of ``names`` reaches, each with the one of ``names`` that reaches it.

        A name itself stands there with itself; any other with the nearest of ``names`` along its includes, and of
        several equally near the first by name.
        """
        reached: dict[TemplateName, TemplateName] = {name: name for name in names}
        frontier: dict[TemplateName, TemplateName] = reached.copy()
        while frontier:
            following: dict[TemplateName, TemplateName] = {}
            for name, cause in frontier.items():
                for includer in self._includers_of(name):
                    if includer not in reached and not following.get(includer, cause) < cause:
                        following[includer] = cause
            reached.update(following)
            frontier = following
        return reached

    def affected(self, names: Iterable[TemplateName]) -> set[TemplateName]:
        """``names`` and everything that includes them, directly or through others."""
        return set(self.spread(names))

    def closure(self, name: TemplateName) -> Closure:
        """The template and all that it reaches; a name that does not exist is alone in its closure, with None."""
        if not self.includes(name):
            return ((name, self.blob(name)),)
        seen = {name}
        waiting = [name]
        while waiting:
            new = self.includes(waiting.pop()) - seen
            seen |= new
            waiting += new
        return tuple([(each, self.blob(each)) for each in sorted(seen)])

    def digest(self, name: TemplateName) -> Digest:
        """The digest ``closure/v1`` of the template's closure."""
        return closure_digest(self.closure(name))

    def _includers_of(self, name: TemplateName) -> AbstractSet[TemplateName]:
        return self._includers.get(name, _NONE)

    def _unlink(self, name: TemplateName, includer: TemplateName) -> None:
        includers = self._includers[name]
        includers.discard(includer)
        if not includers:
            del self._includers[name]


class _Overlay(TemplateGraph):
    """A graph over another one that holds only what differs.

    The inherited ``_includes`` and ``_includers`` hold changed names' new includes and the includers among them;
    includers that the base knows count only where their file is not among the changed ones.
    """

    def __init__(self, base: TemplateGraph, changes: Iterable[Change]) -> None:
        self._base = base
        self._changed: dict[TemplateName, BlobId | None] = {}
        super().__init__(changes)
        self.blobs = _OverlaidBlobs(base.blobs, self._changed)

    def apply(self, changes: Iterable[Change]) -> None:
        kept = list(changes)
        super().apply(kept)
        for change in kept:
            self._changed[change.name] = change.blob

    def blob(self, name: TemplateName) -> BlobId | None:
        return self._changed[name] if name in self._changed else self._base.blob(name)

    def includes(self, name: TemplateName) -> frozenset[TemplateName]:
        return self._includes.get(name, _NONE) if name in self._changed else self._base.includes(name)

    def _includers_of(self, name: TemplateName) -> AbstractSet[TemplateName]:
        below = self._base._includers_of(name)  # noqa: SLF001  (the same class, seen through its subclass)
        own = self._includers.get(name, _NONE)
        if self._changed.keys().isdisjoint(below):
            return below | own if own else below
        return (below - self._changed.keys()) | own


class _OverlaidBlobs(Mapping[TemplateName, BlobId]):
    """The blobs of an overlay: the base's, with the changed ones replaced or gone."""

    def __init__(self, base: Mapping[TemplateName, BlobId], changed: Mapping[TemplateName, BlobId | None]) -> None:
        self._base = base
        self._changed = changed

    def __getitem__(self, name: TemplateName) -> BlobId:
        if name not in self._changed:
            return self._base[name]
        blob = self._changed[name]
        if blob is None:
            raise KeyError(name)
        return blob

    def __iter__(self) -> Iterator[TemplateName]:
        yield from (name for name in self._base if name not in self._changed)
        yield from (name for name, blob in self._changed.items() if blob is not None)

    def __len__(self) -> int:
        gone = sum(1 for name in self._changed if name in self._base)
        return len(self._base) - gone + sum(1 for blob in self._changed.values() if blob is not None)
