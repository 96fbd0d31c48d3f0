"""``promptuary group``: users to whom a role is granted together, in the data folder."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.administrating import administered
from api.commands.output import Data, Json, existing_data, run, write_json, write_table

if TYPE_CHECKING:
    from registry.domain.access import Group
    from registry.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, make and remove groups of users.")

Name = Annotated[str, typer.Argument(help="The group's name.", metavar="GROUP")]


@app.command("list")
def list_groups(data: Data = None, as_json: Json = False) -> None:
    """List the groups and who is in them.

    \b
    promptuary group list
    """
    found = run(_list(existing_data(data)))
    if as_json:
        write_json({"groups": [_body(each) for each in found]})
        return
    write_table(
        ("GROUP", "NAME", "MEMBERS", "BY PROVIDER"),
        [(g.group, g.name, ", ".join(g.members) or "none", _by_provider(g) or "none") for g in found],
    )


@app.command("put")
def put_group(
    group: Name,
    members: Annotated[
        list[str] | None, typer.Option("--member", help="Who is in it; may be repeated.", show_default=False)
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Nobody is in it.")] = False,
    name: Annotated[str | None, typer.Option(help="Its name for people.", show_default=False)] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a group, or change it: the members written here are those that are given, unless none is.

    \b
    promptuary group put support --name 고객지원 --member kim --member lee
    """
    wanted = [] if empty else members or None
    made = run(_put(existing_data(data), group, name, wanted))
    if as_json:
        write_json(_body(made))
    else:
        told = "; ".join(filter(None, (", ".join(made.members), _by_provider(made))))
        typer.echo(f"{made.group}: {told or 'nobody is in it'}.")


@app.command("remove")
def remove_group(group: Name, data: Data = None, as_json: Json = False) -> None:
    """Remove a group, and with it what was granted to it.

    \b
    promptuary group remove support
    """
    run(_remove(existing_data(data), group))
    if as_json:
        write_json({"group": group, "removed": True})
    else:
        typer.echo(f"Removed {group}.")


async def _list(settings: "Settings") -> "list[Group]":
    async with administered(settings) as (access, actor):
        return list(await access.groups(actor))


async def _put(settings: "Settings", group: str, name: str | None, members: list[str] | None) -> "Group":
    from registry.domain.account_names import group_name, user_name

    async with administered(settings) as (access, actor):
        wanted = [user_name(each) for each in members] if members is not None else None
        return await access.put_group(group_name(group), actor=actor, name=name, members=wanted)


async def _remove(settings: "Settings", group: str) -> None:
    from registry.domain.account_names import group_name

    async with administered(settings) as (access, actor):
        await access.remove_group(group_name(group), actor=actor)


def _body(group: "Group") -> dict[str, object]:
    return {
        "group": group.group,
        "name": group.name,
        "members": group.members,
        "members_by_provider": group.by_provider,
    }


def _by_provider(group: "Group") -> str:
    return "; ".join(f"{', '.join(users)} by {provider}" for provider, users in group.by_provider.items())
