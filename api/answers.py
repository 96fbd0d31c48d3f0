"""An answer as ready bytes: what the hot path keeps, what problems are made of, and what routes can return."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson
from starlette.responses import Response
from starlette.types import Send

from registry.domain.ids import TemplateName
from registry.domain.reads import ReadState

JSON = b"application/json"
YAML = b"application/yaml"
PROBLEM_JSON = b"application/problem+json"

RawHeaders = tuple[tuple[bytes, bytes], ...]

DEGRADED = b"promptuary-degraded"
"""The header of an answer that was given while the catalogue was away; it says where the answer is from."""

FROM_CACHE = b"cache"
"""It was made before the catalogue went away."""
FROM_GIT = b"git"
"""It was read from Git."""
SUPERSEDED = b"superseded"
"""It was made before a change that is known. Inside a replica alone, which asks the Git node before it gives that."""

SAFE_HEADERS: RawHeaders = ((b"cache-control", b"private, no-cache"),)
"""Every answer: no shared caches, and a check with If-None-Match before a copy is used again. One header costs a
microsecond in uvicorn, a fiftieth of a hot read; what browsers are told besides is put in as it leaves."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower-case names) and body; ``etag`` is set where the answer can be asked for conditionally.

    ``read`` is the state of a template that the answer shows, and that giving it counts as a read of; ``former`` the
    name that the template had before, where the body tells one.
    """

    status: int
    body: bytes
    headers: RawHeaders
    etag: bytes = b""
    read: ReadState | None = None
    former: TemplateName | None = None

    async def send(self, send: Send, *extra: tuple[bytes, bytes]) -> None:
        """Sends it as an ASGI application does, with ``extra`` headers."""
        headers = [*self.headers, *extra]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    def marked(self, source: bytes) -> "Answer":
        """The same, marked as given without the catalogue: from the ``cache`` or from ``git``."""
        return replace(self, headers=(*self.headers, (DEGRADED, source)))

    def is_superseded(self) -> bool:
        """Whether a change is known that this answer has not seen, and another process may be asked."""
        return (DEGRADED, SUPERSEDED) in self.headers

    def unchanged(self) -> "Answer":
        """The 304 that tells a caller who has this answer that it still holds."""
        kept = tuple(pair for pair in self.headers if pair[0] not in {b"content-type", b"content-length"})
        return Answer(304, b"", kept, self.etag, self.read)

    def matched(self, if_none_match: bytes) -> "Answer":
        """The 304 where an If-None-Match header names this answer, else the answer itself."""
        return self.unchanged() if if_none_match and none_match(if_none_match, self.etag) else self

    def response(self) -> Response:
        """The same for a FastAPI route to return."""
        response = Response(self.body, self.status)
        response.raw_headers = list(self.headers)
        return response


def json_bytes(value: object) -> bytes:
    """A value as JSON; times in UTC end in ``Z``, as those that pydantic writes do."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def make_answer(
    body: bytes,
    *,
    media_type: bytes = JSON,
    status: int = 200,
    etag: str | None = None,
    headers: Mapping[str, str] | None = None,
    read: ReadState | None = None,
    former: TemplateName | None = None,
) -> Answer:
    """An answer with its length, type and the headers that every answer has. Header values are ASCII."""
    raw = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *SAFE_HEADERS]
    if etag is not None:
        raw.append((b"etag", etag.encode()))
    raw.extend((name.lower().encode(), value.encode()) for name, value in (headers or {}).items())
    return Answer(status, body, tuple(raw), etag.encode() if etag else b"", read, former)


def none_match(header: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match header names this ETag (compared weakly, as RFC 9110 says) or is ``*``."""
    # An ETag is quoted and holds no quote itself, so it can stand in the list only as a whole.
    return bool(etag) and (etag.removeprefix(b"W/") in header or header.strip() == b"*")
