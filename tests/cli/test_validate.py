"""``promptuary validate`` judges a plain checkout as the gate would."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.running import git
from tests.stock import TRIAGE

PATH = "prompts/support/triage.prompt.yaml"


def test_a_sound_checkout(run: Run, checkout: Path) -> None:
    done = run("validate", ".", cwd=checkout)
    assert (done.code, done.out) == (0, "")
    assert "3 templates in 6 files: no errors" in done.err


def test_findings_have_place_rule_and_advice(run: Run, checkout: Path) -> None:
    (checkout / PATH).write_text(TRIAGE.replace("{{ ticket }}", "{{ tiket }}"))
    done = run("validate", ".", cwd=checkout)
    assert done.code == 1
    assert f"{PATH}:15:25: [variable-undeclared] tiket" in done.out
    assert f"{PATH}:7:3: warning: [variable-unused] ticket" in done.out
    report = run("validate", str(checkout / "prompts" / "support"), "--json")
    found = next(d for d in report.json["diagnostics"] if d["severity"] == "error")
    assert (report.code, report.json["errors"], report.json["templates"]) == (1, 1, 1)
    assert (found["rule"], found["line"], found["column"]) == ("variable-undeclared", 15, 25)


def test_a_fault_of_the_text_hides_no_other(run: Run, checkout: Path) -> None:
    (checkout / PATH).write_text(TRIAGE.replace("{{ ticket }}", "{{ tiket }}{% if ticket %}"))
    out = run("validate", PATH, cwd=checkout).out
    assert f"{PATH}:15:25: [variable-undeclared] tiket is not declared: did you mean ticket?" in out
    assert f"{PATH}:15:33: [template-syntax] the tag if is not closed: write {{% endif %}} where it ends" in out
    assert "variable-unused" not in out
    (checkout / PATH).write_text(TRIAGE.replace("variables:", "varables:", 1))
    assert "variable-undeclared" not in run("validate", PATH, cwd=checkout).out


def test_a_replacement_that_leads_nowhere_is_told(run: Run, checkout: Path) -> None:
    old = TRIAGE.replace("type: chat\n", "type: chat\nstatus: deprecated\nreplaced_by: support/triage-2\n")
    (checkout / PATH).write_text(old)
    done = run("validate", PATH, cwd=checkout)
    assert (done.code, f"{PATH}:6:14: warning: [replaced-by-nowhere]" in done.out) == (0, True)
    (checkout / "prompts/support/triage-2.prompt.yaml").write_text(TRIAGE)
    assert run("validate", PATH, cwd=checkout).out == ""


def test_partials_come_from_the_whole_checkout(run: Run, checkout: Path) -> None:
    assert run("validate", PATH, cwd=checkout).code == 0
    (checkout / "prompts/partials/tone.prompt.yaml").unlink()
    broken = run("validate", "triage.prompt.yaml", cwd=checkout / "prompts" / "support")
    assert (broken.code, "[include-missing]" in broken.out) == (1, True)
    assert broken.out.startswith("triage.prompt.yaml:")


def test_labels_rules_and_collisions_are_checked(run: Run, checkout: Path) -> None:
    (checkout / "labels/production/support.yaml").write_text("triage: 1\ngone: 2\n")
    (checkout / ".registry.yaml").write_text("schema: registry/v1\nbranchs: {}\n")
    (checkout / "prompts/support/Triage.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: x\n")
    done = run("validate", ".", cwd=checkout)
    assert done.code == 1
    for rule in ("label-unknown-template", "name-collision", ".registry.yaml:2"):
        assert rule in done.out


@pytest.mark.parametrize("asked", ["triage", "Triage"])
def test_a_collision_is_told_at_the_file_that_was_asked_about(run: Run, checkout: Path, asked: str) -> None:
    (checkout / "prompts/support/Triage.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: x\n")
    done = run("validate", f"prompts/support/{asked}.prompt.yaml", cwd=checkout)
    other = f'differs from "prompts/support/{asked.swapcase()[0]}riage.prompt.yaml"'
    assert f"prompts/support/{asked}.prompt.yaml:1:1: [name-collision] {other}" in done.out


def test_offline_tests_are_run_on_demand(run: Run, checkout: Path) -> None:
    (checkout / PATH).write_text(TRIAGE.replace('"<ticket>My card"', "something else"))
    assert run("validate", PATH, cwd=checkout).code == 0
    done = run("validate", PATH, "--tests", cwd=checkout)
    assert (done.code, "[test-failed]" in done.out) == (1, True)


def test_standard_input(run: Run, checkout: Path) -> None:
    assert run("validate", "-", "--name", "support/new", stdin=TRIAGE, cwd=checkout).code == 0
    done = run("validate", "-", stdin="schema: prompt/v1\ntype: text\n")
    assert (done.code, "prompts/stdin.prompt.yaml:1:1:" in done.out) == (1, True)


def test_a_lone_file(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "lone"
    folder.mkdir()
    (folder / "note.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: {{ x\n")
    done = run("validate", "note.prompt.yaml", cwd=folder)
    assert (done.code, done.out.startswith("note.prompt.yaml:")) == (1, True)


def test_what_git_ignores_is_not_looked_at(run: Run, checkout: Path) -> None:
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    (checkout / ".gitignore").write_text("build/\n")
    (checkout / "build").mkdir()
    (checkout / "build" / "key.txt").write_text("aws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz'\n")
    assert run("validate", ".", cwd=checkout).code == 0


def test_symbolic_links_are_named(run: Run, checkout: Path) -> None:
    (checkout / "prompts" / "link.prompt.yaml").symlink_to("partials/tone.prompt.yaml")
    done = run("validate", ".", cwd=checkout)
    assert (done.code, "[file-mode]" in done.out) == (1, True)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"[" * 100_000, b"a: &a [*a]\n", b"", b"schema: prompt/v1\0", b"x" * 2_000_000]
)
def test_malformed_files_are_diagnostics(run: Run, checkout: Path, content: bytes) -> None:
    (checkout / PATH).write_bytes(content)
    done = run("validate", PATH, cwd=checkout)
    assert done.code == 1
    assert done.out.startswith(f"{PATH}:")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["nowhere"], "nowhere"), (["-", "x"], "alone"), (["x", "--name", "y"], "--name"), ([], "Missing argument")],
)
def test_what_cannot_be_carried_out(run: Run, checkout: Path, arguments: list[str], word: str) -> None:
    done = run("validate", *arguments, cwd=checkout)
    assert (done.code, done.out, word in done.err) == (2, "", True)


def test_a_file_that_is_no_template_is_told(run: Run, checkout: Path) -> None:
    (checkout / "t.yaml").write_text("schema: prompt/v1\n")
    done = run("validate", "t.yaml", "/etc/passwd", cwd=checkout)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "promptuary: t.yaml is no template: name it *.prompt.yaml",
        "promptuary: /etc/passwd is no template: name it *.prompt.yaml",
    ]
    both = run("validate", "t.yaml", PATH, "--json", cwd=checkout)
    assert (both.code, both.json["templates"], both.json["errors"]) == (1, 1, 0)
    for path in (".registry.yaml", "labels/production/support.yaml"):
        (checkout / ".registry.yaml").write_text("schema: registry/v1\n")
        assert run("validate", path, cwd=checkout).code == 0


@pytest.mark.parametrize("command", [["validate"], ["test"], ["check", "--against", "HEAD"]])
def test_a_file_outside_prompts_is_told(run: Run, checkout: Path, command: list[str]) -> None:
    git(checkout, "init", "-q")
    git(checkout, "commit", "-q", "--allow-empty", "-m", "Start")
    (checkout / "drafts").mkdir()
    (checkout / "drafts/b.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: '{{ nobody }}'\n")
    done = run(*command, "drafts/b.prompt.yaml", cwd=checkout)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("promptuary: drafts/b.prompt.yaml is outside prompts/, so no template\n")
    both = run(*command, "drafts/b.prompt.yaml", PATH, cwd=checkout)
    assert (both.code, "outside prompts/" in both.err) == (1, True)
    assert run(*command, PATH, "drafts", cwd=checkout).code == 0
    alone = checkout.parent / "alone.prompt.yaml"
    alone.write_text("schema: prompt/v1\ntype: text\ntext: Hello.\n")
    if command != ["check", "--against", "HEAD"]:
        assert run(*command, str(alone)).code == 0, "a file that lies in no checkout"


def test_a_folder_without_templates_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("validate", "empty")
    assert (done.code, "no templates found in 0 files" in done.err) == (0, True)


def test_what_cannot_be_read_is_one_line_and_the_rest_goes_on(run: Run, checkout: Path) -> None:
    os.mkfifo(checkout / "pipe")
    (checkout / "prompts" / "loop").symlink_to("loop")
    assert run("validate", "prompts/support", cwd=checkout).code == 0
    if os.geteuid() != 0:
        (checkout / "README.md").write_text("x")
        (checkout / "README.md").chmod(0)
        done = run("validate", ".", cwd=checkout)
        assert ("README.md: cannot be read" in done.err, "3 templates" in done.err) == (True, True)
    unreadable = run("validate", "/proc/self/mem.prompt.yaml")
    assert (unreadable.code, len(unreadable.err.splitlines())) == (2, 1)
