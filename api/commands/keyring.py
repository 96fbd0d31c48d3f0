"""``promptuary keyring``: shows and rotates the keys under which secrets are encrypted, also while the server runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.acting import acting_locally
from api.commands.output import Data, Json, console, existing_data, run, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.keyring import RingKey
    from registry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Show and rotate the keys that encrypt stored secrets."
)


@app.command("list")
def list_keys(data: Data = None, as_json: Json = False) -> None:
    """List the keys of the ring, oldest first; never what they are made of.

    \b
    promptuary keyring list
    """
    keys = run(_list(existing_data(data)))
    if as_json:
        write_json({"keys": [_body(key) for key in keys]})
        return
    write_table(("ID", "MADE", "STATE"), [(k.id, k.made_at.strftime("%Y-%m-%d %H:%M"), k.state) for k in keys])


@app.command("rotate")
def rotate(
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="Only make the next key: give every machine the file, then rotate without this."
        ),
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Encrypt under a new key from now on. Former keys stay in the ring, so that nothing becomes unreadable.

    \b
    promptuary keyring rotate
    promptuary keyring rotate --prepare   with several machines: prepare, copy the file, rotate
    """
    key, renewed = run(_rotate(existing_data(data), prepare=prepare))
    if as_json:
        write_json({**_body(key), "renewed": renewed})
    elif prepare:
        console(stderr=True).print(f"Made the key {key.id}. Give every machine the key ring, then rotate.")
    else:
        console(stderr=True).print(f"The key {key.id} is current. Stored anew under it: {renewed}.")


async def _list(settings: "Settings") -> "Sequence[RingKey]":
    from registry.bootstrap import open_registry

    async with open_registry(settings) as registry:
        return registry.keyring.list_keys()


async def _rotate(settings: "Settings", *, prepare: bool) -> tuple["RingKey", int]:
    """The key, and how much of what is stored was stored anew under it."""
    from datetime import UTC, datetime

    from registry.bootstrap import open_registry
    from registry.domain.audit import AuditAction

    async with open_registry(settings) as registry:
        key = registry.keyring.rotate(datetime.now(UTC), prepare=prepare)
        with acting_locally():
            said = {"id": key.id, "state": key.state.value}
            await registry.audit.enter(registry.audit.draft(AuditAction.KEYRING_ROTATED, new=said))
        return key, 0 if prepare else sum([await holder.renew(registry.keyring) for holder in registry.secret_holders])


def _body(key: "RingKey") -> dict[str, object]:
    return {"id": key.id, "made_at": key.made_at, "state": key.state.value}
