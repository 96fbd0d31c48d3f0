"""The pages of signing in: forms that work without a script."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.cookies import end_session, require_secure, set_session
from api.cross_site import check_cross_site
from api.dependencies import RegistryDep
from api.errors import type_of
from api.observing import ACTOR
from api.page_texts import TEXTS
from api.pages import FIRST_PAGE, language_of, local_path, page
from api.rate_limiting import note_refusal
from api.schemas.sign_in import ProviderWay
from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.errors import (
    BadRequest,
    Denied,
    NotFound,
    PasswordRefused,
    PromptuaryError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

router = APIRouter(include_in_schema=False)

_WRONG = {"sign_in": "wrong", "password": "wrong_present", "join": "link_over"}
"""What is said on a page of who is not let in."""

LONGEST_LINE = 1_024

Line = Annotated[str, Form()]
"""A field of a form; ``check_lines`` looks at how long it is, so that the answer is a page."""


@router.get("/sign-in")
async def show_sign_in(registry: RegistryDep, request: Request, next: str = FIRST_PAGE) -> Response:  # noqa: A002  (the form's word)
    """The form; who is signed in sees as whom."""
    actor: Actor | None = request.scope.get(ACTOR)
    if actor is not None and not actor.must_change_password:
        return page("signed_in", request, user=actor.user, full_name=actor.name, message="")
    try:
        require_secure(request)
    except Denied as error:
        return await _sign_in_page(registry, request, next, error=error)
    return await _sign_in_page(registry, request, next)


@router.post("/sign-in")
async def sign_in(
    registry: RegistryDep,
    request: Request,
    user: Line = "",
    password: Line = "",
    next: Line = FIRST_PAGE,  # noqa: A002  (the form's word)
) -> Response:
    """Begins a session, and goes on to where its user wanted to be."""
    entrance = registry.signing_in
    try:
        require_secure(request)
        check_lines(request, user, password)
        agent = request.headers.get("user-agent", "")
        _, _, secret = await entrance.passwords.sign_in(user, password, agent)
        actor = await entrance.identification.authenticate(secret)
    except PromptuaryError as error:
        return await _sign_in_page(registry, request, next, user=user[:LONGEST_LINE], error=error)
    onward = local_path(next)
    return signed_in(registry, f"/password?next={quote(onward)}" if actor.must_change_password else onward, secret)


@router.post("/sign-out")
async def sign_out(registry: RegistryDep, request: Request) -> Response:
    """Ends the session; only from our own page. Raises Denied."""
    actor: Actor | None = request.scope.get(ACTOR)
    if actor is not None:
        check_cross_site(request.scope, dict(request.scope["headers"]), registry.settings.public_url, by_cookie=True)
        await registry.signing_in.sessions.sign_out(actor)
    response = RedirectResponse("/sign-in", 303)
    end_session(response.headers)
    return response


@router.get("/password")
async def show_password(request: Request, next: str = FIRST_PAGE) -> Response:  # noqa: A002  (the form's word)
    """The form of a new password."""
    actor: Actor | None = request.scope.get(ACTOR)
    if actor is None:
        return RedirectResponse("/sign-in?next=/password", 303)
    return _password_page(request, actor, next)


@router.post("/password")
async def change_password(
    registry: RegistryDep,
    request: Request,
    password: Line = "",
    new: Line = "",
    again: Line = "",
    next: Line = FIRST_PAGE,  # noqa: A002  (the form's word)
) -> Response:
    """Sets the user's own password anew."""
    actor: Actor | None = request.scope.get(ACTOR)
    if actor is None:
        return RedirectResponse("/sign-in?next=/password", 303)
    try:
        check_lines(request, password, new)
        if new != again:
            raise BadRequest(TEXTS[language_of(request)]["not_alike"])
        agent = request.headers.get("user-agent", "")
        _, secret = await registry.signing_in.passwords.change(actor, password, new, agent)
    except PromptuaryError as error:
        return _password_page(request, actor, next, error=error)
    onward = local_path(next)
    return signed_in(registry, "/sign-in" if onward.startswith("/password") else onward, secret)


async def _sign_in_page(
    registry: Registry, request: Request, onward: str, *, user: str = "", error: PromptuaryError | None = None
) -> Response:
    providers: Sequence[ProviderWay] = ()
    try:
        providers = [ProviderWay.of(each, local_path(onward)) for each in await registry.signing_in.providers.offered()]
    except Unavailable as away:
        error = error or away
    return form(
        "sign_in",
        request,
        error,
        next=local_path(onward),
        user=user,
        has_passwords=registry.signing_in.passwords.is_allowed,
        providers=[each.model_dump() for each in providers],
    )


def _password_page(request: Request, actor: Actor, onward: str, *, error: PromptuaryError | None = None) -> Response:
    return form(
        "password",
        request,
        error,
        next=local_path(onward),
        user=actor.user,
        must_change=actor.must_change_password,
    )


def check_lines(request: Request, *lines: str) -> None:
    """Raises BadRequest for fields that are longer than anybody types."""
    if any(len(each) > LONGEST_LINE for each in lines):
        raise BadRequest(TEXTS[language_of(request)]["too_long"])


def form(name: str, request: Request, error: PromptuaryError | None, **values: object) -> Response:
    """A form, with what was wrong with what was sent before."""
    status = type_of(error).status if error is not None else 200
    response = page(name, request, status=status, message=_message(name, request, error), **values)
    if isinstance(error, TooManyRequests):
        response.headers["retry-after"] = str(error.seconds)
        note_refusal(error, request.scope)
    elif isinstance(error, Unauthenticated):
        response.headers["www-authenticate"] = 'Cookie realm="Promptuary"'
    return response


def _message(name: str, request: Request, error: PromptuaryError | None) -> str:
    """What is said of an error: in the reader's language what happens often, else as programs are told."""
    texts = TEXTS[language_of(request)]
    if isinstance(error, Unauthenticated) and name in _WRONG:
        return texts[_WRONG[name]]
    if isinstance(error, TooManyRequests):
        return texts["too_often"].format(seconds=error.seconds)
    if isinstance(error, PasswordRefused):
        return texts[error.fault]
    if isinstance(error, NotFound) and name == "device":
        return texts["device_unknown"]
    return error.message if error is not None else ""


def signed_in(registry: Registry, onward: str, secret: str) -> Response:
    """Goes on to an address of this server, with a session."""
    response = RedirectResponse(onward, 303)
    set_session(response.headers, secret, registry.settings.session_span)
    return response
