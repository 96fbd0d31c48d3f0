"""``promptuary grant``: which role somebody has where, in the data folder, also while the server runs."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.administrating import administered, administered_registry, place_of, warn_of_empty_places
from api.commands.output import UNUSABLE, Data, Json, existing_data, fail, run, write_json, write_table

if TYPE_CHECKING:
    from registry.domain.access import Grant
    from registry.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Grant roles to users and groups.")


class RoleName(StrEnum):
    """The roles, weakest first."""

    READER = "reader"
    AUTHOR = "author"
    MAINTAINER = "maintainer"
    ADMINISTRATOR = "administrator"


@app.command("list")
def list_grants(data: Data = None, as_json: Json = False) -> None:
    """List what was granted, to whom, where and by whom.

    \b
    promptuary grant list
    """
    found = run(_list(existing_data(data)))
    if as_json:
        write_json({"grants": [_body(each) for each in found]})
        return
    rows = [(g.id, _subject(g), g.role, g.place, f"{g.made_at:%Y-%m-%d %H:%M}", g.made_by) for g in found]
    write_table(("ID", "TO", "ROLE", "AT", "MADE", "BY"), rows)


@app.command("add")
def add_grant(
    role: Annotated[RoleName, typer.Argument(help="The role; each includes those before it.")],
    at: Annotated[
        str | None,
        typer.Option(
            help="Where: REPOSITORY or REPOSITORY/FOLDER. [default: the server]", metavar="PLACE", show_default=False
        ),
    ] = None,
    user: Annotated[str | None, typer.Option(help="To this user.", show_default=False)] = None,
    group: Annotated[str | None, typer.Option(help="To this group.", show_default=False)] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Grant a role. It adds to what there is, and counts within seconds.

    \b
    promptuary grant add author --user kim --at default/고객지원
    promptuary grant add reader --group support
    """
    if (user is None) == (group is None):
        fail("say --user or --group, one of the two", UNUSABLE)
    _tell(run(_add(existing_data(data), role.value, at, user, group)), as_json, "has the role")


@app.command("remove")
def remove_grant(
    grant: Annotated[str, typer.Argument(help="The grant's id, as list shows it.", metavar="ID")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Take a grant back. It counts within seconds.

    \b
    promptuary grant remove 5f0c9d1e2b3a
    """
    _tell(run(_remove(existing_data(data), grant)), as_json, "no longer has the role")


async def _list(settings: "Settings") -> "list[Grant]":
    async with administered(settings) as (access, actor):
        return list(await access.grants(actor))


async def _add(settings: "Settings", role: str, at: str | None, user: str | None, group: str | None) -> "Grant":
    from registry.domain.account_names import group_name, user_name
    from registry.domain.roles import Role

    place = place_of(at)
    async with administered_registry(settings) as (registry, actor):
        made = await registry.access.grant(
            Role(role),
            place,
            actor=actor,
            user=user_name(user) if user is not None else None,
            group=group_name(group) if group is not None else None,
        )
        warn_of_empty_places(registry, [place])
        return made


async def _remove(settings: "Settings", grant: str) -> "Grant":
    async with administered(settings) as (access, actor):
        return await access.take_back(grant, actor=actor)


def _tell(grant: "Grant", as_json: bool, says: str) -> None:
    if as_json:
        write_json(_body(grant))
    else:
        typer.echo(f"{_subject(grant)} {says} {grant.role} at {grant.place} (grant {grant.id}).")


def _subject(grant: "Grant") -> str:
    return grant.user if grant.user is not None else f"group {grant.group}"


def _body(grant: "Grant") -> dict[str, object]:
    return {
        "id": grant.id,
        "role": grant.role.value,
        "repository": grant.place.repository,
        "folder": grant.place.folder or None,
        "user": grant.user,
        "group": grant.group,
        "made_at": grant.made_at,
        "made_by": grant.made_by,
    }
