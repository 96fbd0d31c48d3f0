"""Documents straight into Elasticsearch, over one connection, with the fields that the product gives them."""

import http.client
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.product import REPOSITORY
from registry.adapters.elasticsearch.documents import document_id, old_source_of, source_of
from registry.adapters.elasticsearch.mapping import FILLING, mappings
from registry.domain.catalogue import Facts, SearchDocument
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.search import FACETS
from registry.domain.search_text import searchable


@dataclass(frozen=True, slots=True)
class EngineIndex:
    """An index, and a connection to it."""

    connection: http.client.HTTPConnection
    name: str

    @classmethod
    def at(cls, url: str, name: str) -> "EngineIndex":
        """One that is there, or that is made with ``make``."""
        address = urlsplit(url)
        return cls(http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port or 9200, timeout=60), name)

    def make(self) -> None:
        """Makes it, empty, as the product makes its own."""
        body = {"settings": {"index": FILLING}, "mappings": mappings(FACETS, whole=True)}
        self._send("PUT", f"/{self.name}", json.dumps(body).encode())

    def timed_put(self, document: SearchDocument) -> float:
        """Milliseconds until a document is indexed and can be found."""
        started = time.perf_counter()
        body = json.dumps(source_of(document)).encode()
        self._send("PUT", f"/{self.name}/_doc/{document_id(document.name)}?refresh=true", body)
        return (time.perf_counter() - started) * 1000

    def put_all(self, documents: Iterable[SearchDocument]) -> None:
        """Indexes documents in one request; they are found after ``refresh``."""
        lines = []
        for document in documents:
            source = source_of(document) if document.version is None else old_source_of(document)
            lines.append(json.dumps({"index": {"_id": document_id(document.name, document.version)}}))
            lines.append(json.dumps(source))
        if lines:
            self._send("POST", f"/{self.name}/_bulk", ("\n".join(lines) + "\n").encode())

    def refresh(self) -> None:
        """Lets everything be found."""
        self._send("POST", f"/{self.name}/_refresh", b"")

    def delete(self) -> None:
        """Removes the index."""
        self._send("DELETE", f"/{self.name}", b"")

    def _send(self, method: str, path: str, body: bytes) -> Any:
        self.connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = json.loads(answer.read())
        if answer.status >= 300 or content.get("errors"):
            raise RuntimeError(f"{method} {path}: {answer.status} {str(content)[:500]}")
        return content


def document_of(name: str, facts: Facts, text: str, *, version: int | None = None) -> SearchDocument:
    """What is indexed of a template, or of a text that it had."""
    return SearchDocument(
        repository=RepositoryName(REPOSITORY),
        name=TemplateName(name),
        ordinal=1,
        facts=facts,
        body=searchable(text),
        version=version,
    )
