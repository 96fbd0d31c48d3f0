"""The pages behind a link: choosing a password, and asking for a link in the place of a forgotten one."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.cookies import require_secure
from api.dependencies import RegistryDep
from api.page_texts import TEXTS
from api.pages import FIRST_PAGE, language_of
from api.routes.sign_in import LONGEST_LINE, Line, check_lines, form, signed_in
from registry.domain.errors import BadRequest, PromptuaryError

router = APIRouter(include_in_schema=False)


@router.get("/join")
async def show_join(request: Request) -> Response:
    """The form of a password. Which link it is for stands behind the address's #, which only the browser sees."""
    try:
        require_secure(request)
    except PromptuaryError as error:
        return form("join", request, error, link="")
    return form("join", request, None, link="")


@router.post("/join")
async def join(
    registry: RegistryDep, request: Request, link: Line = "", password: Line = "", again: Line = ""
) -> Response:
    """Sets the password, and goes on signed in. A link that holds stays in the form where the password will not do."""
    try:
        require_secure(request)
        check_lines(request, link, password)
        if password != again:
            raise BadRequest(TEXTS[language_of(request)]["not_alike"])
        agent = request.headers.get("user-agent", "")
        _, _, secret = await registry.signing_in.linking.links.accept(link, password, agent)
    except PromptuaryError as error:
        return form("join", request, error, link=link[:LONGEST_LINE])
    return signed_in(registry, FIRST_PAGE, secret)


@router.get("/reset")
async def show_reset(registry: RegistryDep, request: Request) -> Response:
    """Asks who forgot his password."""
    return form("reset", request, None, is_asked=False, sends_mail=registry.signing_in.linking.sends_mail)


@router.post("/reset")
async def ask_for_reset(registry: RegistryDep, request: Request, user: Line = "") -> Response:
    """Has a link mailed; says the same whoever there is."""
    linking = registry.signing_in.linking
    try:
        check_lines(request, user)
        linking.resets.ask(user)
    except PromptuaryError as error:
        return form("reset", request, error, is_asked=False, sends_mail=linking.sends_mail)
    return form("reset", request, None, is_asked=True, sends_mail=linking.sends_mail)
