"""``promptuary import``: prompts of another tool become templates on a server."""

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.options import InRepository, KeyFile, Url
from api.commands.output import REFUSED, UNUSABLE, Json, console, fail, visible, warn, write_json, write_table
from registry.domain.prompt_formats import PromptFormat

if TYPE_CHECKING:
    from api.commands.remote import Server
    from registry.domain.importing.imported import LeftOut
    from registry.domain.importing.outcomes import Outcome
    from registry.domain.importing.plans import PromptPlan

SHOWN_NOTES = 1_000


def import_prompts(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A file, a folder, a Git repository or bundle, or an address.")
    ],
    form: Annotated[
        PromptFormat | None, typer.Option("--from", help="The format. [default: recognised]", show_default=False)
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="Of a Git repository: this branch. [default: its default]", show_default=False)
    ] = None,
    folder: Annotated[str, typer.Option(help="A folder to put all of it in.", show_default=False)] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would come and what would be refused; write nothing.")
    ] = False,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Take over the prompts of another tool: each version a commit, in the order of their times, then the labels.

    Said again it adds what is new there and nothing else, so an import that was interrupted is finished by repeating
    it. What was changed, renamed or deleted here since is left alone. What could not be carried over is reported for
    each prompt. A dry run asks the server what it would refuse, where there is a key for it. Langfuse is asked with
    LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, MLflow with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or
    MLFLOW_TRACKING_TOKEN, where they are set.

    \b
    promptuary import export.json --dry-run
    promptuary import prompts/ --from prompty
    promptuary import https://cloud.langfuse.com --folder langfuse
    promptuary import http://127.0.0.1:5000 --from mlflow
    promptuary import promptfooconfig.yaml
    promptuary import https://git.example.com/team/prompts.git --branch main
    promptuary import export.json --json | jq -r '.prompts[] | select(.notes != []) | .name'

    Exit codes: 0 everything was taken over or reported, 1 the server refused the key, or somebody else kept changing
    the same templates, 2 the source or the server cannot be read.
    """
    from api.commands.importing.git_address import shown_source
    from api.commands.importing.sources import read_source
    from api.commands.remote import open_server
    from registry.domain.importing.imported import SourceUnreadable
    from registry.domain.importing.outcomes import import_report
    from registry.domain.importing.plans import plan_import

    folder = _checked_folder(folder)
    server = None if dry_run and _is_alone(url, key_file) else open_server(url, repository, key_file)
    try:
        found = read_source(source, form, branch)
        plans = plan_import(found.prompts, folder)
    except SourceUnreadable as error:
        fail(str(error), UNUSABLE)
    outcomes = _run(server, plans, dry_run=dry_run)
    if as_json:
        shown = Path(source).name if "://" not in source else shown_source(source)
        write_json({"source": shown, **import_report(outcomes, found.left_out, dry_run=dry_run)})
    else:
        _write(outcomes, found.left_out, dry_run=dry_run)


def _is_alone(url: str | None, key_file: Path | None) -> bool:
    """Whether nothing says which server could be asked, and as whom."""
    from api.commands.remote import login_at
    from registry.settings import ClientSettings

    settings = ClientSettings()
    if url is not None or key_file is not None or settings.key:  # CI sets secrets that there are not to ""
        return False
    return login_at(settings.url) is None


def _checked_folder(typed: str) -> str:
    from registry.domain.names import check_folder

    folder = unicodedata.normalize("NFC", typed)
    problem = check_folder(folder)
    if problem is not None:
        fail(f"--folder: {problem}", UNUSABLE)
    return folder


def _run(server: "Server | None", plans: "list[PromptPlan]", *, dry_run: bool) -> "list[Outcome]":
    """Writes what is planned, or only asks. Ends the program where the server refuses the key or cannot be asked."""
    import asyncio

    from api.commands.importing.server_target import ServerTarget
    from api.commands.progress import shown_progress
    from registry.domain.errors import PromptuaryError, Unavailable
    from registry.services.importing import Importing
    from registry.services.rehearsal import Nowhere, Rehearsal

    steps = sum(len(plan.steps) for plan in plans)
    if server is None:
        warn("no server is asked what it would refuse: PROMPTUARY_KEY is not set")
        return asyncio.run(Importing(Rehearsal(Nowhere())).run(plans))
    with shown_progress("asked" if dry_run else "written", steps) as done, ServerTarget(server) as target:
        try:
            return asyncio.run(Importing(Rehearsal(target) if dry_run else target, done=done).run(plans))
        except Unavailable as error:
            fail(f"{error.message} ({server.shown})", UNUSABLE)
        except PromptuaryError as error:
            fail(error.message, REFUSED)


def _write(outcomes: "list[Outcome]", left_out: "tuple[LeftOut, ...]", *, dry_run: bool) -> None:
    rows = [
        (each.plan.name, each.plan.old_name, len(each.written), len(each.there), len(each.refused),
         len(each.labelled), len(each.notes))
        for each in outcomes
    ]  # fmt: skip
    if rows:
        write_table(("NAME", "WAS", "VERSIONS" if dry_run else "WRITTEN", "THERE", "REFUSED", "LABELS", "NOTES"), rows)
    _write_notes(outcomes)
    _write_left_out(left_out)
    _write_sum(outcomes, dry_run=dry_run)


def _write_notes(outcomes: "list[Outcome]") -> None:
    out = console(stderr=True)
    notes = sorted(
        ((each.plan.name, note) for each in outcomes for note in each.notes), key=lambda pair: pair[1].weight
    )
    for name, note in notes[:SHOWN_NOTES]:
        out.print(visible(f"{name}{f' version {note.number}' if note.number else ''}: {note.text}"))
    if len(notes) > SHOWN_NOTES:
        out.print(f"and {len(notes) - SHOWN_NOTES} more; --json has all")


def _write_left_out(left_out: "tuple[LeftOut, ...]") -> None:
    out = console(stderr=True)
    for each in left_out[:SHOWN_NOTES]:
        out.print(visible(f"{each.what} is left out: {each.why}"))
    if len(left_out) > SHOWN_NOTES:
        out.print(f"and {len(left_out) - SHOWN_NOTES} more; --json has all")


def _write_sum(outcomes: "list[Outcome]", *, dry_run: bool) -> None:
    """One line that says how it went."""
    from registry.domain.wording import counted

    came = counted(sum(len(each.written) for each in outcomes), "version")
    refused = counted(sum(len(each.refused) for each in outcomes), "version")
    unset = counted(sum(len(each.unlabelled) for each in outcomes), "label")
    would = "would be " if dry_run else ""
    console(stderr=True).print(f"{came} {would}written, {refused} {would}refused, {unset} {would}left unset")
