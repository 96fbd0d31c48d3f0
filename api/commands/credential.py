"""``promptuary credential``: what Git asks for a password (gitcredentials(7)), given from the logins."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.output import warn

if TYPE_CHECKING:
    from api.commands.logins import LoginFile

MOST_LETTERS = 65_536


class CredentialAction(StrEnum):
    """What Git wants."""

    GET = "get"
    STORE = "store"
    ERASE = "erase"


def credential(
    action: Annotated[CredentialAction, typer.Argument(help="What Git wants; Git itself says it.")],
) -> None:
    """Give Git a password for servers that you are signed in to with promptuary login.

    Git starts it, and is told to once; for all other servers it says nothing.

    \b
    git config --global credential.helper '!promptuary credential'
    promptuary login --url https://prompts.example.com
    git clone https://prompts.example.com/git/default.git
    """
    from api.commands.logins import LoginFile
    from api.commands.transport import NoAnswer

    asked = _asked(sys.stdin.read(MOST_LETTERS))
    try:
        if action is CredentialAction.GET:
            _give(asked, LoginFile())
        elif action is CredentialAction.ERASE:
            _erase(asked, LoginFile())
    except NoAnswer as error:
        warn(str(error))  # Git goes on, and asks others


def _asked(text: str) -> Mapping[str, str]:
    """The attributes that Git tells, up to the first empty line."""
    lines = text.partition("\n\n")[0].splitlines()
    return {name: value for name, mark, value in (line.partition("=") for line in lines) if mark}


def _address(asked: Mapping[str, str], file: "LoginFile") -> str | None:
    """The server of a login that Git asks for; None where there is none at that host."""
    from api.commands.logins import server_address

    if asked.get("protocol") not in {"http", "https"} or not asked.get("host"):
        return None
    wanted = server_address(f"{asked['protocol']}://{asked['host']}")
    return next((each for each in file.addresses() if each == wanted or each.startswith(f"{wanted}/")), None)


def _give(asked: Mapping[str, str], file: "LoginFile") -> None:
    from api.commands.logins import Login

    address = _address(asked, file)
    if address is None:
        return
    login = Login(address, file)
    token, stored = login.access_token(), file.find(address)
    if stored is None or asked.get("username", stored.user) != stored.user:
        return
    typer.echo(f"username={stored.user}\npassword={token}\npassword_expiry_utc={int(stored.expires_at)}")


def _erase(asked: Mapping[str, str], file: "LoginFile") -> None:
    """A token that the server refused is not given again: the next one is asked for."""
    from dataclasses import replace

    address = _address(asked, file)
    if address is None:
        return
    with file.locked():
        stored = file.find(address)
        if stored is not None and stored.access_token == asked.get("password"):
            file.put(address, replace(stored, expires_at=0.0))
