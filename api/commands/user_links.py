"""``promptuary user invite`` and ``reset-password``: links by which people choose a password, mailed or shown."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.administrating import administered_registry, place_of, warn_of_empty_places
from api.commands.grant import RoleName
from api.commands.output import UNUSABLE, Data, Json, console, existing_data, fail, run, warn, write_json
from api.commands.user import Name

if TYPE_CHECKING:
    from registry.services.links import HandedOver
    from registry.settings import Settings


def invite(
    user: Name,
    email: Annotated[str, typer.Option(help="The e-mail address; commits carry it.")],
    name: Annotated[str | None, typer.Option(help="For people; commits carry it.", show_default=False)] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="A group to be in; may be repeated.", show_default=False)
    ] = None,
    role: Annotated[RoleName | None, typer.Option(help="A role to have.", show_default=False)] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Where: REPOSITORY or REPOSITORY/FOLDER. [default: the server]", metavar="PLACE", show_default=False
        ),
    ] = None,
    shown: Annotated[bool, typer.Option("--print", help="Show the link, and mail nothing.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a user, and a link by which he chooses a password within seven days.

    It is mailed where PROMPTUARY_SMTP_URL and PROMPTUARY_PUBLIC_URL are set; else, and where that fails, it is shown,
    this once. Who has no password yet is invited again.

    \b
    promptuary user invite kim --email kim@example.com --name 김민지 --role author --at default/support
    """
    if at is not None and role is None:
        fail("--at says where a role counts: say --role, too", UNUSABLE)
    settings = existing_data(data)
    given = _invite(settings, user, email, name, group or [], role.value if role else None, at, by_mail=not shown)
    _tell(run(given), as_json)


def reset_password(
    user: Name,
    by_mail: Annotated[bool, typer.Option("--mail", help="Mail the link instead of showing it.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show a link by which a user sets a new password within an hour. The present one holds until he does.

    \b
    promptuary user reset-password kim
    promptuary user reset-password kim --mail
    """
    _tell(run(_reset(existing_data(data), user, by_mail=by_mail)), as_json)


async def _invite(
    settings: "Settings",
    user: str,
    email: str,
    name: str | None,
    groups: list[str],
    role: str | None,
    at: str | None,
    *,
    by_mail: bool,
) -> "HandedOver":
    from registry.domain.account_names import group_name, user_name
    from registry.domain.roles import Role

    place = place_of(at)
    async with administered_registry(settings) as (registry, actor):
        handed = await registry.signing_in.linking.invitations.invite(
            user_name(user),
            actor=actor,
            email=email,
            name=name,
            groups=[group_name(each) for each in groups],
            role=Role(role) if role is not None else None,
            place=place,
            by_mail=by_mail,
        )
        warn_of_empty_places(registry, [place])
        return handed


async def _reset(settings: "Settings", user: str, *, by_mail: bool) -> "HandedOver":
    from registry.domain.account_names import user_name

    async with administered_registry(settings) as (registry, actor):
        return await registry.signing_in.linking.resets.give(user_name(user), actor, by_mail=by_mail)


def _tell(handed: "HandedOver", as_json: bool) -> None:
    if as_json:
        write_json(_body(handed))
        return
    if handed.why is not None:
        warn(handed.why)
    if handed.mailed:
        typer.echo(f"Mailed to {handed.user.user} <{handed.user.email}>{_until(handed)}.")
        return
    what = "A link for" if handed.expires_at is not None else "Where to sign in, for"
    console(stderr=True).print(f"{what} {handed.user.user}{_until(handed)}. Give it to nobody else:")
    typer.echo(handed.address)


def _until(handed: "HandedOver") -> str:
    return f", for one use until {handed.expires_at:%Y-%m-%d %H:%M} UTC" if handed.expires_at is not None else ""


def _body(handed: "HandedOver") -> dict[str, object]:
    return {
        "user": handed.user.user,
        "kind": handed.kind.value,
        "mailed": handed.mailed,
        "link": handed.address,
        "expires_at": handed.expires_at,
        "not_mailed_because": handed.why,
    }
