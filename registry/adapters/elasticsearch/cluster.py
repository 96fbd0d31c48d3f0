"""Talking to an Elasticsearch: JSON in and out, with deadlines, and every failure as Unavailable."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from elastic_transport import ConnectionTimeout, TransportError
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, OrjsonSerializer

from registry.adapters.breakers import Breaker
from registry.domain.errors import Unavailable

SEARCH_SECONDS = 0.8
"""The deadline of a call that a reader waits for."""

BULK_SECONDS = 60.0
"""The deadline of a call that feeds or keeps an index."""

_JSON = {"accept": "application/json", "content-type": "application/json"}
_NDJSON = {"accept": "application/json", "content-type": "application/x-ndjson"}
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
        more: dict[str, Any] = {}
        if api_key:
            more["api_key"] = api_key
        elif username:
            more["basic_auth"] = (username, password or "")
        if ca_file:
            more["ca_certs"] = str(ca_file)
        # Retries would outlive the deadline; whoever feeds tries again by itself.
        more |= {"serializer": OrjsonSerializer(), "connections_per_node": _CONNECTIONS, "max_retries": 0}
        self._client = AsyncElasticsearch(url, **more)
        # Another deadline is another client over the same connections, and making one takes a millisecond.
        self._with_deadline = lru_cache(maxsize=8)(lambda seconds: self._client.options(request_timeout=seconds))

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def ask(self, method: str, path: str, body: object = None, *, params: Mapping[str, Any] | None = None) -> Any:
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
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """The parsed answer. Raises NotThere for a 404, Unavailable for everything else that fails."""
        client = self._with_deadline(seconds)
        headers = _NDJSON if isinstance(body, bytes) else _JSON
        try:
            answer = await client.perform_request(method, path, params=params, headers=headers, body=body)
        except NotFoundError as error:
            raise NotThere(_reason(error)) from error
        except ApiError as error:
            raise Unavailable(f"The search engine refused: {_reason(error)}.") from error
        except ConnectionTimeout as error:
            raise Unavailable(f"The search engine did not answer within {seconds:g} s.") from error
        except TransportError as error:
            raise Unavailable("The search engine cannot be reached.") from error
        return answer.body

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
    """A line of JSON."""
    return orjson.dumps(value)


def _reason(error: ApiError) -> str:
    """The engine's word for what was wrong, without what was asked."""
    body = error.body
    cause = body.get("error") if isinstance(body, dict) else None
    kind = cause.get("type") if isinstance(cause, dict) else None
    return f"{error.status_code} {kind}" if kind else str(error.status_code)
