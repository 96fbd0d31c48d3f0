"""``promptuary key``: makes, lists and revokes API keys in the data folder, also while the server runs."""

import re
import sys
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.acting import acting_locally
from api.commands.administrating import nearest, place_of, warn_of_empty_places
from api.commands.output import UNUSABLE, Data, Json, console, existing_data, fail, run, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.bootstrap import Registry
    from registry.domain.access import ApiKey
    from registry.domain.rights import Place
    from registry.services.accounts import KeyOwner
    from registry.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list and revoke API keys.")

_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhdwy])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


class KeyScope(StrEnum):
    """What a key allows."""

    READ = "read"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"


@app.command("create")
def create(
    user: Annotated[
        str | None,
        typer.Option(help="Whose key it is; made if new. [default: the first administrator]", show_default=False),
    ] = None,
    scope: Annotated[
        KeyScope, typer.Option(help="What it allows at most; each includes those before it.")
    ] = KeyScope.READ,
    expires: Annotated[
        str | None,
        typer.Option(help="How long it holds: 30m, 12h, 90d, 4w, 1y. [default: for ever]", show_default=False),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            help="Where alone it can be used: REPOSITORY or REPOSITORY/FOLDER; may be repeated. [default: wherever "
            "its user may be]",
            metavar="PLACE",
            show_default=False,
        ),
    ] = None,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an API key and show it, once. A user who has no role yet gets that of the scope.

    \b
    promptuary key create
    promptuary key create --user ci --scope write --expires 90d
    promptuary key create --user app --at default/support
    PROMPTUARY_KEY=$(promptuary key create --json | jq -r .key)
    """
    expires_in = parse_duration(expires) if expires is not None else None
    key, secret, made = run(_create(existing_data(data), user, scope.value, expires_in, note, at or []))
    if made:
        console(stderr=True).print(made)
    if as_json:
        write_json({"key": secret, **_body(key)})
        return
    console(stderr=True).print(
        f"A key of scope {key.scope} for {key.user}, id {key.id}, {_validity(key.expires_at)}. It is shown this once:"
    )
    typer.echo(secret)


@app.command("list")
def list_keys(
    user: Annotated[str | None, typer.Option(help="Only this user's.", show_default=False)] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the keys, newest first; the keys themselves are not kept.

    \b
    promptuary key list
    promptuary key list --user ci --json
    """
    keys = run(_list(existing_data(data), user))
    if as_json:
        write_json({"keys": [_body(key) for key in keys]})
        return
    write_table(
        ("ID", "USER", "SCOPE", "AT", "MADE", "BY KEY", "USED", "STATE", "NOTE"),
        [
            (k.id, k.user, k.scope, _places(k), _day(k.created_at), k.made_by or "none", _used(k), _state(k), k.note)
            for k in keys
        ],
        optional=("BY KEY", "USED", "AT"),
    )


@app.command("rotate")
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key's id, as list shows it.", metavar="ID")],
    overlap: Annotated[str, typer.Option(help="How long the old key goes on: 30m, 24h, 7d.")] = "24h",
    expires: Annotated[
        str | None, typer.Option(help="How long the new one holds. [default: for ever]", show_default=False)
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a key like another one, which goes on for a while, and show it, once.

    \b
    promptuary key rotate 3f9ac1d2b4e5 --overlap 7d --expires 90d
    """
    ends = parse_duration(expires) if expires is not None else None
    new, old, secret = run(_rotate(existing_data(data), key_id, parse_duration(overlap, "--overlap"), ends))
    if as_json:
        write_json({"key": secret, **_body(new), "old": _body(old)})
        return
    console(stderr=True).print(
        f"A key like {old.id}, id {new.id}, {_validity(new.expires_at)}; the old one is {_validity(old.expires_at)}. "
        "It is shown this once:"
    )
    typer.echo(secret)


@app.command("revoke")
def revoke(
    key_id: Annotated[
        str, typer.Argument(help="The key's id, as list shows it; - reads the key itself.", metavar="ID")
    ],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Revoke a key and all keys that came of it. A running server takes them no longer within seconds.

    \b
    promptuary key revoke 3f9ac1d2b4e5
    promptuary key revoke -    # paste a key that leaked, then Enter
    """
    from registry.domain.key_secrets import KEY_PREFIX

    if key_id.startswith(KEY_PREFIX):
        fail("that is a key itself, which shells keep: say its id, or - and paste it", UNUSABLE)
    key, earlier, others = run(_revoke(existing_data(data), key_id))
    if as_json:
        write_json({"id": key, "revoked": True, "with_it": others})
    elif earlier is not None:
        typer.echo(f"{key} was revoked before, on {_day(earlier)} UTC.")
    else:
        typer.echo(f"Revoked {', and what came of it: '.join(filter(None, (key, ', '.join(others))))}.")


def parse_duration(text: str, option: str = "--expires") -> timedelta:
    """A duration such as ``90d``. Ends the program where it is none."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        fail(f"{option} {text!r} is no duration: write a number and m, h, d, w or y, such as 90d", UNUSABLE)
    return int(found[1]) * _UNITS[found[2]]


async def _create(
    settings: "Settings", user: str | None, scope: str, expires_in: timedelta | None, note: str, at: list[str]
) -> tuple["ApiKey", str, str]:
    """The key, its secret, and what else was made."""
    from hooks.local import system_actor
    from registry.bootstrap import open_registry
    from registry.domain.access import WantedKey
    from registry.domain.rights import SERVER
    from registry.domain.roles import Scope

    wanted = WantedKey(Scope(scope), tuple(place_of(each) for each in at) or (SERVER,), note, expires_in)
    async with open_registry(settings) as registry:
        await _refuse_misspelt(registry, user)
        with acting_locally():
            owner = await registry.accounts.owner(user, wanted.scope.ceiling, wanted.places, system_actor().user)
            key, secret = await registry.accounts.make_key(owner.user, wanted)
            warn_of_empty_places(registry, wanted.places)
            return key, secret, _made(owner, wanted.places)


async def _refuse_misspelt(registry: "Registry", user: str | None) -> None:
    """Ends the program where there is no such user but one of nearly that name: none is made by a slip."""
    from hooks.local import system_actor
    from registry.domain.rights import EVERY_RIGHT

    if user is None:
        return
    known = [each.user for each in await registry.access.users(system_actor(EVERY_RIGHT))]
    if user not in known and (hint := nearest(user, known)):
        fail(f"there is no user {user}{hint}: to make a new one of that name, promptuary user put {user}", UNUSABLE)


def _made(owner: "KeyOwner", places: "Sequence[Place]") -> str:
    """What is said where a key's user was not there, or had no role: a misspelt name is seen so."""
    if owner.role is None:
        return ""
    where = ", ".join(map(str, places))
    if owner.is_new:
        return f"Made the user {owner.user.user}, {owner.role} at {where}."
    return f"{owner.user.user} had no role and is {owner.role} at {where} now."


async def _list(settings: "Settings", user: str | None) -> list["ApiKey"]:
    from registry.bootstrap import open_registry

    async with open_registry(settings) as registry:
        return await registry.accounts.list_keys(user)


async def _rotate(
    settings: "Settings", key_id: str, overlap: timedelta, expires_in: timedelta | None
) -> tuple["ApiKey", "ApiKey", str]:
    from hooks.local import system_actor
    from registry.bootstrap import open_registry
    from registry.domain.rights import EVERY_RIGHT

    async with open_registry(settings) as registry:
        actor = system_actor(EVERY_RIGHT)
        with acting_locally():
            return await registry.api_keys.rotate(actor, key_id, overlap=overlap, expires_in=expires_in)


async def _revoke(settings: "Settings", key_id: str) -> tuple[str, datetime | None, list[str]]:
    """Revokes the key: its id, when it had been revoked before, where it had, and which others were with it."""
    from registry.bootstrap import open_registry
    from registry.domain.key_secrets import hash_secret

    pasted = hash_secret(sys.stdin.readline().strip()) if key_id == "-" else None
    async with open_registry(settings) as registry:
        keys = await registry.accounts.list_keys()
        found = next((key for key in keys if key.hash == pasted or key.id == key_id), None)
        if found is None and pasted is not None:
            fail("there is no such key here: it was never one of this server's, or its user was removed")
        if found is not None and found.revoked_at is not None:
            return found.id, found.revoked_at, []
        key_id = found.id if found is not None else key_id
        with acting_locally():
            return key_id, None, [key.id for key in await registry.accounts.revoke_key(key_id) if key.id != key_id]


def _body(key: "ApiKey") -> dict[str, object]:
    return {
        "id": key.id,
        "user": key.user,
        "scope": key.scope.value,
        "places": [str(place) for place in key.places if place.repository is not None],
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "used_at": key.used_at,
        "note": key.note,
        "made_by": key.made_by,
    }


def _used(key: "ApiKey") -> str:
    return _day(key.used_at) if key.used_at is not None else "never"


def _places(key: "ApiKey") -> str:
    return ", ".join(map(str, key.places))


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _validity(expires_at: datetime | None) -> str:
    return f"valid until {_day(expires_at)} UTC" if expires_at else "without an end"


def _state(key: "ApiKey") -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    expired = key.expires_at <= datetime.now(key.expires_at.tzinfo)
    return f"{'expired' if expired else 'until'} {_day(key.expires_at)}"
