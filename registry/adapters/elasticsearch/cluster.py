"""Talking to an Elasticsearch: JSON in and out, with deadlines, and every failure as Unavailable.

Over aiohttp as it is: its own client took a third more processor time for each search, and 20 MiB of every process.
"""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, encode_basic_auth
from yarl import URL

from registry.adapters.breakers import Breaker
from registry.domain.errors import Unavailable
from registry.ports.tracing import span

SEARCH_SECONDS = 0.8
"""The deadline of a call that a reader waits for."""

BULK_SECONDS = 60.0
"""The deadline of a call that feeds or keeps an index."""

_JSON = {"content-type": "application/json"}
_NDJSON = {"content-type": "application/x-ndjson"}
_CONNECTIONS = 16


class Cluster:
    """A connection pool. Messages never hold the address, which may hold a password."""

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        ca_file: Path | None = None,
        search_seconds: float | None = None,
    ) -> None:
        search_seconds = SEARCH_SECONDS if search_seconds is None else search_seconds
        self.breaker = Breaker("Elasticsearch", seconds=search_seconds)
        self.search_seconds = search_seconds
        address = URL(url)
        if not username and address.user:
            username, password = address.user, address.password
        headers = {"accept": "application/json"}
        if api_key:
            headers["authorization"] = f"ApiKey {api_key}"
        elif username:
            headers["authorization"] = encode_basic_auth(username, password or "", "utf-8")
        self._base = str(address.with_user(None)).rstrip("/")
        tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        self._session = ClientSession(
            connector=TCPConnector(limit=_CONNECTIONS, ssl=tls),
            headers=headers,
            skip_auto_headers=("accept-encoding", "user-agent"),  # packing takes longer than sending
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def ask(self, method: str, path: str, body: object = None, *, params: Mapping[str, str] | None = None) -> Any:
        """The answer to a call that a reader waits for, in time or not at all. Raises NotThere, Unavailable."""
        missing: NotThere | None = None
        async with self.breaker.guard():
            try:
                return await self.call(method, path, body, seconds=self.search_seconds, params=params)
            except NotThere as error:
                missing = error  # an answer too: the engine is there
        raise missing

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        seconds: float = BULK_SECONDS,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """The parsed answer. Raises NotThere for a 404, Unavailable for everything else that fails."""
        lines = isinstance(body, bytes)
        data = body if lines or body is None else encoded(body)
        url = URL(self._base + path, encoded=True)
        headers, timeout = _NDJSON if lines else _JSON, ClientTimeout(total=seconds)
        sent = self._session.request(
            method, url, params=params, data=data, headers=headers, timeout=timeout, allow_redirects=False
        )
        try:
            with span("Elasticsearch"):
                async with sent as answer:
                    status, read = answer.status, await answer.read()
        except TimeoutError as error:
            raise Unavailable(f"The search engine did not answer within {seconds:g} s.") from error
        except (ClientError, OSError) as error:
            raise Unavailable("The search engine cannot be reached.") from error
        try:
            parsed = orjson.loads(read)
        except orjson.JSONDecodeError as error:
            raise Unavailable(f"The search engine answered {status} without JSON.") from error
        if status == 404:
            raise NotThere(_reason(status, parsed))
        if status >= 300:
            raise Unavailable(f"The search engine refused: {_reason(status, parsed)}.")
        return parsed

    async def bulk(self, lines: Iterable[bytes], *, refresh: bool) -> list[dict[str, Any]]:
        """The results of a bulk request, one an action, in order. Raises Unavailable."""
        params = {"require_alias": "true"} | ({"refresh": "true"} if refresh else {})
        answer = await self.call("POST", "/_bulk", b"\n".join((*lines, b"")), params=params)
        return [next(iter(item.values())) for item in answer["items"]]


class NotThere(Exception):
    """The search engine has no such index."""


@contextmanager
def kept_there() -> Iterator[None]:
    """Raises Unavailable where an index goes away while it is worked on: whoever feeds begins anew."""
    try:
        yield
    except NotThere as error:
        raise Unavailable("The search index went away meanwhile; it is filled anew at the next try.") from error


def encoded(value: object) -> bytes:
    """JSON, in one line."""
    return orjson.dumps(value)


def _reason(status: int, answer: object) -> str:
    """The engine's word for what was wrong, without what was asked."""
    cause = answer.get("error") if isinstance(answer, dict) else None
    kind = cause.get("type") if isinstance(cause, dict) else None
    return f"{status} {kind}" if kind else str(status)
