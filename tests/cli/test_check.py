"""``promptuary check`` judges what has changed in a checkout, as the gate would when it is pushed."""

import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.stock import TRIAGE

PATH = "prompts/support/triage.prompt.yaml"
TONE = "prompts/partials/tone.prompt.yaml"
NARROW = TRIAGE.replace("max_length: 200", "max_length: 100")


def git(checkout: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(checkout), *identity, *arguments], check=True, capture_output=True)


def commit(checkout: Path, message: str = "change") -> None:
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture
def clone(checkout: Path) -> Path:
    """A checkout of a branch ``work`` that began at ``main``."""
    git(checkout, "init", "-q", "-b", "main")
    commit(checkout, "first")
    git(checkout, "checkout", "-q", "-b", "work")
    return checkout


def test_nothing_changed(run: Run, clone: Path) -> None:
    done = run("check", "--against", "main", cwd=clone)
    assert (done.code, done.out) == (0, "")
    assert "no changed templates found in 0 files: no errors" in done.err


def test_a_breaking_change_needs_a_commit_that_says_why(run: Run, clone: Path) -> None:
    (clone / PATH).write_text(NARROW)
    for _ in range(2):  # in the work tree, then committed
        done = run("check", "--against", "main", cwd=clone)
        assert (done.code, f"{PATH}:7:56: [breaking-change] ticket (max_length): was 200, is 100" in done.out) == (
            1,
            True,
        )
        assert "calls that fit main (" in done.out
        commit(clone)
    (clone / PATH).write_text(NARROW + "# said why\n")
    commit(clone, "Shorten\n\nBreaking-Change: longer tickets are cut anyway")
    done = run("check", "--against", "main", cwd=clone)
    assert (done.code, done.out) == (0, "")


def test_the_trailer_of_a_merge_counts_for_what_it_merges(run: Run, clone: Path) -> None:
    git(clone, "checkout", "-q", "-b", "side")
    (clone / PATH).write_text(NARROW)
    commit(clone)
    git(clone, "checkout", "-q", "work")
    git(clone, "merge", "-q", "--no-ff", "side", "-m", "Merge\n\nBreaking-Change: agreed")
    assert run("check", "--against", "main", cwd=clone).code == 0


def test_what_the_base_has_got_meanwhile_is_no_change(run: Run, clone: Path) -> None:
    git(clone, "checkout", "-q", "main")
    (clone / PATH).write_text(TRIAGE.replace("max_length: 200", "max_length: 900"))
    commit(clone)
    git(clone, "checkout", "-q", "work")
    assert run("check", "--against", "main", cwd=clone).code == 0


def test_the_rules_of_the_base_say_which_mode_holds(run: Run, clone: Path) -> None:
    rules = clone / ".registry.yaml"
    rules.write_text("schema: registry/v1\ncompatibility: {folders: {support: none}}\n")
    (clone / PATH).write_text(NARROW)
    assert run("check", "--against", "main", cwd=clone).code == 1
    (clone / PATH).write_text(TRIAGE)
    commit(clone)
    (clone / PATH).write_text(NARROW)
    assert run("check", "--against", "HEAD", cwd=clone).code == 0


def test_the_rules_of_the_base_say_which_models_and_sizes_are_allowed(run: Run, clone: Path) -> None:
    (clone / ".registry.yaml").write_text("schema: registry/v1\nmodels: {allow: [anthropic/*]}\n")
    commit(clone)
    (clone / ".registry.yaml").write_text("schema: registry/v1\nmodels: {allow: ['*']}\n")
    (clone / TONE).write_text(
        "schema: prompt/v1\ntype: text\ntext: Be brief.\nmodel: {provider: openai, id: gpt-4o-mini}\n"
    )
    done = run("check", "--against", "HEAD", cwd=clone)
    assert (done.code, f"{TONE}:4:31: [model-not-allowed]" in done.out) == (1, True), done.out
    assert run("validate", ".", cwd=clone).code == 0


def test_a_draft_is_warned_of(run: Run, clone: Path) -> None:
    (clone / PATH).write_text(TRIAGE.replace("type: chat", "type: chat\nstatus: draft"))
    commit(clone)
    (clone / PATH).write_text(NARROW)
    done = run("check", "--against", "HEAD", cwd=clone)
    assert (done.code, "warning: [breaking-change]" in done.out) == (0, True)


def test_only_what_changed_is_judged_and_what_depends_on_it(run: Run, clone: Path) -> None:
    (clone / "prompts/old.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: {{ x\n")
    commit(clone)
    git(clone, "branch", "-f", "main", "work")
    (clone / TONE).write_text(
        "schema: prompt/v1\ntype: text\nvariables: {x: {type: string, default: y}}\ntext: '{{ x }}'\n"
    )
    done = run("check", "--against", "main", "--json", cwd=clone)
    assert {(d["path"], d["rule"]) for d in done.json["diagnostics"]} == {(PATH, "variable-undeclared")}
    assert (done.code, done.json["files"], done.json["templates"]) == (1, 1, 1)


def test_a_broken_partial_is_told_before_what_includes_it(run: Run, clone: Path) -> None:
    (clone / "prompts/a.prompt.yaml").write_text(
        "schema: prompt/v1\ntype: text\ntext: \"{% include 'partials/tone' %}\"\n"
    )
    commit(clone)
    (clone / TONE).write_text("text: [")
    found = run("check", "--against", "HEAD", "--json", cwd=clone).json["diagnostics"]
    assert [(each["path"], each["rule"]) for each in found] == [
        (TONE, "yaml-syntax"),
        ("prompts/a.prompt.yaml", "include-missing"),
        (PATH, "include-missing"),
    ]


def test_the_junit_report_has_what_was_judged_alone(run: Run, clone: Path) -> None:
    (clone / PATH).write_text(NARROW)
    report = ET.fromstring(run("check", "--against", "main", "--format", "junit", cwd=clone).out.encode())
    assert [case.get("name") for case in report.iter("testcase")] == [PATH]


def test_removals_are_seen_where_something_names_them(run: Run, clone: Path) -> None:
    (clone / TONE).unlink()
    (clone / PATH).unlink()
    done = run("check", "--against", "main", cwd=clone)
    assert "labels/production/support.yaml:1:9: [label-unknown-template]" in done.out
    git(clone, "checkout", "-q", PATH)
    assert f"{PATH}:13:" in run("check", "--against", "main", cwd=clone).out


def test_offline_tests_are_run(run: Run, clone: Path) -> None:
    (clone / PATH).write_text(TRIAGE.replace('"<ticket>My card"', "something else"))
    done = run("check", "--against", "main", cwd=clone)
    assert (done.code, "[test-failed]" in done.out) == (1, True)


def test_paths_narrow_it_and_a_folder_of_a_repository_may_be_the_checkout(
    run: Run, clone: Path, tmp_path: Path
) -> None:
    (clone / PATH).write_text(NARROW)
    assert run("check", "prompts/partials", "--against", "main", cwd=clone).code == 0
    assert run("check", "triage.prompt.yaml", "--against", "main", cwd=clone / "prompts/support").code == 1
    whole = tmp_path / "whole"
    (whole / "inner").parent.mkdir()
    clone.rename(whole / "inner")
    (whole / "inner" / ".git").rename(whole / ".git")
    commit(whole, "Moved\n\nBreaking-Change: below a folder")
    assert run("check", "inner", "--against", "HEAD", cwd=whole).code == 0
    (whole / "inner" / PATH).write_text(NARROW.replace("100", "50"))
    gitlab = run("check", "inner", "--against", "HEAD", "--format", "gitlab", cwd=whole)
    assert (gitlab.code, gitlab.json[0]["location"]["path"]) == (1, f"inner/{PATH}")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--against", "nowhere"], "nowhere: there is no such commit"),
        (["--against", "--help"], "no such commit"),
        ([], "there is no origin/HEAD: say what to compare with"),
        (["nowhere", "--against", "main"], "nowhere"),
        (["--against", "alone"], "no commit in common"),
    ],
)
def test_what_cannot_be_carried_out(run: Run, clone: Path, arguments: list[str], word: str) -> None:
    git(clone, "checkout", "-q", "--orphan", "alone")
    commit(clone)
    git(clone, "checkout", "-q", "work")
    done = run("check", *arguments, cwd=clone)
    assert (done.code, done.out, word in done.err) == (2, "", True)


def test_a_folder_that_is_no_checkout(run: Run, checkout: Path) -> None:
    """It may be large, so it is not even read."""
    os.utime(checkout / PATH, (1, 2))
    done = run("check", "--against", "main", cwd=checkout)
    assert (done.code, "promptuary validate" in done.err) == (2, True)
    assert (checkout / PATH).stat().st_atime == 1


def test_a_commit_is_named_once(run: Run, clone: Path) -> None:
    (clone / PATH).write_text(NARROW)
    head = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert f"calls that fit {head.stdout[:10]} " in run("check", "--against", head.stdout.strip(), cwd=clone).out


def test_of_untracked_files_only_those_that_would_be_templates_labels_or_rules_are_judged(
    run: Run, clone: Path
) -> None:
    for name in (".cache/pip/blob", "report.json"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes(b"x" * 300_000)
    done = run("check", "--against", "main", cwd=clone)
    assert (done.code, done.out) == (0, "")
    assert "in 0 files" in done.err
    new = {"prompts/new.prompt.yaml": "x", "labels/new/top.yaml": "x", ".registry.yaml": "x", "Prompts/x": "x"}
    for name, text in new.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text)
    found = run("check", "--against", "main", "--json", cwd=clone)
    assert {each["path"] for each in found.json["diagnostics"]} >= new.keys()
    git(clone, "add", "report.json")
    assert "report.json:1:1: [file-size]" in run("check", "--against", "main", cwd=clone).out


def test_a_checkout_of_another_user(run: Run, clone: Path) -> None:
    """As containers in CI have it: Git refuses it and says what to do."""
    done = run("check", "--against", "main", cwd=clone, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert (done.code, done.out, "safe.directory" in done.err) == (2, "", True), done.err
