"""``promptuary login``, ``logout`` and ``whoami``: signing in to a server from a terminal."""

import time
from contextlib import nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.options import KeyFile, Url
from api.commands.output import REFUSED, UNUSABLE, Json, console, fail, plain, warn, write_json

if TYPE_CHECKING:
    from api.commands.logins import StoredLogin
    from api.commands.token_server import TokenServer

LATER_SECONDS = 5.0
"""How much less often is asked where the server says that it is too often."""


class LoginScope(StrEnum):
    """What the login allows."""

    READ = "read"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"


def login(
    url: Url = None,
    scope: Annotated[
        LoginScope, typer.Option(help="What it allows at most, whatever you may do; each includes those before it.")
    ] = LoginScope.WRITE,
    browser: Annotated[bool, typer.Option("--browser", help="Open the page in a browser on this machine.")] = False,
) -> None:
    """Sign in to a server: it shows a code, and you let it in on a page in a browser, on whatever machine.

    Commands that ask that server use it from then on, where no key is set. It is kept in
    ~/.config/promptuary/credentials.json, and ends with promptuary logout, or after 30 days without a use.

    \b
    promptuary login
    promptuary login --url https://prompts.example.com --scope read
    """
    from api.commands.logins import LoginFile
    from api.commands.token_server import TokenServer
    from api.commands.transport import NoAnswer

    address = _address(url)
    server, file = TokenServer(address), LoginFile()
    try:
        former = file.find(address)
        given = _wait(server, _begin(server, scope, browser=browser))
        with file.locked():
            file.put(address, given)
    except NoAnswer as error:
        fail(str(error), UNUSABLE)
    if former is not None:
        _forget(server, former.refresh_token)
    typer.echo(f"Signed in to {server.shown} as {given.user}, for scope {given.scope}.")


def logout(url: Url = None) -> None:
    """Sign out: what promptuary login keeps of a server holds no more, and is forgotten.

    \b
    promptuary logout
    promptuary logout --url https://prompts.example.com
    """
    from api.commands.logins import LoginFile
    from api.commands.token_server import TokenServer
    from api.commands.transport import NoAnswer

    address = _address(url)
    server, file = TokenServer(address), LoginFile()
    try:
        with file.locked():
            stored = file.find(address)
            file.put(address, None)
    except NoAnswer as error:
        fail(str(error), UNUSABLE)
    if stored is None:
        fail(f"nobody is signed in to {server.shown}", REFUSED)
    if not _forget(server, stored.refresh_token):
        warn(f"{server.shown} could not be told: there the login holds until it ends by itself")
    typer.echo(f"Signed out of {server.shown}.")


def whoami(url: Url = None, key_file: KeyFile = None, as_json: Json = False) -> None:
    """Show as whom a server is asked, and by what: a key or a login.

    \b
    promptuary whoami
    promptuary whoami --url https://prompts.example.com --json
    """
    from api.commands.remote import open_server, refuse
    from api.commands.transport import NoAnswer

    server = open_server(url, None, key_file)
    try:
        reply = server.look("/api/v1/key")
        if reply.status != 200:
            refuse(reply)
        found = reply.json("user", "name", "scope", "id")
    except NoAnswer as error:
        fail(str(error), UNUSABLE)
    way = f"the key {found['id']}" if found["id"] is not None else "a login"
    if as_json:
        said = {"user": found["user"], "name": found["name"], "scope": found["scope"], "key": found["id"]}
        write_json({"server": server.shown, **said})
        return
    typer.echo(plain(f"{found['user']} ({found['name']}) at {server.shown}, by {way}, for scope {found['scope']}"))


def _address(url: str | None) -> str:
    from api.commands.addresses import address_fault, without_password
    from registry.settings import ClientSettings

    address = ClientSettings().url if url is None else url
    if fault := address_fault(address):
        said = "PROMPTUARY_URL" if url is None else "--url"
        fail(f"{said} {without_password(address)!r} {fault}", UNUSABLE)
    return address


def _begin(server: "TokenServer", scope: str, *, browser: bool) -> dict[str, Any]:
    """The codes of a sign-in, which are shown. Ends the program where the server gives none."""
    from api.commands.token_server import fault_of

    reply = server.begin(scope)
    if reply.status != 200:
        fail(f"{server.shown}: {fault_of(reply)[1]}", UNUSABLE if reply.status >= 500 else REFUSED)
    asked = reply.json("device_code", "user_code", "verification_uri_complete", "expires_in", "interval")
    page = plain(str(asked["verification_uri_complete"]))
    typer.echo(f"To sign in to {server.shown}, open this page, and let the program in that shows the same code:\n")
    typer.echo(f"  {page}\n\n  {plain(str(asked['user_code']))}\n")
    if browser and page.startswith(("https://", "http://")):
        import webbrowser

        if not webbrowser.open(page):
            warn("no browser could be opened: open the page yourself")
    return asked


def _wait(server: "TokenServer", asked: dict[str, Any]) -> "StoredLogin":
    """The tokens, as soon as somebody has let the program in. Ends the program where nobody does."""
    from api.commands.logins import StoredLogin
    from api.commands.token_server import fault_of
    from api.commands.transport import NoAnswer

    out = console(stderr=True)
    interval, until = _seconds(asked["interval"], 5.0), time.monotonic() + _seconds(asked["expires_in"], 600.0)
    with out.status("Waiting for you to let it in …") if out.is_terminal else nullcontext():
        while True:
            time.sleep(interval)
            if time.monotonic() > until:
                fail(f"nobody let the program in at {server.shown} in time: try again", REFUSED)
            asked_at = time.time()
            try:
                reply = server.redeem(str(asked["device_code"]))
            except NoAnswer:  # it may be there again before the code has ended
                interval += LATER_SECONDS
                continue
            if reply.status == 200:
                return StoredLogin.of(reply, asked_at)
            fault, said = fault_of(reply)
            if fault == "slow_down":
                interval += LATER_SECONDS
            elif fault != "authorization_pending" and reply.status < 500:
                fail(f"{server.shown}: {said}", REFUSED)


def _seconds(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value <= 3_600 else otherwise


def _forget(server: "TokenServer", refresh_token: str) -> bool:
    """Ends a login at the server; whether that worked."""
    from api.commands.transport import NoAnswer

    try:
        return server.revoke(refresh_token).status == 200
    except NoAnswer:
        return False
