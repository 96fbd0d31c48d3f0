"""``promptuary purge``: a leaked text, or the content of a version, goes for good."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.acting import acting_locally
from api.commands.backup import showing_parts
from api.commands.output import UNUSABLE, Data, Json, existing_data, fail, run, write_json

if TYPE_CHECKING:
    from registry.domain.purging import PurgePlan, VersionKey
    from registry.settings import Settings

SHOWN = 10


def purge(
    repository: Annotated[str, typer.Argument(help="The repository.")],
    text_file: Annotated[
        Path | None,
        typer.Option(
            help="A file that holds the leaked text and nothing else; - for standard input.",
            metavar="FILE",
            show_default=False,
            readable=False,  # said better by whoever reads it
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(help="A version whose content has to go: NAME@NUMBER.", metavar="VERSION", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without, it is only said what would be done.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Remove a leaked text, or what a version held, from Git, catalogue, search, caches and later backups.

    Change the leaked secret first, where it is used: whoever has a clone or a backup still has it. The text never
    stands on the command line, where other users and the shell's history would have it. A server may run meanwhile; it
    takes no changes of the repository until this has ended. What is cut off is completed by running it again.

    \b
    promptuary purge default --text-file leaked.txt        # says what would be changed
    promptuary purge default --text-file leaked.txt --yes
    promptuary purge default --text-file - --yes           # type or paste it, then Ctrl-D
    promptuary purge default --version support/triage@12 --yes
    """
    if (text_file is None) == (version is None):
        fail("say --text-file or --version, one of the two", UNUSABLE)
    wanted = (_read(text_file), None) if text_file is not None else (None, _version(version or ""))
    plan = run(_purge(existing_data(data), repository, *wanted, yes=yes, quiet=as_json))
    if as_json:
        write_json(_body(repository, plan, done=yes))
        return
    if plan is None:
        typer.echo(f"Nothing of it is in {repository}, in no branch, tag, former version or dropped object.")
        return
    _tell(plan)
    if yes:
        typer.echo(
            "It is purged. Earlier backups and clones still have it: delete them, and have everybody clone anew."
        )
    else:
        typer.echo("Nothing was changed. Change the secret where it is used, then run it again with --yes.")


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}", UNUSABLE)


def _version(text: str) -> "VersionKey":
    from registry.domain.ids import TemplateName

    name, _, number = text.rpartition("@")
    if not name or not number.isdecimal() or not number.isascii():
        fail("a version is written NAME@NUMBER, such as support/triage@12", UNUSABLE)
    return TemplateName(name), int(number)


async def _purge(
    settings: "Settings",
    repository: str,
    leaked: bytes | None,
    version: "VersionKey | None",
    *,
    yes: bool,
    quiet: bool,
) -> "PurgePlan | None":
    from registry.bootstrap import open_registry
    from registry.domain.purging import LeakedText
    from registry.domain.rights import EVERY_RIGHT
    from registry.services.purging import Wanted

    wanted = Wanted(LeakedText.read(leaked) if leaked is not None else None, version)
    async with open_registry(settings.patient()) as registry:
        name = registry.repositories.require(repository, EVERY_RIGHT)
        with showing_parts("Purging" if yes else "Looking", quiet=quiet) as progress, acting_locally():
            work = registry.purging.run if yes else registry.purging.plan
            return await work(name, wanted, progress)


def _tell(plan: "PurgePlan") -> None:
    from registry.domain.wording import counted

    typer.echo(
        f"Objects: {plan.objects}, of them {counted(plan.messages, 'message')}. Commits anew: {len(plan.became):,}."
    )
    for title, found in (
        ("Files", plan.paths),
        ("Refs that move", plan.refs),
        ("Versions whose file changes", [f"{name}@{number}" for name, number in plan.versions]),
        ("Versions that include one", [f"{name}@{number}" for name, number in plan.through]),
        ("Versions that cannot be read any more", [f"{name}@{number}" for name, number in plan.emptied]),
    ):
        if found:
            more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
            typer.echo(f"{title} ({len(found):,}): {', '.join(found[:SHOWN])}{more}")
    typer.echo("Numbers, labels and all other versions stay as they are.")


def _body(repository: str, plan: "PurgePlan | None", *, done: bool) -> dict[str, object]:
    if plan is None:
        return {"repository": repository, "found": False, "purged": done}
    return {
        "repository": repository,
        "found": True,
        "purged": done,
        "objects": plan.objects,
        "messages": plan.messages,
        "commits": len(plan.became),
        "refs": plan.refs,
        "files": plan.paths,
        "versions": [f"{name}@{number}" for name, number in plan.versions],
        "including": [f"{name}@{number}" for name, number in plan.through],
        "emptied": [f"{name}@{number}" for name, number in plan.emptied],
    }
