"""Findings for CI: each format as its reader wants it, with paths from the root of the Git repository."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest

from api.commands.finding_formats import Case, Finding, fingerprints, github, gitlab, junit, sarif
from tests.cli.conftest import ROOT, Run
from tests.stock import REFUND, TRIAGE

TRIAGE_PATH = "prompts/support/triage.prompt.yaml"
REFUND_PATH = "prompts/고객지원/환불.prompt.yaml"

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": TEXT,
                                                "help": TEXT,
                                            },
                                            "additionalProperties": False,
                                        },
                                    },
                                },
                                "additionalProperties": False,
                            }
                        },
                        "additionalProperties": False,
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {
                        "items": {
                            "required": ["message"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": -1},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": TEXT,
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "locations": {
                                    "items": {
                                        "required": ["physicalLocation"],
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation", "region"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "properties": {
                                                            "uri": {"type": "string", "format": "uri-reference"}
                                                        },
                                                        "additionalProperties": False,
                                                    },
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1},
                                                            "startColumn": {"type": "integer", "minimum": 1},
                                                        },
                                                        "additionalProperties": False,
                                                    },
                                                },
                                                "additionalProperties": False,
                                            }
                                        },
                                    }
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}
"""What SARIF 2.1.0 requires of the parts that are written, after its published schema."""

QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/]"},
                    "lines": {"required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}},
                },
            },
        },
    },
}


def check(schema: dict[str, Any], value: Any) -> None:
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(value)


@pytest.fixture
def broken(checkout: Path) -> Path:
    """An error and a warning in an English file, an error in a Korean one; a Git repository one folder up."""
    (checkout / TRIAGE_PATH).write_text(TRIAGE.replace("{{ ticket }}", "{{ tiket }}"))
    (checkout / REFUND_PATH).write_text(REFUND.replace("{{ 이름 }}", "{{ 이름 | nosuch }}"))
    subprocess.run(["git", "init", "-q", str(checkout.parent)], check=True)
    return checkout


def test_github(run: Run, broken: Path) -> None:
    done = run("validate", "prompts", "--format", "github", cwd=broken)
    lines = done.out.splitlines()
    assert done.code == 1
    assert lines[0].startswith(f"::warning file=checkout/{TRIAGE_PATH},line=7,col=3,title=variable-unused::")
    assert lines[1].startswith(f"::error file=checkout/{TRIAGE_PATH},line=15,col=25,title=variable-undeclared::")
    assert lines[-1].startswith(f"::error file=checkout/{REFUND_PATH},line=")
    assert "2 errors, 1 warning" in done.err


def test_github_escapes_what_would_end_a_command() -> None:
    finding = Finding("r", "100%\n::error::no", "a,b:c", 1, 2, is_error=True)
    assert github([finding]) == "::error file=a%2Cb%3Ac,line=1,col=2,title=r::100%25%0A::error::no\n"
    assert github([Finding("r", "m", "", 1, 1, is_error=False)]) == "::warning title=r::m\n"


def test_gitlab(run: Run, broken: Path) -> None:
    done = run("validate", ".", "--format", "gitlab", cwd=broken)
    check(QUALITY, done.json)
    places = [
        (f["check_name"], f["severity"], f["location"]["path"], f["location"]["lines"]["begin"]) for f in done.json
    ]
    assert places[0] == ("variable-unused", "minor", f"checkout/{TRIAGE_PATH}", 7)
    assert places[1] == ("variable-undeclared", "major", f"checkout/{TRIAGE_PATH}", 15)
    assert places[2][2] == f"checkout/{REFUND_PATH}"
    assert gitlab([]) == "[]\n"


def test_fingerprints_stay_when_lines_move_and_differ_for_each_finding(run: Run, broken: Path) -> None:
    def prints() -> list[str]:
        return [f["fingerprint"] for f in run("validate", ".", "--format", "gitlab", cwd=broken).json]

    before = prints()
    path = broken / TRIAGE_PATH
    path.write_text("# One line more.\n# And one more.\n" + path.read_text())
    assert prints() == before
    path.write_text(path.read_text().replace("{{ tiket }}", "{{ tiket }} and {{ tikket }}"))
    after = prints()
    assert len(set(after)) == len(after) == len(before) + 1
    same = Finding("r", "m", "p", 1, 1, is_error=True, text="x")
    assert len(set(fingerprints([same, same]))) == 2


def test_sarif(run: Run, broken: Path) -> None:
    done = run("validate", ".", "--format", "sarif", cwd=broken)
    check(SARIF, done.json)
    (found,) = done.json["runs"]
    rules = found["tool"]["driver"]["rules"]
    assert {(r["ruleId"], r["level"]) for r in found["results"]} == {
        ("variable-undeclared", "error"),
        ("variable-unused", "warning"),
        ("filter-unknown", "error"),
    }
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in found["results"])
    pages = [re.search(r"docs/rules/[a-z-]+\.md", rule["help"]["text"]) for rule in rules]
    assert all(page is not None and (ROOT / page[0]).exists() for page in pages)
    uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in found["results"]]
    assert uris[0] == f"checkout/{TRIAGE_PATH}"
    assert uris[-1].isascii()
    check(SARIF, json.loads(sarif([Finding("r", "m", "", 1, 1, is_error=True)], {}, "1")))


def test_junit(run: Run, broken: Path) -> None:
    done = run("validate", ".", "--format", "junit", cwd=broken)
    (suite,) = ET.fromstring(done.out.encode())
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "2", "0")
    failed = {case.get("file"): case.find("failure") for case in suite if case.find("failure") is not None}
    assert set(failed) == {f"checkout/{TRIAGE_PATH}", f"checkout/{REFUND_PATH}"}
    failure = failed[f"checkout/{TRIAGE_PATH}"]
    assert failure is not None
    assert "[variable-undeclared]" in (failure.text or "")
    assert "variable-unused" in "".join(node.text or "" for node in suite.iter("system-out"))


def test_junit_of_text_that_no_xml_can_hold() -> None:
    report = junit([Case("g", "a<b>&\x1b\x00\ufffe\ud800", "f", ("no ]]> \x07",))])
    (suite,) = ET.fromstring(report.encode())
    assert suite[0].get("name") == "a<b>&\\x1b\\x00\\xfffe\\xd800"


@pytest.mark.parametrize("form", ["github", "gitlab", "junit", "sarif", "json"])
def test_a_sound_checkout_has_an_empty_report(run: Run, checkout: Path, form: str) -> None:
    done = run("validate", ".", "--format", form, cwd=checkout)
    assert done.code == 0
    assert "error" not in done.out.replace('"errors": 0', "").replace('errors="0"', "")
    if form in {"gitlab", "json", "sarif"}:
        json.loads(done.out)


def test_a_lone_file_outside_any_repository(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: {{ x\n")
    found = run("validate", "note.prompt.yaml", "--format", "gitlab").json
    assert {each["location"]["path"] for each in found} == {"note.prompt.yaml"}


@pytest.mark.parametrize(
    ("arguments", "word"), [(["--json", "--format", "sarif"], "two formats"), (["--format", "x"], "sarif")]
)
def test_formats_that_cannot_be(run: Run, checkout: Path, arguments: list[str], word: str) -> None:
    done = run("validate", ".", *arguments, cwd=checkout)
    assert (done.code, done.out, word in done.err) == (2, "", True)
