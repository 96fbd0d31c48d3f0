"""What is noticed of every request but the hot reads: its id while it runs, and how it went when it is over."""

from collections.abc import Callable, Sequence
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.denied_requests import DENIALS, aims_of
from api.request_ids import CURRENT, RequestIds
from api.request_ids import HEADER as REQUEST_ID
from api.request_log import Served, tell
from api.request_meters import RequestMeters
from api.traces import name_request, request_span
from registry.domain.audit import AuditOrigin
from registry.domain.denied import Denial
from registry.services.audit_origin import acting
from registry.services.denials import DeniedCall

ACTOR = "promptuary.actor"
"""Where in the ASGI scope the identified caller stands."""
ID = "promptuary.request_id"
ROUTE = "promptuary.route"
"""The template of the route that answered, where it is none of FastAPI's."""
STATUS = "promptuary.status"
"""How it went, where that is not what was answered."""

FORWARDED_ROUTE = "forwarded"
"""What log and metrics have as the route of a request that a replica passed on; the Git node has its own."""

_NOTICED = (ACTOR, ROUTE, STATUS, DENIALS, "fastapi", "route", "path_params")

DENIED = frozenset({401, 403})
TOO_MANY = 429
SIGN_IN = frozenset({"/sign-in", "/api/v1/sign-in", "/password", "/api/v1/password"})
"""What is audited of what was answered: denials, and guesses of passwords that were stopped. What else is one is noted
on the way (``api.denied_requests``)."""

_FOLDERS = ("/api/v1/", "/git/")
"""What is told of an address that came to no route: callers can make up as many others as they like."""

LEFT = 499
"""What stands for the status of a request whose caller went before it was answered, as nginx has it."""


class Observed:
    """An ASGI application in front of another one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        request_ids: RequestIds,
        meters: RequestMeters,
        denied: Callable[[DeniedCall, str], None],
    ) -> None:
        """``denied`` is told of each denial; it must not wait for anything."""
        self._app = app
        self._denied = denied
        self._request_ids = request_ids
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if ID not in scope:
            scope[ID] = self._request_ids.take(dict(scope["headers"]).get(REQUEST_ID)).decode()
        token = CURRENT.set(scope[ID])
        self._meters.in_flight += 1
        address = client[0] if (client := scope.get("client")) else None
        try:
            with acting(AuditOrigin(address=address, request_id=scope[ID])), request_span(scope) as span:
                await self._follow(scope, receive, send, span)
        finally:
            self._meters.in_flight -= 1
            CURRENT.reset(token)

    async def _follow(self, scope: Scope, receive: Receive, send: Send, span: object) -> None:
        method, reply = scope["method"], _Reply(send)
        try:
            await self._app(scope, receive, reply)
        except Exception:
            scope[STATUS] = 500
            raise
        finally:
            served = reply.served(method, scope)
            self._meters.add(served)
            name_request(span, method, served.route, served.status)
            tell(served)
            denials = scope.get(DENIALS) or ([Denial()] if _is_denied(served) else [])
            if denials and served.route != FORWARDED_ROUTE:  # the Git node notes it
                self._note(denials, scope, served)

    def _note(self, denials: Sequence[Denial], scope: Scope, served: Served) -> None:
        """Notes them for the audit; not the challenge to a Git client, which sends its key only then."""
        if scope["path"].startswith("/git/") and b"authorization" not in dict(scope["headers"]):
            return
        actor, client = scope.get(ACTOR), scope.get("client")
        call = DeniedCall(
            actor=actor.user if actor is not None else None,
            key_id=actor.key_id if actor is not None else None,
            address=client[0] if client else None,
            method=served.method,
            route=served.route or next((f"{each}…" for each in _FOLDERS if scope["path"].startswith(each)), "…"),
            status=served.status,
        )
        for denial, aim in zip(denials, aims_of(denials, scope, served.route), strict=True):
            self._denied(call._replace(aim=aim, reason=denial.reason), scope[ID])


class _Reply:
    """Sends on, and notes what was sent when."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._began = perf_counter()
        self._answered: float | None = None
        self._status = LEFT

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._answered = perf_counter()
        await self._send(message)

    def served(self, method: str, scope: Scope) -> Served:
        """How the request went, once it is over."""
        ended = perf_counter()
        actor = scope.get(ACTOR)
        return Served(
            method=method,
            path=scope["path"],
            route=route_of(scope),
            status=scope.get(STATUS, self._status),
            waited=(self._answered or ended) - self._began,
            seconds=ended - self._began,
            user=actor.user if actor is not None else "",
        )


def tell_back(scope: Scope, outer: Scope) -> None:
    """Carries what is noticed of a request from a copy of its scope to the one that the copy was made of."""
    outer.update({key: scope[key] for key in _NOTICED if key in scope})


def route_of(scope: Scope) -> str:
    """The template of the address that a request was for (``/api/v1/…/templates/{name}``); empty where none is."""
    if ROUTE in scope:
        return str(scope[ROUTE])
    context = scope.get("fastapi", {}).get("effective_route_context", scope.get("route"))
    return str(getattr(context, "path_format", ""))


def _is_denied(served: Served) -> bool:
    return served.status in DENIED or (served.status == TOO_MANY and served.path in SIGN_IN)
