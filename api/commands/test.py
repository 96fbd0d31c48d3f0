"""``promptuary test``: runs the offline tests of the templates in a checkout, with no server."""

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.checkout_files import FoundFiles, find_checkouts, without_strays
from api.commands.findings import utf8_text
from api.commands.judging_progress import judging_progress
from api.commands.output import REFUSED, UNUSABLE, Json, console, fail, run, settings_of, write_json, write_table

if TYPE_CHECKING:
    from api.commands.finding_formats import Case
    from registry.domain.diagnostics import Diagnostic, Place
    from registry.services.checkout import OfflineRun

    Runs = Sequence[tuple[FoundFiles, OfflineRun]]


class ResultFormat(StrEnum):
    """How results are written."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


def run_tests(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Files or folders of a checkout. [default: .]", show_default=False),
    ] = None,
    form: Annotated[ResultFormat, typer.Option("--format", help="How results are written.")] = ResultFormat.TEXT,
    as_json: Json = False,
) -> None:
    """Run the offline tests of templates: each is rendered with its values, and what it expects is looked for.

    No model and no server is asked. Partials are looked up in the whole checkout, wherever the paths point.

    \b
    promptuary test
    promptuary test prompts/support
    promptuary test --format junit > report.xml

    Exit codes: 0 all passed (also where there are none), 1 a test failed or a template has errors, 2 a path cannot be
    read.
    """
    if as_json and form is ResultFormat.JUNIT:
        fail("--json and --format junit are two formats: give one of them", UNUSABLE)
    given = [Path(path) for path in paths or ["."]]
    known = without_strays(given)
    runs = run(_run(find_checkouts(known)))
    if as_json or form is ResultFormat.JSON:
        write_json(_body(runs))
    elif form is ResultFormat.JUNIT:
        from api.commands.finding_formats import junit

        sys.stdout.write(junit([case for each in runs for case in _cases(*each)]))
    else:
        _write_text(runs)
    if len(known) < len(given) or any(not passed(offline) for _, offline in runs):
        raise typer.Exit(REFUSED)


def passed(offline: "OfflineRun") -> bool:
    """Whether a template's tests were run, and all of them passed."""
    return not offline.errors and all(result.passed for result in offline.results)


async def _run(checkouts: Sequence[FoundFiles]) -> "Runs":
    from registry.processes import open_judges, open_renderer
    from registry.services.checkout import Checkout

    runs: list[tuple[FoundFiles, OfflineRun]] = []
    async with open_judges() as judges, open_renderer(settings_of()) as renderer:
        for found in checkouts:
            checkout = Checkout(found.placed(), judges=judges)
            with judging_progress("testing", len(found.wanted)) as progress:
                done = await checkout.run_tests(found.placed_wanted(), renderer, progress=progress)
            runs += [(found, offline) for offline in done]
    return runs


def _write_text(runs: "Runs") -> None:
    from registry.domain.wording import counted

    rows = [
        (offline.name, result.name, "passed" if result.passed else "failed")
        for _, offline in runs
        for result in offline.results
    ]
    rows += [(offline.name, "-", "has errors") for _, offline in runs if offline.errors]
    if rows:
        write_table(("TEMPLATE", "TEST", "RESULT"), rows)
    for found, offline in runs:
        for line in _problems(found, offline):
            console().print(line, soft_wrap=True)
    tests = sum(len(offline.results) for _, offline in runs)
    failed = sum(not result.passed for _, offline in runs for result in offline.results)
    broken = sum(bool(offline.errors) for _, offline in runs)
    verdict = f"{failed} failed" if failed or broken else "all passed" if tests else "no tests found"
    if broken:
        verdict += f", {counted(broken, 'template')} with errors"
    ran = f"{counted(tests, 'test')} of {counted(len(runs), 'template')}: " if tests else ""
    console(stderr=True).print(ran + verdict, style="red" if failed or broken else "green")


def _problems(found: FoundFiles, offline: "OfflineRun") -> Iterator[str]:
    """What went wrong, as the gate prints it, with paths as the caller can open them."""
    for diagnostic in _findings(offline):
        place = diagnostic.place
        shown = found.shown(found.own_path(diagnostic.path))
        yield f"{shown}:{place.line}:{place.column}: [{diagnostic.rule}] {diagnostic.message}"


def _findings(offline: "OfflineRun") -> "Iterator[Diagnostic]":
    from registry.domain.diagnostics import Diagnostic
    from registry.domain.names import template_path

    yield from offline.errors
    for result, place in zip(offline.results, _places(offline), strict=True):
        for problem in result.problems:
            rule = "render-limit" if "[render-limit]" in problem else "test-failed"
            yield Diagnostic(rule, f"Test {result.name!r}: {problem}", template_path(offline.name), place)


def _places(offline: "OfflineRun") -> "Iterator[Place]":
    places = {test.name: test.place for test in offline.tests}
    return (places[result.name] for result in offline.results)


def _cases(found: FoundFiles, offline: "OfflineRun") -> "Iterator[Case]":
    from api.commands.finding_formats import Case
    from registry.domain.names import template_path

    file = utf8_text(found.repository_path(found.own_path(template_path(offline.name))))
    if offline.errors:
        lines = (f"{d.place.line}:{d.place.column}: [{d.rule}] {d.message}" for d in offline.errors)
        yield Case(offline.name, "it can be rendered", file, tuple(f"{file}:{line}" for line in lines))
    for result in offline.results:
        yield Case(offline.name, result.name, file, tuple(result.problems))


def _body(runs: "Runs") -> dict[str, Any]:
    from api.errors import diagnostic_body
    from registry.domain.names import template_path

    return {
        "tests": sum(len(offline.results) for _, offline in runs),
        "failed": sum(not result.passed for _, offline in runs for result in offline.results),
        "templates": [
            {
                "name": offline.name,
                "path": found.shown(found.own_path(template_path(offline.name))),
                "passed": passed(offline),
                "tests": [
                    {"name": r.name, "passed": r.passed, "line": place.line, "problems": list(r.problems)}
                    for r, place in zip(offline.results, _places(offline), strict=True)
                ],
                "errors": [diagnostic_body(diagnostic) for diagnostic in offline.errors],
            }
            for found, offline in runs
        ],
    }
