"""``promptuary validate``: checks a plain checkout as the gate would, with no server."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.checkout_files import (
    PROMPTS,
    FoundFiles,
    find_checkouts,
    find_root,
    read_files,
    without_strays,
)
from api.commands.findings import FindingFormat, Form, chosen_form, write_findings
from api.commands.judging_progress import judging_progress
from api.commands.output import REFUSED, UNUSABLE, Json, fail, run, settings_of

if TYPE_CHECKING:
    from registry.ports.renderer import Renderer
    from registry.services.checkout import Judged


def validate(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files or folders of a checkout; - reads one from stdin.")
    ],
    tests: Annotated[bool, typer.Option("--tests", help="Run the templates' offline tests too.")] = False,
    name: Annotated[
        str | None, typer.Option(help="With -: the template's name. [default: stdin]", show_default=False)
    ] = None,
    form: Form = FindingFormat.TEXT,
    as_json: Json = False,
) -> None:
    """Check templates, labels and rules of a checkout as the gate will, without a server.

    Partials are looked up in the whole checkout, wherever the paths point. What needs the history (the versions that
    labels name) is checked when you push.

    \b
    promptuary validate .
    promptuary validate prompts/support --tests
    git show HEAD:prompts/support/triage.prompt.yaml | promptuary validate - --name support/triage
    promptuary validate . --json | jq .errors
    promptuary validate . --tests --format gitlab > gl-code-quality-report.json

    github writes annotations, gitlab Code Quality, and junit and sarif their reports, with paths from the root of the
    Git repository.

    Exit codes: 0 no errors, 1 errors were found or a file is no template, 2 a path cannot be read.
    """
    wanted = chosen_form(form, as_json=as_json)
    if "-" in paths and len(paths) > 1:
        fail("- stands alone: standard input is one template", UNUSABLE)
    if name is not None and paths != ["-"]:
        fail("--name goes with - only: files have their names", UNUSABLE)
    given = [Path(path) for path in paths if path != "-"]
    known = without_strays(given)
    checkouts = find_checkouts(known) if given else [_from_stdin(name)]
    judged = run(_judge(checkouts, tests=tests))
    if checkouts or wanted is not FindingFormat.TEXT:
        write_findings(wanted, list(zip(checkouts, judged, strict=True)))
    if len(known) < len(given) or any(each.errors for each in judged):
        raise typer.Exit(REFUSED)


def _from_stdin(name: str | None) -> FoundFiles:
    from registry.domain.errors import BadRequest
    from registry.domain.names import parse_name, template_path

    try:
        path = template_path(parse_name(name or "stdin"))
    except BadRequest as error:
        fail(error.message, UNUSABLE)
    root = find_root(Path.cwd())
    files = read_files(root) if (root / PROMPTS).is_dir() else {}
    files[path] = sys.stdin.buffer.read()
    return FoundFiles(root, files, [path])


async def _judge(checkouts: Sequence[FoundFiles], *, tests: bool) -> "list[Judged]":
    from registry.processes import open_judges
    from registry.services.checkout import Checkout

    judged: list[Judged] = []
    async with open_judges() as judges, _renderer(wanted=tests) as renderer:
        for found in checkouts:
            checkout = Checkout(found.placed(), judges=judges)
            with judging_progress("validating", len(found.wanted)) as progress:
                judged.append(await checkout.judge(found.placed_wanted(), renderer=renderer, progress=progress))
    return judged


@asynccontextmanager
async def _renderer(*, wanted: bool) -> "AsyncIterator[Renderer | None]":
    if not wanted:
        yield None
        return
    from registry.processes import open_renderer

    async with open_renderer(settings_of()) as renderer:
        yield renderer
