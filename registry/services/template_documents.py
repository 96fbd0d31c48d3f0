"""Template files as plain data, without what rendering needs: read once, and kept by content as JSON."""

from contextlib import suppress
from typing import Any

import orjson
from cachetools import LRUCache

from registry.domain.errors import VersionNotFound
from registry.domain.ids import BlobId, TemplateName
from registry.domain.names import template_path
from registry.domain.yaml_reader import read_yaml

DOCUMENT_BYTES = 33_554_432
"""How many bytes of JSON are kept at most: about as many as the files have, a tenth of what they take parsed."""


class TemplateDocuments:
    """The documents of files that the catalogue knows as valid, for answers that show many of them."""

    def __init__(self, *, max_bytes: int = DOCUMENT_BYTES) -> None:
        self._kept: LRUCache[BlobId, bytes] = LRUCache(max_bytes, getsizeof=len)

    def find(self, blob: BlobId) -> dict[str, Any] | None:
        """What was read before."""
        kept = self._kept.get(blob)
        return None if kept is None else orjson.loads(kept)

    def read(self, name: TemplateName, blob: BlobId, source: str) -> dict[str, Any]:
        """Reads a file; half the work of checking it. Raises VersionNotFound for one that is no template's."""
        read = read_yaml(source.encode(), template_path(name))
        if read.diagnostics or not isinstance(read.value, dict):
            reason = str(read.diagnostics[0]) if read.diagnostics else "it is no mapping"
            raise VersionNotFound(f"This state of {name} is not valid and is not served: {reason}")
        self._keep(blob, orjson.dumps(read.value))
        return read.value

    def keep(self, blob: BlobId, kept: bytes) -> dict[str, Any] | None:
        """The document that somebody has kept as JSON, to be found here from now on; None for what is no document."""
        with suppress(orjson.JSONDecodeError):
            document = orjson.loads(kept)
            if isinstance(document, dict):
                self._keep(blob, kept)
                return document
        return None

    def _keep(self, blob: BlobId, kept: bytes) -> None:
        if len(kept) <= self._kept.maxsize:
            self._kept[blob] = kept
