"""What happens to every request before a route sees it: its key, its size, its encoding; and the last catch."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import public_paths
from api.answers import Answer
from api.cookies import secret_in
from api.cross_site import check_cross_site
from api.denied_requests import note_denied
from api.errors import INTERNAL, error_answer, make_problem
from api.hiding import shown_to_caller
from api.observing import ACTOR, ID, LEFT, STATUS, tell_back
from api.rate_limiting import LIMITED, RequestLimits, limit_headers, unlimited
from api.request_ids import HEADER as REQUEST_ID
from api.request_log import loggable
from registry.domain.access import Actor
from registry.domain.errors import BadRequest, Denied, PayloadTooLarge, PromptuaryError, Unauthenticated
from registry.domain.key_secrets import SESSION_PREFIX
from registry.domain.names import printable
from registry.services.identification import CACHE_SECONDS, Identification

log = logging.getLogger(__name__)

SECRET = "promptuary.secret"  # noqa: S105  (no secret)
"""Where in the ASGI scope it stands what the caller was identified by."""

HEAD_ONLY = "promptuary.head_only"
"""Whether only the head of the answer is sent: what would go on for long need not begin."""

GIT_FOLDER = "/git/"
IMPORTS = "/imports"


class BodyTooLarge(HTTPException):
    """Ends the reading of a body that is longer than allowed; becomes a 413."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The request body is larger than the {limit} bytes that this server takes.")


class RightsChanged(HTTPException):
    """Ends the reading of a body that took longer than its sender's rights stayed; becomes a 401."""

    def __init__(self) -> None:
        headers = {"www-authenticate": 'Bearer realm="Promptuary"'}
        super().__init__(401, "Your rights were changed while you sent this: send it again.", headers)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How many bytes a request's body may have: that of an import, which brings files, and any other."""

    body_bytes: int
    import_bytes: int

    def of(self, path: str) -> int:
        """The limit at an address."""
        return self.import_bytes if path.endswith(IMPORTS) else self.body_bytes


class Gateway:
    """An ASGI application in front of the documented one and of Git's; it stands behind ``Observed``."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        git: ASGIApp,
        identification: Identification,
        limits: BodyLimits,
        rates: RequestLimits | None = None,
        public_url: str | None = None,
    ) -> None:
        """``public_url`` is the address by which browsers reach the server, where that is set."""
        self._app = app
        self._public_url = public_url
        self._git = git
        self._identification = identification
        self._limits = limits
        self._rates = rates or unlimited()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it with a problem."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["path"].startswith(GIT_FOLDER):
            await self._git(scope, receive, _Reply(send, scope, head=False))
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, outer = dict(scope["headers"]), scope
        head = scope["method"] == "HEAD"
        # The server looks at its own scope while it sends: there a HEAD has to stay one.
        scope = {**scope, "method": "GET" if head else scope["method"], HEAD_ONLY: head}
        reply = _Reply(send, scope, head=head)
        try:
            _check_path(scope)
            if public_paths.is_public(scope["path"]):
                self._rates.check_address(scope)
                await self._welcome(scope, headers)
            else:
                _check_query(scope["query_string"])
                scope[ACTOR] = await self._identify(scope, headers)
                self._rates.check_actor(scope[ACTOR], scope)
            limited = _limited(receive, headers.get(b"content-length"), self._limits.of(scope["path"]))
            await self._app(scope, self._still(scope, limited, headers), reply)
        except PromptuaryError as error:
            note_denied(error, scope)
            shown = shown_to_caller(error, scope)
            await reply.answer(error_answer(shown, instance=scope["path"], request_id=scope[ID]))
        except ClientDisconnect:
            scope[STATUS] = LEFT  # in the middle of the body; nobody is left to be answered
        except Exception:
            log.exception("request %s failed: %s %s", scope[ID], outer["method"], loggable(scope["path"]))
            if reply.started:
                return  # the answer of the innermost handler is on its way; a second one cannot be given
            detail = "An unexpected error; the server's log has it under this request's id."
            await reply.answer(make_problem(INTERNAL, detail, instance=scope["path"], request_id=scope[ID]))
        finally:
            tell_back(scope, outer)

    def _still(self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> Receive:
        """The body, which ends with RightsChanged where it took long and the caller has other rights by now."""
        if ACTOR not in scope:
            return receive
        began = monotonic()

        async def checked() -> Message:
            message = await receive()
            is_last = message["type"] == "http.request" and not message.get("more_body", False)
            if is_last and monotonic() - began > CACHE_SECONDS:
                try:
                    now = await self._identify(scope, headers)
                except Unauthenticated as error:
                    raise RightsChanged from error
                if now.rights != scope[ACTOR].rights:
                    raise RightsChanged
            return message

        return checked

    async def _welcome(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Who comes to a public address: on a page somebody may be signed in. Raises Denied as ``_identify``."""
        is_page = public_paths.is_page(scope["path"])
        check_cross_site(scope, headers, self._public_url, by_cookie=False)
        secret = secret_in(headers.get(b"cookie", b"")) if is_page else None
        if secret is not None:
            with suppress(Unauthenticated):
                scope[ACTOR] = await self._identification.authenticate(secret)

    async def _identify(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Actor:
        authorization = headers.get(b"authorization", b"")
        secret = secret_of(authorization) if authorization else secret_in(headers.get(b"cookie", b""))
        if secret is None:
            self._rates.check_address(scope)
            raise Unauthenticated("The Authorization header must be: Bearer <key>" if authorization else "")
        if not authorization:
            check_cross_site(scope, headers, self._public_url, by_cookie=True)
        actor = await self._rates.identify(scope, self._identification, secret)
        scope[SECRET] = secret
        if actor.must_change_password and scope["path"] not in public_paths.OF_PASSWORD:
            raise Denied("Your password was given to you: set one of your own first, with PUT /api/v1/password.")
        return actor


class _Reply:
    """Sends what a route sends, with the request's id and what is left of its rate limit.

    Without a body where only the head was asked for.
    """

    def __init__(self, send: Callable[[Message], Awaitable[None]], scope: Scope, *, head: bool) -> None:
        self._send = send
        self._scope = scope
        self._head = head
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            ours = ((REQUEST_ID, self._scope[ID].encode()), *limit_headers(self._scope.get(LIMITED)))
            message = {**message, "headers": [*message.get("headers", []), *ours]}
        elif self._head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    async def answer(self, answer: Answer) -> None:
        await answer.send(self)


def _limited(receive: Receive, length: bytes | None, limit: int) -> Receive:
    """The body, which ends with BodyTooLarge above the limit. Raises PayloadTooLarge where it says so beforehand."""
    if length is not None and length.isdigit() and int(length[:20]) > limit:
        raise PayloadTooLarge(str(BodyTooLarge(limit).detail))
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > limit:
                raise BodyTooLarge(limit)
        return message

    return counted


def secret_of(authorization: bytes) -> str | None:
    """The key or token in an Authorization header; None where it has none. A session comes by its cookie alone."""
    scheme, _, secret = authorization.decode("latin-1").partition(" ")
    found = secret.strip()
    return found if scheme.lower() == "bearer" and found and not found.startswith(SESSION_PREFIX) else None


def _check_path(scope: Scope) -> None:
    """Raises BadRequest for an address that is no UTF-8, which servers decode with question marks, or holds NUL."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%" not in raw:
        return
    try:
        _require_text(unquote_to_bytes(raw).decode())
    except UnicodeDecodeError as error:
        raise BadRequest("The address is not UTF-8 text: percent-encode names as UTF-8.") from error


def _check_query(query: bytes) -> None:
    """Raises BadRequest for a query that is no UTF-8, and for a parameter given twice: which one would be meant?"""
    if b"%" not in query and b"&" not in query:
        return
    try:
        names = [unquote_to_bytes(part.partition(b"=")[0].replace(b"+", b" ")).decode() for part in query.split(b"&")]
        _require_text(unquote_to_bytes(query).decode())
    except UnicodeDecodeError as error:
        raise BadRequest("The query is not UTF-8 text: percent-encode values as UTF-8.") from error
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            raise BadRequest(f"The parameter {printable(name[:60])} is given more than once: give it once.")
        seen.add(name)


def _require_text(text: str) -> None:
    if "\0" in text:
        raise BadRequest("There is a NUL character (%00) in the address, which no name and no text has.")
