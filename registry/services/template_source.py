"""Loading what a version consists of: its source, its parsed document and its partials, cached by digest."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from cachetools import LRUCache

from registry.domain.errors import VersionNotFound
from registry.domain.graph import Closure, closure_digest
from registry.domain.ids import BlobId, Digest, TemplateName
from registry.domain.names import template_path
from registry.domain.template import Template
from registry.domain.template_file import read_template
from registry.domain.tombstones import require_not_purged

LOADED_BYTES = 67_108_864
"""How much memory the loaded states take at most, about."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A valid state of a template as answers show it."""

    source: str
    document: Mapping[str, Any]
    partials: Mapping[TemplateName, str]


@dataclass(frozen=True, slots=True)
class Loaded(Shown):
    """A valid state of a template, whole."""

    digest: Digest
    template: Template
    partial_templates: Mapping[TemplateName, Template]

    def weight(self) -> int:
        """The bytes that it takes in memory, about: parsed, a text takes up to twice itself, a short one eight KiB."""
        texts = (self.source, *self.partials.values())
        return sum(8192 + 3 * getsizeof(text) for text in texts)


class TemplateSource:
    """Parses bodies; what has one digest is parsed once while it stays in the cache."""

    def __init__(self, *, max_bytes: int = LOADED_BYTES) -> None:
        self._loaded: LRUCache[tuple[TemplateName, Digest], Loaded] = LRUCache(max_bytes, getsizeof=Loaded.weight)

    def find(self, name: TemplateName, digest: Digest) -> Loaded | None:
        """What was loaded before."""
        return self._loaded.get((name, digest))

    def load(self, name: TemplateName, closure: Closure, bodies: Mapping[BlobId, str]) -> Loaded:
        """Parses a closure. Raises VersionNotFound where it is not valid (no valid version is ever so)."""
        digest = closure_digest(closure)
        files = {
            member: read_template(bodies[blob].encode(), template_path(member))
            for member, blob in closure
            if blob is not None and blob in bodies
        }
        own = files.get(name)
        if own is None or own.template is None or own.document is None:
            require_not_purged(name, closure, bodies)
            reason = str(own.diagnostics[0]) if own and own.diagnostics else "its file is missing"
            raise VersionNotFound(f"This state of {name} is not valid and is not served: {reason}")
        loaded = Loaded(
            digest=digest,
            source=bodies[next(blob for member, blob in closure if member == name and blob is not None)],
            document=own.document,
            template=own.template,
            partials={m: bodies[blob] for m, blob in closure if m != name and blob is not None and blob in bodies},
            partial_templates={m: f.template for m, f in files.items() if m != name and f.template is not None},
        )
        with suppress(ValueError):  # larger than all that is kept
            self._loaded[name, digest] = loaded
        return loaded
