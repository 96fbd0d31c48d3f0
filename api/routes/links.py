"""Inviting people, and links in the place of a password."""

from fastapi import APIRouter, Request, Response

from api.cookies import require_secure, set_session
from api.dependencies import NO_QUERY, RegistryDep
from api.documented import problems
from api.json_bodies import JsonRoute
from api.needs import ServerAdministrator
from api.routes.sessions import SET_COOKIE
from api.routes.users import ADMINISTERED, User
from api.schemas.links import InvitationRequest, JoinRequest, LinkBody, LinkRequest, ResetAsked, ResetRequest
from api.schemas.sign_in import SignedInBody
from registry.domain import errors as domain
from registry.domain.account_names import group_name, user_name

router = APIRouter(tags=["sign-in"], route_class=JsonRoute)

_GIVEN = problems(*ADMINISTERED, domain.NotFound, domain.Conflict, domain.PayloadTooLarge, 415, 422)
_PUBLIC = (domain.BadRequest, domain.Denied, domain.Unavailable, domain.PayloadTooLarge, 415, 422)


@router.post("/invitations", status_code=201, dependencies=[NO_QUERY], responses=_GIVEN)
async def invite(registry: RegistryDep, caller: ServerAdministrator, body: InvitationRequest) -> LinkBody:
    """Makes a user, and a link by which he chooses a password within seven days.

    It is mailed where mail is set up; else, and where that fails, it is in this answer and nowhere else. A user who
    has no password yet is invited again.
    """
    handed = await registry.signing_in.linking.invitations.invite(
        user_name(body.user),
        actor=caller,
        email=body.email,
        name=body.name,
        groups=[group_name(group) for group in body.groups],
        role=body.wanted,
        place=body.place,
        by_mail=body.mail,
    )
    return LinkBody.from_domain(handed)


@router.post("/users/{user}/password-link", status_code=201, dependencies=[NO_QUERY], responses=_GIVEN)
async def give_link(registry: RegistryDep, caller: ServerAdministrator, user: User, body: LinkRequest) -> LinkBody:
    """Makes a link by which a user sets a new password within an hour. The present one holds until he does."""
    resets = registry.signing_in.linking.resets
    return LinkBody.from_domain(await resets.give(user_name(user), caller, by_mail=body.mail))


@router.post("/password-resets", status_code=202, dependencies=[NO_QUERY], responses=problems(*_PUBLIC))
async def ask_for_reset(registry: RegistryDep, body: ResetRequest) -> ResetAsked:
    """Has a link mailed to who forgot his password. Whether there is such a user the answer does not say."""
    registry.signing_in.linking.resets.ask(body.user)
    return ResetAsked(sends_mail=registry.signing_in.linking.sends_mail)


@router.post(
    "/join", dependencies=[NO_QUERY], responses={200: SET_COOKIE, **problems(domain.Unauthenticated, *_PUBLIC)}
)
async def join(registry: RegistryDep, request: Request, response: Response, body: JoinRequest) -> SignedInBody:
    """Sets a password by a link, which works once, and begins a session. All former sessions of the user end."""
    require_secure(request)
    entrance = registry.signing_in
    agent = request.headers.get("user-agent", "")
    _, _, secret = await entrance.linking.links.accept(body.link, body.password, agent)
    set_session(response.headers, secret, registry.settings.session_span)
    return SignedInBody.from_domain(await entrance.identification.authenticate(secret))
