"""The page on which a person lets a device in that asks to act for him, or turns it away."""

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.cookies import require_secure
from api.cross_site import check_cross_site
from api.dependencies import RegistryDep
from api.observing import ACTOR
from api.pages import page
from api.routes.sign_in import Line, check_lines, form
from registry.domain.access import Actor
from registry.domain.audit import utc_text
from registry.domain.device_grants import DeviceDecision, DeviceGrant, shown_code
from registry.domain.errors import BadRequest, PromptuaryError

router = APIRouter(include_in_schema=False)

PAGE = "/device"
LONGEST_CODE = 20
"""Letters that the form takes."""
_DECISIONS = {"allow": DeviceDecision.APPROVED, "deny": DeviceDecision.DENIED}


@router.get(PAGE)
async def show_device(registry: RegistryDep, request: Request, user_code: str = "") -> Response:
    """What asks under a code, or the form for one. Nothing is done yet, whatever address somebody was sent to."""
    actor: Actor | None = request.scope.get(ACTOR)
    if (elsewhere := _elsewhere(actor, user_code)) is not None or actor is None:
        return elsewhere or RedirectResponse("/sign-in", 303)
    if not user_code:
        return _page(request, actor)
    try:
        grant = await registry.signing_in.devices.find(actor, user_code)
    except PromptuaryError as error:
        return _page(request, actor, error=error, user_code=user_code)
    return _page(request, actor, grant)


@router.post(PAGE)
async def decide(registry: RegistryDep, request: Request, user_code: Line = "", decision: Line = "") -> Response:
    """Lets a device in, or turns it away; only from our own page."""
    actor: Actor | None = request.scope.get(ACTOR)
    if (elsewhere := _elsewhere(actor, user_code)) is not None or actor is None:
        return elsewhere or RedirectResponse("/sign-in", 303)
    check_cross_site(request.scope, dict(request.scope["headers"]), registry.settings.public_url, by_cookie=True)
    try:
        require_secure(request)
        check_lines(request, user_code)
        if decision not in _DECISIONS:
            raise BadRequest("Say whether it may: allow or deny.")
        await registry.signing_in.devices.decide(actor, user_code, _DECISIONS[decision])
    except PromptuaryError as error:
        return _page(request, actor, error=error, user_code=user_code)
    return page("device_done", request, message="", is_allowed=decision == "allow")


def _elsewhere(actor: Actor | None, user_code: str) -> Response | None:
    """Where somebody has to go first: to sign in, or to set a password of his own."""
    if actor is not None and not actor.must_change_password:
        return None
    onward = quote(f"{PAGE}?user_code={quote(user_code[:100], safe='')}" if user_code else PAGE, safe="/")
    return RedirectResponse(f"{'/sign-in' if actor is None else '/password'}?next={onward}", 303)


def _page(
    request: Request,
    actor: Actor,
    grant: DeviceGrant | None = None,
    *,
    error: PromptuaryError | None = None,
    user_code: str = "",
) -> Response:
    """What was typed in stays in the form where it was no code, or nothing was decided."""
    return form(
        "device",
        request,
        error,
        user_code=user_code[:LONGEST_CODE],
        user=actor.user,
        full_name=actor.name,
        grant=_shown(grant) if grant is not None else None,
    )


def _shown(grant: DeviceGrant) -> dict[str, str]:
    return {
        "code": shown_code(grant.user_code),
        "agent": grant.agent,
        "address": grant.address or "",
        "made_at": utc_text(grant.made_at.replace(microsecond=0)),
        "scope": grant.scope.value,
    }
