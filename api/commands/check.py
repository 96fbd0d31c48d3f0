"""``promptuary check``: judges what has changed in a checkout since a base revision, with no server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.baseline import Start, find_start, read_base
from api.commands.checkout_files import FoundFiles, find_checkouts, find_roots, without_strays
from api.commands.findings import FindingFormat, Form, chosen_form, write_findings
from api.commands.judging_progress import judging_progress
from api.commands.output import REFUSED, Json, run, settings_of

if TYPE_CHECKING:
    from registry.services.checkout import Judged


def check(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Files or folders of a checkout. [default: .]", show_default=False),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="REV", help="What to compare with. [default: origin/HEAD]", show_default=False),
    ] = None,
    form: Form = FindingFormat.TEXT,
    as_json: Json = False,
) -> None:
    """Judge what has changed in a checkout since a base revision, as the gate will when it is pushed.

    Changed templates, labels and rules are checked and their offline tests run; so are the templates that include what
    has changed. Changes that break callers need a commit with the line "Breaking-Change: <why>" in its message; what is
    not committed yet is judged too: what Git tracks, and new files in prompts/ and labels/; other untracked files, such
    as caches and reports, are not. The base is where the work began: the last commit that REV and HEAD share. What
    only a server knows (the versions that labels name, who may do what) is checked when you push.

    \b
    promptuary check --against main
    promptuary check prompts/support --against v1.2
    promptuary check --against origin/main --format gitlab > gl-code-quality-report.json

    Exit codes: 0 no errors, 1 errors were found or a file is no template, 2 a path cannot be read, or there is no such
    revision.
    """
    wanted = chosen_form(form, as_json=as_json)
    given = [Path(path) for path in paths or ["."]]
    known = without_strays(given)
    # Git is asked before anything is read, which takes long in a large folder that is no checkout.
    starts = {root: find_start(root, against) for root in dict.fromkeys(find_roots(known).values())}
    checkouts = find_checkouts(known)
    judged = run(_judge(checkouts, starts))
    if checkouts or wanted is not FindingFormat.TEXT:
        write_findings(wanted, list(zip(checkouts, judged, strict=True)), which="changed ")
    if len(known) < len(given) or any(each.errors for each in judged):
        raise typer.Exit(REFUSED)


async def _judge(checkouts: Sequence[FoundFiles], starts: Mapping[Path, Start]) -> "list[Judged]":
    from registry.processes import open_judges, open_renderer
    from registry.services.checkout import Checkout
    from registry.services.checkout_changes import changed_since, check_changes

    judged: list[Judged] = []
    async with open_judges() as judges, open_renderer(settings_of()) as renderer:
        for found in checkouts:
            checkout = Checkout(found.files, judges=judges)
            base = read_base(found.root, starts[found.root], checkout)
            found.wanted = changed_since(base, checkout, found.wanted)
            with judging_progress("checking", len(found.wanted)) as progress:
                judged.append(await check_changes(checkout, base, found.wanted, renderer=renderer, progress=progress))
    return judged
