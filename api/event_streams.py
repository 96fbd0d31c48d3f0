"""A stream of server-sent events as an answer that goes on until the client, its key or the server ends it."""

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.gateway import HEAD_ONLY
from registry.bootstrap import Registry
from registry.domain.errors import PromptuaryError
from registry.domain.events import (
    Event,
    EventFilter,
    LabelMoved,
    RefProjected,
    TemplateChanged,
    TemplateRemoved,
)
from registry.domain.ids import RepositoryName
from registry.services.event_feed import Notice, Told
from registry.services.events import Subscription

HEARTBEAT_SECONDS = 5.0
"""After so long a silence a comment is sent, so that proxies keep the connection and a dead one is noticed.

So often it is looked, too, whether the caller may still see what the stream tells.
"""

RETRY_MILLISECONDS = 2_000
"""When a client whose connection ended shall come back."""

ENDING_SECONDS = 0.5
"""How long a client may take to receive the end of the stream when the server stops."""

FRAMES = 1_024
"""Events of which the bytes are kept: subscribers are told the same ones within moments."""

_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "private, no-store",
    "x-accel-buffering": "no",  # nginx would hold events back until its buffer is full
}
_REASONS = {
    Notice.RESET: "What happened since your last event cannot be told: read everything again, then go on from here.",
    Notice.RESUME: "Events came faster than you took them: connect again with the last id that you have.",
}


class EventStream(Response):
    """The events of a repository from ``after`` on; ``secret`` is the caller's key, checked again now and then."""

    def __init__(
        self, registry: Registry, repository: RepositoryName, wanted: EventFilter, *, after: str | None, secret: str
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._registry = registry
        self._repository = repository
        self._wanted = wanted
        self._after = after
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until one side ends it."""
        streams = self._registry.event_streams
        async with streams.subscribe(self._repository, self._wanted, after=self._after) as subscription:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope.get(HEAD_ONLY):
                await send({"type": "http.response.body", "body": b""})
                return
            writing = asyncio.create_task(self._write(subscription, send))
            left = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait({writing, left, streams.closing}, return_when=asyncio.FIRST_COMPLETED)
                if streams.closing.done():
                    await asyncio.wait({writing, left}, timeout=ENDING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            finally:
                writing.cancel()
                left.cancel()
                await asyncio.gather(writing, left, return_exceptions=True)

    async def _write(self, subscription: Subscription, send: Send) -> None:
        told = subscription.position
        # Whoever comes for the first time gets a place to resume from, even if nothing happens.
        place = f"id: {told}\n" if self._after is None else ""
        await send(_chunk(f"retry: {RETRY_MILLISECONDS}\n{place}\n".encode()))
        allowed_until = time.monotonic() + HEARTBEAT_SECONDS
        while not subscription.ended:
            events = await subscription.take(max(0.0, allowed_until - time.monotonic()))
            body = b"".join(frame(self._repository, each) for each in events)
            if time.monotonic() >= allowed_until:
                if not await self._allowed():
                    break
                allowed_until = time.monotonic() + HEARTBEAT_SECONDS
            if not events and not subscription.ended:
                # An id without data moves the client's place past events that it does not want.
                body = b":\n\n" if subscription.position == told else f":\nid: {subscription.position}\n\n".encode()
            told = subscription.position
            if body:
                await send(_chunk(body))
        await send({"type": "http.response.body", "body": b""})

    async def _allowed(self) -> bool:
        """Whether the key still holds, and the caller sees of the repository what he saw."""
        try:
            actor = await self._registry.identification.authenticate(self._secret)
            self._registry.repositories.require(self._repository, actor.rights)
            return actor.sight(self._repository) == self._wanted.sight
        except PromptuaryError:
            return False


def frame(repository: RepositoryName, told: Told) -> bytes:
    """One event on the wire; its bytes are made once for all who are told it."""
    # By the text of its position: two places are equal that have other commits.
    return _frame(repository, str(told.position), told.what)


@lru_cache(FRAMES)
def _frame(repository: RepositoryName, position: str, what: Event | Notice) -> bytes:
    body = orjson.dumps(event_body(repository, what))
    name = what.value if isinstance(what, Notice) else what.type
    return f"id: {position}\nevent: {name}\ndata: ".encode() + body + b"\n\n"


def event_body(repository: RepositoryName, what: Event | Notice) -> Mapping[str, object]:
    """The ``data`` of an event: type, repository, name and commit always, and what else there is to say."""
    if isinstance(what, Notice):
        head = {"type": what.value, "repository": repository, "name": None, "commit": None}
        return {**head, "reason": _REASONS[what]}
    head = {"type": what.type, "repository": repository, "name": getattr(what, "name", None), "commit": what.commit}
    match what:
        case TemplateChanged():
            return {
                **head,
                "version": what.version,
                "valid": what.valid,
                "cause": what.cause,
                "moved_from": what.moved_from,
            }
        case TemplateRemoved():
            return {**head, "version": what.last_version, "moved_to": what.moved_to}
        case LabelMoved():
            return {**head, "label": what.label, "version": what.new, "previous": what.old}
        case RefProjected():
            return {**head, "ref": what.ref}
    return head


def _chunk(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _left(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
