"""An API replica's way to the Git node: what it cannot answer from the indexes goes there, with the caller's key."""

import logging
from urllib.parse import parse_qsl

import aiohttp
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import cors, security_headers
from api.addresses import FORWARDED
from api.answers import DEGRADED, FROM_CACHE, SUPERSEDED
from api.errors import error_answer
from api.gateway import GIT_FOLDER
from api.git_node import OF_A_CONNECTION, READING, Body, GitNode
from api.observing import FORWARDED_ROUTE, ID, LEFT, ROUTE, STATUS
from api.plain_requests import PREFIX
from api.request_ids import HEADER as REQUEST_ID
from api.schemas.fields import COMMIT_ID
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RepositoryName
from registry.services.freshness import Freshness
from registry.services.repositories import RepositoryService

log = logging.getLogger(__name__)

_READ_HERE = frozenset({"templates", "versions", "labels", "search", "bundle", "resolve", "events", "reads"})
_RENDER = "render"
_FAILED, _UNAVAILABLE = 500, 503
_OF_GIT = frozenset({"ref", "at"})  # parameters that only Git can answer
_ITS_OWN = OF_A_CONNECTION | security_headers.NAMES | cors.NAMES
_BODIED = frozenset({b"content-length", b"transfer-encoding"})


class Forwarding:
    """An ASGI application in front of another one: hands over what the Git node has to answer."""

    def __init__(self, app: ASGIApp, *, node: GitNode, freshness: Freshness, repositories: RepositoryService) -> None:
        self._app = app
        self._node = node
        self._freshness = freshness
        self._repositories = repositories

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers here, or there."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif not await self._is_answered_here(scope):
            await self._forward(scope, receive, send)
        elif _is_of_template(scope) and FORWARDED not in dict(scope["headers"]):
            kept, held = _Kept(receive), _Held(send)
            await self._app(scope, kept, held)
            if held.messages:  # without the catalogue, but the Git node may have it on its disk
                await self._forward(scope, kept.again, send, held)
        else:
            await self._app(scope, receive, send)

    async def _is_answered_here(self, scope: Scope) -> bool:
        path, method = scope["path"], scope["method"]
        if path.startswith(GIT_FOLDER):
            return False
        if not path.startswith(PREFIX):
            return True
        repository, _, rest = path.removeprefix(PREFIX).partition("/")
        noun = rest.partition("/")[0]
        is_read = noun in _READ_HERE if method in READING else method == "POST" and noun == _RENDER
        # One that is not known here may be new, or not projected yet: the Git node has it, or says that there is none.
        # It says, too, whether there is nothing to show of one that has drafts alone.
        if not is_read or self._repositories.is_unclear(repository):
            return False
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if not _OF_GIT.isdisjoint(query):
            return False
        commit = query.get("min_commit")
        if commit is None or not COMMIT_ID.fullmatch(commit):
            return True
        return await self._freshness.has_seen(RepositoryName(repository), CommitId(commit))

    async def _forward(self, scope: Scope, receive: Receive, send: Send, held: "_Held | None" = None) -> None:
        """Has the Git node answer; where that cannot either, what is held is better than that."""
        headers = dict(scope["headers"])
        request_id = scope[ID].encode()
        scope[ROUTE] = FORWARDED_ROUTE
        if FORWARDED in headers:
            loop = "PROMPTUARY_GIT_URL of the replica that passed this on names a replica, not the Git node."
            await _refuse(Unavailable(loop), scope, request_id, send)
            return
        begun, body = False, None if _BODIED.isdisjoint(headers) else Body(receive)
        try:
            reads, instead = scope["method"] in READING or _is_of_template(scope), held is not None
            async with self._node.ask(scope, body, request_id, reads=reads, instead=instead) as answer:
                if held is not None and held.is_superseded and answer.status >= _FAILED:
                    await held.release()
                    return
                begun = True
                await send(_start(answer))
                async for chunk in answer.content.iter_any():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except ClientDisconnect:
            scope[STATUS] = LEFT
        except Unavailable as error:
            if begun:  # nothing can be said any more: the connection ends, and the client sees that not all came
                log.warning("request %s: the Git node left in the middle of its answer", request_id.decode())
                return
            if held is not None and held.is_superseded:
                await held.release()
                return
            await _refuse(error, scope, request_id, send)


class _Held:
    """Sends on, but holds back an answer that says that something is away, or is known to be superseded."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.messages: list[Message] = []
        self.is_superseded = False

    async def __call__(self, message: Message) -> None:
        begins = message["type"] == "http.response.start"
        if begins and (DEGRADED, SUPERSEDED) in message["headers"]:
            self.is_superseded = True
            others = [pair for pair in message["headers"] if pair[0] != DEGRADED]
            message = {**message, "headers": [*others, (DEGRADED, FROM_CACHE)]}
        if self.messages or self.is_superseded or (begins and message["status"] == _UNAVAILABLE):
            self.messages.append(message)
        else:
            await self._send(message)

    async def release(self) -> None:
        """Sends what was held back."""
        for message in self.messages:
            await self._send(message)


class _Kept:
    """Gives what comes, and keeps the request so that it can be given again."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._messages.append(message)
        return message

    async def again(self) -> Message:
        """What came before once more, and then what still comes."""
        return self._messages.pop(0) if self._messages else await self._receive()


def _is_of_template(scope: Scope) -> bool:
    """Whether one template is read or rendered, which Git alone can answer too."""
    noun, _, name = scope["path"].removeprefix(PREFIX).partition("/")[2].partition("/")
    noun_of_method = _RENDER if scope["method"] == "POST" else "templates" if scope["method"] in READING else None
    return bool(name) and noun == noun_of_method


async def _refuse(error: Unavailable, scope: Scope, request_id: bytes, send: Send) -> None:
    answer = error_answer(error, instance=scope["path"], request_id=request_id.decode())
    await answer.send(send, (REQUEST_ID, request_id))


def _start(answer: aiohttp.ClientResponse) -> Message:
    headers = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() not in _ITS_OWN]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}
