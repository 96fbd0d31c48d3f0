"""Tokens for programs, by OAuth's protocol: the device flow, refreshing, revoking, and the keys to check them with."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.cookies import require_secure
from api.dependencies import NO_QUERY, RegistryDep
from api.documented import problems
from api.oauth_forms import NO_STORE, check_client, form_body, form_of, refused, required, scope_of
from api.schemas.oauth import AuthorizationServer, DeviceBody, JwkSet, OAuthProblem, TokenBody
from registry.bootstrap import Registry
from registry.domain import errors as domain
from registry.domain.access_tokens import CLIENT, IssuedTokens, OAuthFault, OAuthRefusal
from registry.domain.device_grants import INTERVAL, LASTS, shown_code
from registry.domain.roles import Scope

router = APIRouter(tags=["tokens"])

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH = "refresh_token"

_CLIENT = {"type": "string", "enum": [CLIENT]}
_SCOPE = {"type": "string", "enum": list(Scope)}
_SECRET = {"type": "string", "minLength": 1}
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": OAuthProblem, "description": "There is no token, for a reason that OAuth has a word for."}
}
_ASKED = (domain.BadRequest, domain.Denied, domain.PayloadTooLarge, domain.Unavailable, 415)
_DEVICE = form_body({"client_id": _CLIENT, "scope": _SCOPE}, "client_id", client_id=CLIENT, scope="write")
_TOKEN = form_body(
    {
        "grant_type": {"type": "string", "enum": [DEVICE_CODE, REFRESH]},
        "client_id": _CLIENT,
        "device_code": _SECRET,
        "refresh_token": _SECRET,
        "scope": {**_SCOPE, "description": "With a refresh token: an access token that may less."},
    },
    "grant_type",
    "client_id",
    grant_type=REFRESH,
    client_id=CLIENT,
    refresh_token="pmr_…",  # noqa: S106  (no password)
)
_REVOKE = form_body(
    {"token": _SECRET, "token_type_hint": {"type": "string"}, "client_id": _CLIENT},
    "token",
    "client_id",
    token="pmr_…",  # noqa: S106  (no password)
    client_id=CLIENT,
)


def _responses(*errors: type[domain.PromptuaryError] | int) -> dict[int | str, dict[str, Any]]:
    """The problems of a route; a 400 is OAuth's own, or a problem where the query has something."""
    found = {**problems(*errors)}
    problem = found.pop(400)
    content = {**problem["content"], "application/json": {"schema": {"$ref": "#/components/schemas/OAuthProblem"}}}
    return {**found, 400: {**_REFUSED[400], "content": content}}


@router.post(
    "/oauth/device",
    dependencies=[NO_QUERY],
    response_model=DeviceBody,
    responses=_responses(*_ASKED),
    openapi_extra=_DEVICE,
)
async def begin_device(registry: RegistryDep, request: Request, response: Response) -> Any:
    """Begins a sign-in on a device without a browser (RFC 8628): somebody types the user code in at ``/device``."""
    require_secure(request)
    registry.signing_in.tokens.require_issuer()
    try:
        form = await form_of(request)
        check_client(form)
        scope = scope_of(form) or Scope.READ
    except OAuthRefusal as refusal:
        return refused(refusal, request)
    asked = await registry.signing_in.devices.begin(scope, request.headers.get("user-agent", ""))
    response.headers.update(NO_STORE)
    page, code = f"{_address(registry, request)}/device", shown_code(asked.user_code)
    return DeviceBody(
        device_code=asked.device_code,
        user_code=code,
        verification_uri=page,
        verification_uri_complete=f"{page}?user_code={code}",
        expires_in=int(LASTS.total_seconds()),
        interval=int(INTERVAL.total_seconds()),
    )


@router.post(
    "/oauth/token",
    dependencies=[NO_QUERY],
    response_model=TokenBody,
    responses=_responses(*_ASKED),
    openapi_extra=_TOKEN,
)
async def give_tokens(registry: RegistryDep, request: Request, response: Response) -> Any:
    """Tokens for a device code that somebody has let in, or for a refresh token, which is used up by that."""
    require_secure(request)
    try:
        issued = await _issue(registry, request)
    except OAuthRefusal as refusal:
        return refused(refusal, request)
    response.headers.update(NO_STORE)
    return TokenBody.from_domain(issued)


async def _issue(registry: Registry, request: Request) -> IssuedTokens:
    form = await form_of(request)
    kind = required(form, "grant_type")
    check_client(form)
    if kind == DEVICE_CODE:
        return await registry.signing_in.devices.redeem(required(form, "device_code"))
    if kind == REFRESH:
        return await registry.signing_in.tokens.refresh(required(form, "refresh_token"), scope_of(form))
    raise OAuthRefusal(OAuthFault.UNSUPPORTED_GRANT_TYPE, f"The grant_type is {REFRESH} or {DEVICE_CODE}.")


@router.post(
    "/oauth/revoke",
    dependencies=[NO_QUERY],
    response_class=Response,
    responses=_responses(*_ASKED),
    openapi_extra=_REVOKE,
)
async def revoke_token(registry: RegistryDep, request: Request) -> Response:
    """Ends the sign-in that an access or refresh token belongs to (RFC 7009). What is none is answered alike."""
    require_secure(request)
    try:
        form = await form_of(request)
        check_client(form)
        await registry.signing_in.tokens.revoke(required(form, "token"))
    except OAuthRefusal as refusal:
        return refused(refusal, request)
    return Response(headers=NO_STORE)


@router.get(
    "/.well-known/jwks.json", dependencies=[NO_QUERY], responses=problems(domain.BadRequest, domain.Unavailable)
)
async def read_keys(registry: RegistryDep, response: Response) -> JwkSet:
    """The keys that access tokens are checked with, for programs that do so themselves."""
    response.headers["cache-control"] = "public, max-age=300"
    return JwkSet.model_validate({"keys": registry.signing_in.tokens.public_keys()})


@router.get(
    "/.well-known/oauth-authorization-server",
    dependencies=[NO_QUERY],
    responses=problems(domain.BadRequest, domain.Unavailable),
)
async def read_metadata(registry: RegistryDep, request: Request) -> AuthorizationServer:
    """What an OAuth client has to know of this server (RFC 8414)."""
    issuer, address = registry.signing_in.tokens.require_issuer(), _address(registry, request)
    return AuthorizationServer(
        issuer=issuer,
        token_endpoint=f"{address}/oauth/token",
        device_authorization_endpoint=f"{address}/oauth/device",
        revocation_endpoint=f"{address}/oauth/revoke",
        jwks_uri=f"{address}/.well-known/jwks.json",
        response_types_supported=[],
        grant_types_supported=[DEVICE_CODE, REFRESH],
        scopes_supported=list(Scope),
        token_endpoint_auth_methods_supported=["none"],
        revocation_endpoint_auth_methods_supported=["none"],
    )


def _address(registry: Registry, request: Request) -> str:
    """The server's address, as it is set, else as this caller reached it."""
    return registry.settings.public_url or str(request.base_url).rstrip("/")
