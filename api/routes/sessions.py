"""Signing in by a program of ours, such as the web pages' one: sessions as JSON, their secret in a cookie."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.cookies import end_session, require_secure, set_session
from api.dependencies import NO_QUERY, Caller, RegistryDep
from api.documented import problems
from api.json_bodies import JsonRoute
from api.schemas.sign_in import (
    PasswordRequest,
    ProviderWay,
    SessionBody,
    SessionList,
    SessionsQuery,
    SignedInBody,
    SignInRequest,
    WaysIn,
)
from registry.domain import errors as domain
from registry.domain.account_names import user_name

router = APIRouter(tags=["sign-in"], route_class=JsonRoute)

_ASKED = (domain.Unauthenticated, domain.BadRequest, domain.Denied, domain.Unavailable)
_SENT = (*_ASKED, domain.PayloadTooLarge, 415, 422)
SET_COOKIE = {"headers": {"Set-Cookie": {"description": "The session.", "schema": {"type": "string"}}}}


@router.get("/sign-in", dependencies=[NO_QUERY], responses=problems(domain.BadRequest, domain.Unavailable))
async def read_ways(registry: RegistryDep) -> WaysIn:
    """How people can sign in here."""
    offered = await registry.signing_in.providers.offered()
    providers = [ProviderWay.of(each) for each in offered]
    return WaysIn(password=registry.signing_in.passwords.is_allowed, providers=providers)


@router.post("/sign-in", dependencies=[NO_QUERY], responses={200: SET_COOKIE, **problems(*_SENT)})
async def sign_in(registry: RegistryDep, request: Request, response: Response, body: SignInRequest) -> SignedInBody:
    """Begins a session with a name and a password. A browser keeps it in a cookie that no script sees.

    A wrong name and a wrong password are answered alike, and attempts are counted (429).
    """
    require_secure(request)
    entrance = registry.signing_in
    agent = request.headers.get("user-agent", "")
    _, _, secret = await entrance.passwords.sign_in(body.user, body.password, agent)
    set_session(response.headers, secret, registry.settings.session_span)
    return SignedInBody.from_domain(await entrance.identification.authenticate(secret))


@router.get("/session", dependencies=[NO_QUERY], responses=problems(*_ASKED))
async def read_session(caller: Caller) -> SignedInBody:
    """Who asks, and what he may do."""
    return SignedInBody.from_domain(caller)


@router.delete("/session", status_code=204, dependencies=[NO_QUERY], responses=problems(*_ASKED))
async def sign_out(registry: RegistryDep, caller: Caller, response: Response) -> None:
    """Ends the session of this request; nothing where it came with a key."""
    await registry.signing_in.sessions.sign_out(caller)
    end_session(response.headers)


@router.put("/password", dependencies=[NO_QUERY], responses={200: SET_COOKIE, **problems(*_SENT)})
async def change_password(
    registry: RegistryDep, caller: Caller, request: Request, response: Response, body: PasswordRequest
) -> SignedInBody:
    """Sets your own password anew: all your sessions end, and this one goes on as another."""
    entrance = registry.signing_in
    agent = request.headers.get("user-agent", "")
    _, secret = await entrance.passwords.change(caller, body.present, body.new, agent)
    set_session(response.headers, secret, registry.settings.session_span)
    return SignedInBody.from_domain(await entrance.identification.authenticate(secret))


@router.get("/sessions", responses=problems(*_ASKED))
async def list_sessions(registry: RegistryDep, caller: Caller, query: Annotated[SessionsQuery, Query()]) -> SessionList:
    """Your sessions, or, for administrators of the server, those of a user."""
    user = user_name(query.user) if query.user is not None else None
    found = await registry.signing_in.sessions.list_sessions(caller, user)
    return SessionList(sessions=[SessionBody.from_domain(each, caller) for each in found])


@router.delete("/sessions/{session}", status_code=204, responses=problems(*_ASKED, domain.NotFound))
async def revoke_session(
    registry: RegistryDep,
    caller: Caller,
    session: Annotated[str, Path(description="The session's id.", examples=["3f9ac1d2b4e5"])],
    query: Annotated[SessionsQuery, Query()],
) -> None:
    """Ends a session of yours, or of the user who is named: it opens nothing any more within seconds."""
    user = user_name(query.user) if query.user is not None else None
    await registry.signing_in.sessions.revoke(session, caller, user)
