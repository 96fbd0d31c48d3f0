"""``promptuary test`` runs the offline tests of a checkout."""

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.cells import cell_len

from tests.cli.conftest import Run
from tests.stock import REFUND, TRIAGE

TRIAGE_PATH = "prompts/support/triage.prompt.yaml"
REFUND_PATH = "prompts/고객지원/환불.prompt.yaml"
KOREAN_TEST = "tests:\n  - name: 이름이 들어간다\n    variables: {이름: 지우}\n    expect: [{contains: 지우}]\n"


@pytest.fixture
def tested(checkout: Path) -> Path:
    """One test that passes, in Korean, and two in English of which one fails."""
    (checkout / REFUND_PATH).write_text(REFUND + KOREAN_TEST)
    failing = "  - name: it is long\n    variables: {ticket: x}\n    expect: [{min_tokens: 9000}]\n"
    (checkout / TRIAGE_PATH).write_text(TRIAGE + failing)
    return checkout


def test_all_pass(run: Run, checkout: Path) -> None:
    done = run("test", cwd=checkout)
    assert (done.code, "1 test of 1 template: all passed" in done.err) == (0, True)
    assert "the ticket stands inside its tag" in done.out


def test_failures_have_their_place_and_reason(run: Run, tested: Path) -> None:
    done = run("test", ".", cwd=tested)
    assert (done.code, "3 tests of 2 templates: 1 failed" in done.err) == (1, True)
    rows = [line for line in done.out.splitlines() if re.search(r" (passed|failed) *$", line)]
    assert [line.split()[-1] for line in rows] == ["passed", "failed", "passed"]
    assert len({cell_len(re.split(r"(?:passed|failed) *$", line)[0]) for line in rows}) == 1, "columns are aligned"
    assert re.search(
        rf"^{TRIAGE_PATH}:\d+:\d+: \[test-failed\] Test 'it is long': expected at least", done.out, re.MULTILINE
    )
    only = run("test", "고객지원", cwd=tested / "prompts")
    assert (only.code, "1 test of 1 template: all passed" in only.err) == (0, True)


def test_formats(run: Run, tested: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tested.parent)], check=True)
    report = run("test", "--format", "json", cwd=tested)
    assert (report.code, report.json["tests"], report.json["failed"]) == (1, 3, 1)
    assert {t["name"]: t["passed"] for t in report.json["templates"]} == {
        "support/triage": False,
        "고객지원/환불": True,
    }
    assert report.json["templates"][0]["tests"][0]["line"] == 18
    assert run("test", "--json", cwd=tested).out == report.out
    done = run("test", "--format", "junit", cwd=tested)
    suites = {suite.get("name"): suite for suite in ET.fromstring(done.out.encode())}
    assert {name: (s.get("tests"), s.get("failures")) for name, s in suites.items()} == {
        "support/triage": ("2", "1"),
        "고객지원/환불": ("1", "0"),
    }
    (failure,) = suites["support/triage"].iter("failure")
    assert "expected at least" in (failure.text or "")
    assert {case.get("file") for case in suites["고객지원/환불"]} == {f"checkout/{REFUND_PATH}"}


def test_a_template_with_errors_is_a_failure(run: Run, checkout: Path) -> None:
    (checkout / REFUND_PATH).write_text(REFUND.replace("{{ 이름 }}", "{{ 나이 }}"))
    done = run("test", cwd=checkout)
    assert (done.code, "0 failed, 1 template with errors" in done.err) == (1, True)
    assert f"{REFUND_PATH}:8:6: [variable-undeclared]" in done.out
    assert not run("test", "--json", cwd=checkout).json["templates"][1]["passed"]
    suite = ET.fromstring(run("test", "--format", "junit", cwd=checkout).out.encode())[1]
    assert (suite.get("name"), suite.get("failures")) == ("고객지원/환불", "1")


def test_a_test_that_does_not_end_is_a_failure(run: Run, checkout: Path) -> None:
    loop = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}"
    slow = f"schema: prompt/v1\ntype: text\ntext: |\n  {loop}\ntests:\n  - name: slow\n    expect: [{{contains: x}}]\n"
    (checkout / REFUND_PATH).write_text(slow)
    done = run("test", "prompts/고객지원", cwd=checkout, PROMPTUARY_RENDER_SECONDS="0.2")
    assert (done.code, "render-limit" in done.out) == (1, True), done.out


def test_without_tests_there_is_nothing_to_fail(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: Hello.\n")
    done = run("test", "note.prompt.yaml")
    assert (done.code, done.out, "no tests found" in done.err) == (0, "", True)
    (tmp_path / "note.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: {{ x\n")
    lone = run("test", "note.prompt.yaml")
    assert (lone.code, "\nnote.prompt.yaml:" in lone.out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["nowhere"], 2, "nowhere"),
        (["README.md"], 1, "no template"),
        (["--json", "--format", "junit"], 2, "two formats"),
        (["--format", "sarif"], 2, "junit"),
    ],
)
def test_what_cannot_be_carried_out(run: Run, checkout: Path, arguments: list[str], code: int, word: str) -> None:
    done = run("test", *arguments, cwd=checkout)
    assert (done.code, word in done.err) == (code, True), done.err
