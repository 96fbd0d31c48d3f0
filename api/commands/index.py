"""``promptuary index``: the read model beside Git, in the data folder, also while the server runs."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.output import REFUSED, Data, Json, console, existing_data, fail, run, write_json, write_table

if TYPE_CHECKING:
    from registry.bootstrap import Registry
    from registry.domain.ids import RepositoryName
    from registry.services.index_status import IndexStatus
    from registry.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Show, rebuild and verify the indexes.")

MAIN = "main"
"""The database of PROMPTUARY_DATABASE_URL."""

Repository = Annotated[str | None, typer.Argument(help="One repository. [default: all]", show_default=False)]


@app.command("status")
def status(repository: Repository = None, data: Data = None, as_json: Json = False) -> None:
    """Show how far the indexes are behind Git.

    \b
    promptuary index status
    promptuary index status default --json
    """
    states = run(_status(existing_data(data), repository))
    if as_json:
        write_json({"repositories": [_body(state) for state in states]})
        return
    write_table(
        ("REPOSITORY", "REF", "TIP", "INDEXED", "BEHIND", "OUTBOX", "UPDATED"),
        [
            (
                s.repository,
                s.ref.removeprefix("refs/heads/"),
                s.tip and s.tip[:10],
                s.indexed and s.indexed[:10],
                "rewritten" if s.behind is None else s.behind,
                s.outbox,
                s.updated_at and s.updated_at.strftime("%Y-%m-%d %H:%M:%S"),
            )
            for s in states
        ],
    )


@app.command("rebuild")
def rebuild(repository: Repository = None, data: Data = None, as_json: Json = False) -> None:
    """Make the indexes anew from Git alone; a running server goes on reading the old ones meanwhile.

    \b
    promptuary index rebuild
    promptuary index rebuild default
    """
    reports = run(_rebuild(existing_data(data), repository, quiet=as_json))
    if as_json:
        write_json({"repositories": reports})
        return
    for report in reports:
        where = f"up to {str(report['commit'])[:10]}" if report["commit"] else "which has no commits"
        typer.echo(f"Rebuilt {report['repository']}, {where}, in {report['milliseconds'] / 1000:.1f} s.")  # type: ignore[operator]  # a float


@app.command("verify")
def verify(repository: Repository = None, data: Data = None, as_json: Json = False) -> None:
    """Compare the indexes with Git, entry by entry. Exit code 1 where they differ.

    \b
    promptuary index verify
    """
    from registry.domain.wording import counted
    from registry.services.search_rows import NOT_FED

    differences = run(_verify(existing_data(data), repository, quiet=as_json))
    differ = any(differences.values())
    if as_json:
        write_json({"equal": not differ, "differences": differences})
    else:
        for name, lines in differences.items():
            typer.echo(f"{name}: " + (counted(len(lines), "difference") if lines else "equal to Git"))
            for line in lines:
                typer.echo(f"  {line}")
        if any(line != NOT_FED for lines in differences.values() for line in lines):
            typer.echo("Make the indexes anew with: promptuary index rebuild")
    if differ:
        raise typer.Exit(REFUSED)


@app.command("move")
def move(
    repository: Annotated[str, typer.Argument(help="The repository that gets another database.")],
    shard: Annotated[str, typer.Argument(help="A name of PROMPTUARY_DATABASE_SHARDS, or main.")],
    tidy: Annotated[
        bool, typer.Option("--tidy", help="After the servers know the new place: forget it in all others.")
    ] = False,
    data: Data = None,
) -> None:
    """Move a repository's part of the catalogue to another PostgreSQL database, from Git, while the server runs.

    \b
    promptuary index move team-a two          # fills the database; servers go on with the old one
    # set PROMPTUARY_DATABASE_PLACES as it says, restart the servers, then
    promptuary index move team-a two --tidy
    """
    settings = existing_data(data)
    places = {name: place for name, place in settings.places.items() if name != repository}
    if shard != MAIN:
        places[repository] = shard
    if shard not in {MAIN, *settings.shards} or settings.database_url is None:
        fail(f"there is no database {shard}: PROMPTUARY_DATABASE_SHARDS names {', '.join(settings.shards) or 'none'}")
    if tidy:
        if settings.places.get(repository, MAIN) != shard:
            fail(f"{repository} is not in {shard} yet: set PROMPTUARY_DATABASE_PLACES={_written(places)} first")
        forgotten = run(_tidy(settings, repository))
        typer.echo(f"{repository} is in {shard} alone." + (" It was still elsewhere." if forgotten else ""))
        return
    there = settings.model_copy(update={"database_places": " ".join(f"{n}={p}" for n, p in places.items())})
    (report,) = run(_rebuild(there, repository, quiet=False))
    typer.echo(f"{repository} is in {shard} up to {str(report['commit'])[:10]}.")
    typer.echo(f"Now set PROMPTUARY_DATABASE_PLACES={_written(places)}, restart the servers, and run")
    typer.echo(f"  promptuary index move {repository} {shard} --tidy")


def _written(places: dict[str, str]) -> str:
    return f"'{' '.join(f'{name}={place}' for name, place in places.items())}'"


async def _tidy(settings: "Settings", repository: str) -> int:
    from registry.bootstrap import forget_elsewhere
    from registry.domain.ids import RepositoryName

    return await forget_elsewhere(settings, RepositoryName(repository))


@asynccontextmanager
async def _opened(
    settings: "Settings", repository: str | None
) -> "AsyncIterator[tuple[Registry, list[RepositoryName]]]":
    from api import collector
    from registry.bootstrap import open_registry
    from registry.domain.rights import EVERY_RIGHT

    collector.look_seldom()
    async with open_registry(settings.patient()) as registry:
        known = registry.repositories
        yield registry, [known.require(repository, EVERY_RIGHT)] if repository else known.names(EVERY_RIGHT)


async def _status(settings: "Settings", repository: str | None) -> "list[IndexStatus]":
    async with _opened(settings, repository) as (registry, names):
        return [state for name in names for state in await registry.indexing.status(name)]


async def _rebuild(settings: "Settings", repository: str | None, *, quiet: bool) -> list[dict[str, object]]:
    reports: list[dict[str, object]] = []
    async with _opened(settings, repository) as (registry, names):
        for name in names:
            with _progress(f"Rebuilding {name}", quiet=quiet) as progress:
                report = await registry.indexing.rebuild(name, progress)
            reports.append({"repository": name, "commit": report.commit, "milliseconds": report.milliseconds})
    return reports


async def _verify(settings: "Settings", repository: str | None, *, quiet: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    async with _opened(settings, repository) as (registry, names):
        for name in names:
            with _progress(f"Verifying {name}", quiet=quiet) as progress:
                found[name] = await registry.verifying.verify(name, progress)
    return found


@contextmanager
def _progress(title: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal's standard error; nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    out = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=quiet or not out.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _body(state: "IndexStatus") -> dict[str, object]:
    return {
        "repository": state.repository,
        "ref": state.ref,
        "tip": state.tip,
        "indexed": state.indexed,
        "ordinal": state.ordinal,
        "behind": state.behind,
        "outbox": state.outbox,
        "schema": state.schema,
        "updated_at": state.updated_at,
    }
