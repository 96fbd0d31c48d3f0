"""States of templates as answers show them: parsed once for all processes, because parsing is most of a cold read."""

from collections.abc import Mapping
from typing import Any

import orjson

from registry.domain.catalogue import VersionEntry
from registry.domain.errors import VersionNotFound
from registry.domain.ids import BlobId
from registry.ports.cache import Cache
from registry.services.template_documents import TemplateDocuments
from registry.services.template_source import Shown, TemplateSource

FORMAT = 1
"""Raised when the same document is kept in another form."""

KEPT_SECONDS = 86_400.0


class ShownStates:
    """Finds what the texts of versions say: in memory, in the cache by the id of the text, else by parsing it."""

    def __init__(self, *, source: TemplateSource, documents: TemplateDocuments, cache: Cache) -> None:
        self._source = source
        self._documents = documents
        self._cache = cache

    async def load(self, version: VersionEntry, bodies: Mapping[BlobId, str]) -> Shown:
        """A version that the catalogue has as valid, with the texts of its closure.

        Raises VersionNotFound where it cannot be read.
        """
        loaded = self._source.find(version.name, version.digest)
        if loaded is not None:
            return loaded
        source = bodies.get(version.blob)
        if source is None:
            raise VersionNotFound(f"This state of {version.name} is not valid and is not served: its file is missing")
        document = self._documents.find(version.blob)
        if document is None:
            document = await self._document(version, source)
        others = ((name, blob) for name, blob in version.closure if name != version.name and blob is not None)
        return Shown(source, document, {name: bodies[blob] for name, blob in others if blob in bodies})

    async def _document(self, version: VersionEntry, source: str) -> dict[str, Any]:
        key = f"document:{FORMAT}:{version.blob}"
        kept = await self._cache.find(key)
        if kept is not None and (document := self._documents.keep(version.blob, kept)) is not None:
            return document
        document = self._documents.read(version.name, version.blob, source)
        await self._cache.put(key, orjson.dumps(document), seconds=KEPT_SECONDS)
        return document
