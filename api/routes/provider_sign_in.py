"""Signing in with an identity provider: a browser is sent there, and comes back."""

import logging

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.cookies import end_pending, is_loopback, pending_in, require_secure, set_pending, set_session
from api.dependencies import RegistryDep
from api.errors import RETRY_SECONDS, type_of
from api.page_texts import TEXTS
from api.pages import FIRST_PAGE, language_of, local_path, page
from registry.bootstrap import Registry
from registry.domain.errors import BadRequest, PromptuaryError, Unauthenticated, Unavailable
from registry.domain.identity_providers import ProviderAnswer
from registry.domain.names import printable
from registry.services.provider_sign_in import PENDING

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

LONGEST_PATH = 1_000
"""Letters of the address to come out at: browsers drop a cookie that has more than 4 KiB."""

_SAID = {"code": "code", "state": "state", "iss": "issuer", "error": "error", "error_description": "description"}


@router.get("/sign-in/{provider}")
async def set_out(
    registry: RegistryDep,
    request: Request,
    provider: str,
    next: str = FIRST_PAGE,  # noqa: A002  (the form's word)
) -> Response:
    """Sends the browser to a provider."""
    going_to = local_path(next)
    try:
        require_secure(request)
        redirect_uri = callback_of(registry, request, provider)
    except PromptuaryError as error:
        return _failed(request, error)
    try:
        onward = going_to if len(going_to) <= LONGEST_PATH else FIRST_PAGE
        left = await registry.signing_in.with_provider.begin(provider, onward, redirect_uri)
    except PromptuaryError as error:
        return _failed(request, _for_anybody(request, provider, error))
    response = RedirectResponse(left.address, 303)
    set_pending(response.headers, provider, left.sealed, int(PENDING.total_seconds()))
    return response


@router.get("/sign-in/{provider}/callback")
async def come_back(registry: RegistryDep, request: Request, provider: str) -> Response:
    """Begins a session for who comes back with a provider's answer."""
    sealed = pending_in(request.headers.get("cookie", "").encode("latin-1"), provider)
    try:
        require_secure(request)
        agent = request.headers.get("user-agent", "")
        arrived = await registry.signing_in.with_provider.finish(provider, _answer_of(request), sealed, agent)
    except PromptuaryError as error:
        response = _failed(request, _for_anybody(request, provider, error))
        if sealed is not None and not isinstance(error, BadRequest):  # a forged answer ends nothing that is under way
            end_pending(response.headers, provider)
        return response
    going_to = RedirectResponse(arrived.going_to, 303)
    end_pending(going_to.headers, provider)
    set_session(going_to.headers, arrived.secret, registry.settings.session_span)
    return going_to


def callback_of(registry: Registry, request: Request, provider: str) -> str:
    """Where a provider sends browsers back to. Raises Unavailable where this server does not know its own address.

    What a request says of it counts on the server's own machine alone: anybody could say anything.
    """
    own = registry.settings.public_url
    if own is None:
        if not is_loopback(request.url.hostname or ""):
            raise Unavailable(
                "This server does not know by which address people reach it, so no identity provider can send them "
                "back: an administrator has to set PROMPTUARY_PUBLIC_URL, such as https://prompts.example.com."
            )
        own = f"{request.scope['scheme']}://{request.url.netloc}"
    return f"{own}/sign-in/{provider}/callback"


def _answer_of(request: Request) -> ProviderAnswer:
    """Raises BadRequest for an answer that says something twice: who reads it otherwise may be deceived."""
    said = {}
    for name, ours in _SAID.items():
        values = request.query_params.getlist(name)
        if len(values) > 1:
            raise BadRequest(f"The provider's answer says {name} twice.")
        said[ours] = values[0] if values else None
    return ProviderAnswer(**said)


def _for_anybody(request: Request, provider: str, error: PromptuaryError) -> PromptuaryError:
    """What the public page says: why a provider cannot be asked may name addresses within, and is for the log alone."""
    if not isinstance(error, Unavailable):
        return error
    log.warning("nobody can sign in with %s now: %s", printable(provider), error.message)
    return Unavailable(TEXTS[language_of(request)]["provider_away"])


def _failed(request: Request, error: PromptuaryError) -> Response:
    """A page that says why nobody is signed in, and what to do."""
    response = page("not_signed_in", request, status=type_of(error).status, message=error.message)
    if isinstance(error, Unavailable):
        response.headers["retry-after"] = str(RETRY_SECONDS)
    elif isinstance(error, Unauthenticated):
        response.headers["www-authenticate"] = 'Cookie realm="Promptuary"'
    return response
