"""The findings of ``promptuary doctor``, for people and for programs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from api.commands.output import console, plain, visible, write_json
from registry.domain.health import Finding, Grade
from registry.domain.wording import counted

_STYLES = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.PROBLEM: "bold red"}
_INDENT = 9


def write_findings(found: Iterable[Finding]) -> list[Finding]:
    """Writes all findings as JSON, and how many there are of each grade; answers them."""
    findings = list(found)
    write_json({"findings": [asdict(finding) for finding in findings], "counts": _counts(findings)})
    return findings


def show_findings(found: Iterable[Finding]) -> list[Finding]:
    """Shows each finding as it comes, because some take long, and at the end how many there were; answers them.

    Those of one subject stand below its name.
    """
    out, findings, subject = console(), list[Finding](), ""
    for finding in found:
        if finding.subject != subject:
            subject = finding.subject
            out.print(Text(plain(subject), style="bold underline"))
        _show(out, finding)
        findings.append(finding)
    counts = _counts(findings)
    out.print(
        Text(f"{counts['ok']} well, {counted(counts['warning'], 'warning')}, {counted(counts['problem'], 'problem')}")
    )
    return findings


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    counted = Counter(finding.grade for finding in findings)
    return {grade.value: counted[grade] for grade in Grade}


def _show(out: Console, finding: Finding) -> None:
    """The grade, then what was found; where it is not well also why it matters and the way out, each on a new line."""
    mark = Text(f"{finding.grade.value:<{_INDENT}}", style=_STYLES[finding.grade])
    _wrapped(out, mark, Text.assemble((f"{finding.check}: ", "bold"), plain(finding.found)))
    if finding.grade is Grade.OK:
        return
    for text in (finding.why, finding.remedy):
        if text:
            _wrapped(out, Text(" " * _INDENT), Text(plain(text)))
    if finding.command:
        out.print(Text(" " * _INDENT + "$ ").append(visible(finding.command), style="bold"), soft_wrap=True)


def _wrapped(out: Console, mark: Text, text: Text) -> None:
    """On a terminal the lines of a text begin below each other; into a pipe it goes as one line."""
    lines = text.wrap(out, max(out.width - _INDENT, _INDENT)) if out.is_terminal else [text]
    for number, line in enumerate(lines):
        line.rstrip()
        out.print((mark if number == 0 else Text(" " * _INDENT)) + line, soft_wrap=True)
