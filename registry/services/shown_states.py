"""States of templates as answers show them: parsed once for all processes, because parsing is most of a cold read."""

from collections.abc import Mapping
from contextlib import suppress

import orjson

from registry.domain.catalogue import VersionEntry
from registry.domain.errors import VersionNotFound
from registry.domain.ids import BlobId, RepositoryName
from registry.ports.cache import Cache
from registry.ports.catalogue import TemplateIndex
from registry.services.template_documents import TemplateDocuments
from registry.services.template_source import Shown, TemplateSource

FORMAT = 1
"""Raised when the same state is kept in another form."""

KEPT_SECONDS = 86_400.0


class ShownStates:
    """Finds what versions consist of: in memory, in the cache by digest, else in the catalogue."""

    def __init__(
        self, *, templates: TemplateIndex, source: TemplateSource, documents: TemplateDocuments, cache: Cache
    ) -> None:
        self._templates = templates
        self._source = source
        self._documents = documents
        self._cache = cache

    async def load(self, repository: RepositoryName, version: VersionEntry) -> Shown:
        """A version that the catalogue has as valid. Raises VersionNotFound where it cannot be read, Unavailable."""
        loaded = self._source.find(version.name, version.digest)
        if loaded is not None:
            return loaded
        key = f"shown:{FORMAT}:{version.digest}:{version.name}"
        kept = await self._cache.find(key)
        if kept is not None and (shown := _read(kept)) is not None:
            return shown
        blobs = [blob for _, blob in version.closure if blob is not None]
        shown = self._parse(version, await self._templates.read_bodies(repository, blobs))
        await self._cache.put(key, _written(shown), seconds=KEPT_SECONDS)
        return shown

    def _parse(self, version: VersionEntry, bodies: Mapping[BlobId, str]) -> Shown:
        source = bodies.get(version.blob)
        if source is None:
            raise VersionNotFound(f"This state of {version.name} is not valid and is not served: its file is missing")
        document = self._documents.find(version.blob)
        if document is None:
            document = self._documents.read(version.name, version.blob, source)
        others = ((name, blob) for name, blob in version.closure if name != version.name and blob is not None)
        return Shown(source, document, {name: bodies[blob] for name, blob in others if blob in bodies})


def _written(shown: Shown) -> bytes:
    return orjson.dumps({"source": shown.source, "document": shown.document, "partials": shown.partials})


def _read(kept: bytes) -> Shown | None:
    """None for what nobody here has written: then it is made anew."""
    with suppress(orjson.JSONDecodeError, KeyError, TypeError):
        return Shown(**orjson.loads(kept))
    return None
