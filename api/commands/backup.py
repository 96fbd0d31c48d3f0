"""``promptuary backup`` and ``promptuary restore``: everything into one archive, and back."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.acting import acting_locally
from api.commands.output import Data, Json, console, existing_data, run, settings_of, write_json

if TYPE_CHECKING:
    from registry.domain.backups import ArchiveManifest
    from registry.settings import Settings

Place = Annotated[str, typer.Argument(help="Where archives lie: a folder, or s3://BUCKET/PREFIX.", metavar="PLACE")]


def backup(
    place: Place,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Delete all archives but so many of the newest afterwards.", show_default=False),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an archive of everything, also while the server runs: Git, users, keys, reads and audit.

    It holds whatever the templates hold, so keep it as safe as the server; only its owner may read it.

    \b
    promptuary backup /backups
    promptuary backup /backups --keep 7 --json
    promptuary backup s3://our-backups/promptuary --keep 30
    """
    settings = existing_data(data)
    made, gone = run(_backup(settings, place, keep, quiet=as_json))
    if as_json:
        write_json({**_body(made), "place": place, "deleted": gone})
        return
    typer.echo(f"Made {made.id} in {place}: {_summary(made)}.")
    for each in gone:
        typer.echo(f"Deleted {each}.")


def restore(
    place: Place,
    archive: Annotated[
        str | None, typer.Option(help="Which archive. [default: the newest that is whole]", show_default=False)
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only read the archive, and say whether it is whole.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Bring a registry back from an archive, into an empty data folder; no server may run on it.

    With PROMPTUARY_DATABASE_URL set it goes into that database, from whichever kind it was made. Nothing is changed
    before the whole archive was found to be as it was written.

    \b
    promptuary restore /backups --check
    promptuary restore /backups --data /var/lib/promptuary
    promptuary restore /backups --archive 20261128T205901Z-3f9ac1d2
    """
    if check:
        found = run(_check(place, archive, quiet=as_json))
        done = "is whole"
    else:
        found = run(_restore(settings_of(data), place, archive, quiet=as_json))
        done = f"is restored to {settings_of(data).data.resolve()}"
    if as_json:
        write_json({**_body(found), "place": place, "restored": not check})
        return
    typer.echo(f"{found.id}, made {found.made_at:%Y-%m-%d %H:%M} UTC, {done}: {_summary(found)}.")
    if not check:
        folder = shlex.quote(str(settings_of(data).data))
        typer.echo(f"Keys hold as before. Start the server with: promptuary serve --data {folder}")


async def _backup(
    settings: "Settings", place: str, keep: int | None, *, quiet: bool
) -> "tuple[ArchiveManifest, list[str]]":
    from registry.bootstrap import open_registry
    from registry.disk import open_blob_store

    store = open_blob_store(place)
    async with open_registry(settings) as registry:
        with showing_parts("Backing up", quiet=quiet) as progress:
            made = await registry.backups.make(store, progress)
        return made, await registry.backups.sweep(store, keep)


async def _check(place: str, archive: str | None, *, quiet: bool) -> "ArchiveManifest":
    from api.restoring import check_archive
    from registry.disk import open_blob_store

    with showing_parts("Checking", quiet=quiet) as progress:
        return check_archive(open_blob_store(place), archive, progress)


async def _restore(settings: "Settings", place: str, archive: str | None, *, quiet: bool) -> "ArchiveManifest":
    from api.restoring import restore as bring_back
    from registry.disk import open_blob_store

    with showing_parts("Restoring", quiet=quiet) as progress, acting_locally():
        return await bring_back(settings, open_blob_store(place), archive, progress)


@contextmanager
def showing_parts(title: str, *, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal's standard error, with what is being done; nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    out = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=quiet or not out.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=f"{title}: {what}", completed=done, total=total)

        yield show


def _summary(manifest: "ArchiveManifest") -> str:
    from registry.domain.wording import counted

    def kept(kind: str) -> str:
        return counted(manifest.records.get(kind, 0), kind.replace("_", " "))

    size = f"{manifest.size / 1e6:.1f} MB" if manifest.size >= 100_000 else f"{manifest.size} bytes"
    audited = f"{manifest.records.get('audit_entry', 0):,} entries of the audit"
    repositories = counted(len(manifest.repositories), "repository")
    return ", ".join([repositories, kept("user"), kept("key"), kept("read_count"), audited, size])


def _body(manifest: "ArchiveManifest") -> dict[str, object]:
    return {
        "archive": manifest.id,
        "made_at": manifest.made_at,
        "made_by": manifest.made_by,
        "bytes": manifest.size,
        "repositories": [
            {"name": each.name, "commit": each.refs.get(each.default_branch), "refs": len(each.refs)}
            for each in manifest.repositories
        ],
        "records": manifest.records,
        "registry_id": manifest.registry_id,
    }
