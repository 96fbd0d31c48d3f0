"""``promptuary user``: who there is, in the data folder, also while the server runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.administrating import administered
from api.commands.output import Data, Json, existing_data, run, write_json, write_table

if TYPE_CHECKING:
    from registry.domain.access import Identified, User
    from registry.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, make, invite, disable and remove users.")

Name = Annotated[str, typer.Argument(help="The user's name.", metavar="USER")]


@app.command("list")
def list_users(data: Data = None, as_json: Json = False) -> None:
    """List the users and what they may do, groups included.

    \b
    promptuary user list
    promptuary user list --json | jq -r '.users[].user'
    """
    found = run(_list(existing_data(data)))
    if as_json:
        write_json({"users": [_body(each) for each in found]})
        return
    rows = [(e.user.user, e.user.name, e.user.email, _state(e.user), _roles(e)) for e in found]
    write_table(("USER", "NAME", "E-MAIL", "STATE", "ROLES"), rows)


@app.command("put")
def put_user(
    user: Name,
    name: Annotated[str | None, typer.Option(help="For people; commits carry it.", show_default=False)] = None,
    email: Annotated[str | None, typer.Option(help="The e-mail address; commits carry it.", show_default=False)] = None,
    service: Annotated[
        bool | None, typer.Option("--service/--person", help="A program that never signs in.", show_default=False)
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a user, or change what is given. What the user may do is said with promptuary grant.

    \b
    promptuary user put kim --name 김민지 --email kim@example.com
    promptuary user put deploy --service
    """
    _tell(run(_put(existing_data(data), user, name=name, email=email, is_service=service)), as_json)


@app.command("disable")
def disable(user: Name, data: Data = None, as_json: Json = False) -> None:
    """Close every way in to a user, within seconds; keys and roles are kept.

    \b
    promptuary user disable kim
    """
    _tell(run(_put(existing_data(data), user, disabled=True, known=True)), as_json)


@app.command("enable")
def enable(user: Name, data: Data = None, as_json: Json = False) -> None:
    """Let a user in again.

    \b
    promptuary user enable kim
    """
    _tell(run(_put(existing_data(data), user, disabled=False, known=True)), as_json)


@app.command("remove")
def remove(user: Name, data: Data = None, as_json: Json = False) -> None:
    """Remove a user with his roles, keys and every way in. Commits and the audit go on naming him.

    \b
    promptuary user remove kim
    """
    run(_remove(existing_data(data), user))
    if as_json:
        write_json({"removed": user})
    else:
        typer.echo(f"Removed {user}.")


async def _list(settings: "Settings") -> "list[Identified]":
    from registry.domain.ids import UserName

    async with administered(settings) as (access, actor):
        return [await access.find_user(UserName(user.user), actor) for user in await access.users(actor)]


async def _put(
    settings: "Settings",
    user: str,
    *,
    name: str | None = None,
    email: str | None = None,
    is_service: bool | None = None,
    disabled: bool | None = None,
    known: bool = False,
) -> "User":
    from registry.domain.account_names import user_name

    async with administered(settings) as (access, actor):
        if known:
            await access.find_user(user_name(user), actor)
        return await access.put_user(
            user_name(user), actor=actor, name=name, email=email, is_service=is_service, disabled=disabled
        )


async def _remove(settings: "Settings", user: str) -> None:
    from registry.domain.account_names import user_name

    async with administered(settings) as (access, actor):
        await access.remove_user(user_name(user), actor=actor)


def _tell(user: "User", as_json: bool) -> None:
    if as_json:
        write_json(_user_body(user))
    else:
        typer.echo(f"{user.user}: {user.name} <{user.email}>, {_state(user)}.")


def _body(found: "Identified") -> dict[str, object]:
    roles = [{"role": role.value, "place": str(place)} for place, role in found.rights.roles]
    return {**_user_body(found.user), "roles": roles}


def _user_body(user: "User") -> dict[str, object]:
    return {
        "user": user.user,
        "name": user.name,
        "email": user.email,
        "is_service": user.is_service,
        "disabled_at": user.disabled_at,
    }


def _state(user: "User") -> str:
    if user.disabled_at is not None:
        return f"disabled since {user.disabled_at:%Y-%m-%d}"
    return "service" if user.is_service else "active"


def _roles(found: "Identified") -> str:
    return ", ".join(f"{role} at {place}" for place, role in found.rights.roles) or "none"
