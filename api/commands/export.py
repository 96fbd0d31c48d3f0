"""``promptuary export``: templates of a server as files or prompts of other tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.options import InRepository, KeyFile, Url
from api.commands.output import UNUSABLE, Json, console, fail, visible, write_json, write_table
from registry.domain.prompt_formats import PromptFormat

if TYPE_CHECKING:
    from api.commands.exporting.report import Told

SHOWN_NOTES = 1_000
_BY_ENDING = {".json": PromptFormat.LANGFUSE, ".bundle": PromptFormat.GIT}


def export(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A file, a folder, or an MLflow server's address.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Only these templates. [default: all]")
    ] = None,
    form: Annotated[
        PromptFormat | None,
        typer.Option("--format", help="The format. [default: recognised by TARGET]", show_default=False),
    ] = None,
    folder: Annotated[str | None, typer.Option(help="Only what lies in this folder.", show_default=False)] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Only what carries this label, in the version that it names.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Write templates in the format of another tool, with all that they include.

    langfuse (a .json file) and mlflow (a server) get every version with its labels, or with --label that one alone;
    prompty, dotprompt, github, promptfoo, text and promptuary (folders of files) the newest version, or the label's;
    git (a .bundle) is the repository itself with its history, for git clone. MLflow is asked with
    MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; said again, only what is new goes
    there.

    What another tool cannot say is told for each template; what it has no place for is carried along under the key
    promptuary, where promptuary import finds it, so that it gives back the same template.

    \b
    promptuary export langfuse.json
    promptuary export prompts/ --format prompty --label production
    promptuary export prompts/ support/triage support/reply --format github
    promptuary export http://127.0.0.1:5000 --folder support
    promptuary export registry.bundle
    promptuary export langfuse.json --json | jq '.prompts[] | select(.notes != [])'

    Exit codes: 0 everything was exported or reported, 1 the server refused, there is no such template or label,
    2 it cannot be read or written.
    """
    from api.commands.exporting.writing import write_export
    from api.commands.remote import open_server

    wanted = form or _recognised(target)
    if wanted is PromptFormat.GIT and (names or folder or label):
        fail("a bundle is the whole repository: leave out names, --folder and --label", UNUSABLE)
    if names and folder:
        fail("names and --folder are two choices: give one of them", UNUSABLE)
    if (wanted is PromptFormat.MLFLOW) != ("://" in target):
        where = "the address of a server" if wanted is PromptFormat.MLFLOW else "a file or a folder, not to an address"
        fail(f"{wanted} goes to {where}", UNUSABLE)
    server = open_server(url, repository, key_file)
    told = write_export(server, wanted, target, names=names or [], folder=folder, label=label, force=force)
    if as_json:
        write_json({"target": _shown(target), "format": wanted.value, **told.document})
    else:
        _write(told)


def _recognised(target: str) -> PromptFormat:
    if target.startswith(("http://", "https://")):
        return PromptFormat.MLFLOW
    found = _BY_ENDING.get(Path(target).suffix.lower())
    if found is None:
        fail(f"which format? {target} does not say it: give --format ({', '.join(PromptFormat)})", UNUSABLE)
    return found


def _shown(target: str) -> str:
    """A target without a password in it."""
    scheme, mark, rest = target.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else target


def _write(told: "Told") -> None:
    if told.prompts:
        rows = [
            (each.name, each.called, len(each.versions), len(each.notes), ", ".join(each.carried) or None)
            for each in told.prompts
        ]
        write_table(("NAME", "CALLED", "VERSIONS", "NOTES", "CARRIED"), rows, crop_last=True)
    else:
        typer.echo(told.said)
    out = console(stderr=True)
    notes = [(each.name, number, note) for each in told.prompts for number, note in each.notes]
    for name, number, note in notes[:SHOWN_NOTES]:
        out.print(visible(f"{name}{f' version {number}' if number else ''}: {note}"))
    if len(notes) > SHOWN_NOTES:
        out.print(f"and {len(notes) - SHOWN_NOTES} more; --json has all")
