"""``promptuary init``: makes another repository."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.acting import acting_locally
from api.commands.output import Data, Json, run, settings_of, write_json

if TYPE_CHECKING:
    from registry.settings import Settings


def init(
    name: Annotated[str, typer.Argument(help="Its name: a-z, 0-9, dot, dash, underscore.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an empty repository with Promptuary's hooks; a running server serves it at once.

    \b
    promptuary init marketing
    """
    settings = settings_of(data)
    path = run(_init(settings, name))
    if as_json:
        write_json({"name": name, "path": path, "git_path": f"/git/{name}.git"})
        return
    address = _address(settings)
    if address is None:
        typer.echo(f"Made {name} in {path}.")
        return
    key = shlex.quote(str(settings.data.resolve() / "admin-key"))
    typer.echo(f"Made {name} in {path}. While the server runs, clone it with:")
    typer.echo(f'  git -c http.extraHeader="Authorization: Bearer $(cat {key})" clone {address}/git/{name}.git')


def _address(settings: "Settings") -> str | None:
    """Where the server is asked: PROMPTUARY_URL where it is set, else as it is bound; None where no port is fixed."""
    from api.commands.addresses import without_password
    from registry.settings import ClientSettings

    client = ClientSettings()
    if "url" in client.model_fields_set:
        return without_password(client.url).rstrip("/")
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104  (compared, not bound)
    return f"http://{host}:{settings.port}" if settings.port else None


async def _init(settings: "Settings", name: str) -> str:
    from registry.bootstrap import open_registry
    from registry.catalogue_place import remember_catalogue
    from registry.domain.audit import AuditAction

    async with open_registry(settings) as registry:
        made = registry.repositories.create(name)
        path = registry.git.path(made)
        with acting_locally():
            told = registry.audit.draft(AuditAction.REPOSITORY_CREATED, repository=made)
            await registry.audit.enter(told)
        remember_catalogue(settings)
        await registry.accounts.ensure_administrator()  # the key that the printed command reads
        return str(path)
