"""What the commands that judge a checkout write: findings for people, for programs and for CI."""

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.checkout_files import FoundFiles
from api.commands.output import UNUSABLE, console, fail, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from api.commands.finding_formats import Finding
    from registry.domain.diagnostics import Diagnostic
    from registry.services.checkout import Judged

    Judgement = tuple[FoundFiles, Judged]


class FindingFormat(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    JUNIT = "junit"
    SARIF = "sarif"


Form = Annotated[FindingFormat, typer.Option("--format", help="How findings are written.")]


def chosen_form(form: FindingFormat, *, as_json: bool) -> FindingFormat:
    """The format that ``--format`` and ``--json`` ask for. Ends the program where they say different things."""
    if as_json and form not in {FindingFormat.TEXT, FindingFormat.JSON}:
        fail(f"--json and --format {form.value} are two formats: give one of them", UNUSABLE)
    return FindingFormat.JSON if as_json else form


def write_findings(form: FindingFormat, judgements: "Sequence[Judgement]", *, which: str = "") -> None:
    """Writes what was found in each checkout to standard output, and for people how many to standard error.

    ``which`` says of which templates, as ``"changed "``.
    """
    if form is FindingFormat.JSON:
        write_json(_body(judgements))
        return
    if form is FindingFormat.TEXT:
        out = console()
        for checkout, judged in judgements:
            for diagnostic in judged.diagnostics:
                write_finding(out, _shown(checkout, diagnostic.path), diagnostic)
    else:
        sys.stdout.write(_report(form, judgements))
    _write_counts([judged for _, judged in judgements], which)


def write_finding(out: "Console", path: str, diagnostic: "Diagnostic") -> None:
    """One line as the gate prints it, in colour on a terminal."""
    from rich.text import Text

    place = diagnostic.place
    error = diagnostic.severity.value == "error"
    line = Text(f"{path}:{place.line}:{place.column}: ", style="bold")
    line.append("" if error else "warning: ", style="yellow")
    line.append(f"[{diagnostic.rule}] ", style="red" if error else "yellow")
    line.append(diagnostic.message, style="not bold")
    out.print(line, soft_wrap=True)


def _shown(checkout: FoundFiles, path: str) -> str:
    """The path as the caller can open it."""
    return checkout.shown(checkout.own_path(path))


def _report(form: FindingFormat, judgements: "Sequence[Judgement]") -> str:
    from importlib.metadata import version

    from api.commands import finding_formats as formats
    from registry.domain.rules import RULES

    findings = [finding for each in judgements for finding in _findings(*each)]
    if form is FindingFormat.GITHUB:
        return formats.github(findings)
    if form is FindingFormat.GITLAB:
        return formats.gitlab(findings)
    if form is FindingFormat.SARIF:
        return formats.sarif(findings, {code: rule.title for code, rule in RULES.items()}, version("promptuary"))
    paths = [utf8_text(checkout.repository_path(path)) for checkout, _ in judgements for path in checkout.wanted]
    return formats.junit(formats.cases_of(findings, paths))


def _findings(checkout: FoundFiles, judged: "Judged") -> "Iterator[Finding]":
    from api.commands.finding_formats import Finding

    lines: dict[str, list[str]] = {}
    for diagnostic in judged.diagnostics:
        own, place = checkout.own_path(diagnostic.path), diagnostic.place
        if own not in lines:
            lines[own] = (checkout.files.get(own) or b"").decode("utf-8", "replace").split("\n")
        yield Finding(
            rule=diagnostic.rule,
            message=utf8_text(diagnostic.message),
            path=utf8_text(checkout.repository_path(own)),
            line=place.line,
            column=place.column,
            is_error=diagnostic.severity.value == "error",
            text=lines[own][place.line - 1] if place.line <= len(lines[own]) else "",
        )


def utf8_text(text: str) -> str:
    """Text that is certainly UTF-8: the stray bytes of a path are shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _write_counts(judged: "Sequence[Judged]", which: str) -> None:
    from registry.domain.wording import counted

    files, templates = sum(j.files for j in judged), sum(j.templates for j in judged)
    errors, warnings = sum(j.errors for j in judged), sum(j.warnings for j in judged)
    looked = f"{counted(templates, f'{which}template')} in {counted(files, 'file')}"
    if not templates:
        looked = f"no {which}templates found in {counted(files, 'file')}"
    verdict = "no errors"
    if errors or warnings:
        verdict = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    console(stderr=True).print(f"{looked}: {verdict}", style="red" if errors else "green")


def _body(judgements: "Sequence[Judgement]") -> dict[str, Any]:
    from api.errors import diagnostic_body

    judged = [each for _, each in judgements]
    return {
        "files": sum(j.files for j in judged),
        "templates": sum(j.templates for j in judged),
        "errors": sum(j.errors for j in judged),
        "warnings": sum(j.warnings for j in judged),
        "diagnostics": [
            {**diagnostic_body(diagnostic), "path": _shown(checkout, diagnostic.path)}
            for checkout, each in judgements
            for diagnostic in each.diagnostics
        ],
    }
