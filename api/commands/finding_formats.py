"""Findings as other programs read them: GitHub, GitLab, JUnit and SARIF. Knows nothing of templates or of Git."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; ``path`` is relative to the repository's root, ``text`` the line that it is about.

    Line and column count from 1, columns in characters. ``path`` is empty where no file is meant.
    """

    rule: str
    message: str
    path: str
    line: int
    column: int
    is_error: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a JUnit report: what was checked, and what is wrong with it; ``notes`` do not fail it."""

    group: str
    name: str
    file: str
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def fingerprints(findings: Sequence[Finding]) -> list[str]:
    """An id for each finding that stays when lines are added or removed above it.

    It is made of the path, the rule and the line's text; the same once more in a file is counted.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    ids = []
    for finding in findings:
        key = (finding.path, finding.rule, finding.text.strip())
        ids.append(hashlib.sha256("\0".join((*key, str(seen[key]))).encode("utf-8", "replace")).hexdigest())
        seen[key] += 1
    return ids


def github(findings: Iterable[Finding]) -> str:
    """Workflow commands: GitHub shows each as an annotation of the line."""
    return "".join(
        f"::{'error' if f.is_error else 'warning'} {_github_place(f)}title={_property(f.rule)}::{_escaped(f.message)}\n"
        for f in findings
    )


def gitlab(findings: Sequence[Finding]) -> str:
    """A Code Quality report, for ``artifacts: reports: codequality``."""
    report = [
        {
            "description": finding.message,
            "check_name": finding.rule,
            "fingerprint": fingerprint,
            "severity": "major" if finding.is_error else "minor",
            "location": {"path": finding.path or ".", "lines": {"begin": finding.line}},
        }
        for finding, fingerprint in zip(findings, fingerprints(findings), strict=True)
    ]
    return _json(report)


def sarif(findings: Sequence[Finding], titles: Mapping[str, str], version: str) -> str:
    """A SARIF 2.1.0 log with one run; ``titles`` say what each rule is about."""
    used = sorted({finding.rule for finding in findings})
    numbers = {rule: index for index, rule in enumerate(used)}
    rules = [_sarif_rule(rule, titles.get(rule, rule)) for rule in used]
    results = [
        {
            "ruleId": finding.rule,
            "ruleIndex": numbers[finding.rule],
            "level": "error" if finding.is_error else "warning",
            "message": {"text": finding.message},
            "partialFingerprints": {"promptuary/v1": fingerprint},
            "locations": [_sarif_place(finding)] if finding.path else [],
        }
        for finding, fingerprint in zip(findings, fingerprints(findings), strict=True)
    ]
    driver = {"name": "promptuary", "version": version, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return _json({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def cases_of(findings: Iterable[Finding], paths: Iterable[str]) -> list[Case]:
    """A case for each file that was looked at, and for those that findings are about."""
    failures: dict[str, list[str]] = {path: [] for path in paths}
    notes: dict[str, list[str]] = {}
    for finding in findings:
        failures.setdefault(finding.path, [])
        line = f"{finding.path}:{finding.line}:{finding.column}: [{finding.rule}] {finding.message}"
        (failures if finding.is_error else notes).setdefault(finding.path, []).append(line)
    return [
        Case("promptuary", path or "repository", path, tuple(wrong), tuple(notes.get(path, ())))
        for path, wrong in failures.items()
    ]


def junit(cases: Sequence[Case]) -> str:
    """A JUnit report with one suite a group."""
    root = ET.Element("testsuites", name="promptuary")
    for group in dict.fromkeys(case.group for case in cases):
        mine = [case for case in cases if case.group == group]
        failed = sum(bool(case.failures) for case in mine)
        counts = {"tests": str(len(mine)), "failures": str(failed), "errors": "0", "skipped": "0"}
        suite = ET.SubElement(root, "testsuite", {"name": _xml(group), **counts})
        for case in mine:
            place = {"file": _xml(case.file)} if case.file else {}
            entry = ET.SubElement(suite, "testcase", {"name": _xml(case.name), "classname": _xml(group), **place})
            if case.failures:
                failure = ET.SubElement(entry, "failure", message=_xml(case.failures[0]), type="error")
                failure.text = _xml("\n".join(case.failures))
            if case.notes:
                ET.SubElement(entry, "system-out").text = _xml("\n".join(case.notes))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _github_place(finding: Finding) -> str:
    place = f"file={_property(finding.path)},line={finding.line},col={finding.column},"
    return place if finding.path else ""


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _sarif_rule(rule: str, title: str) -> dict[str, Any]:
    help_text = f"{title}. Promptuary's docs/rules/{rule}.md has an example and what to do."
    return {"id": rule, "shortDescription": {"text": title}, "help": {"text": help_text}}


def _sarif_place(finding: Finding) -> dict[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column}
    artifact = {"uri": quote(finding.path)}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _xml(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return "".join(c if _fits_xml(c) else f"\\x{ord(c):02x}" for c in text)


def _fits_xml(sign: str) -> bool:
    return sign in "\t\n\r" or " " <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd" or sign >= "\U00010000"
