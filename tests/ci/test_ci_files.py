"""The files under ``deploy/ci`` and the pre-commit hooks: their own lines, run in a checkout of the sample."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from registry.domain.limits import MAX_FILE_BYTES
from registry.domain.prompt_schema import SCHEMA_PATH
from tests.running import ROOT, clean_environment
from tests.warm import warm_program

BROKEN = "prompts/고객지원/망가진.prompt.yaml"
BROKEN_TEXT = "schema: prompt/v1\ntype: text\ntext: Hello {{ nobody }}.\n"
FINE = "prompts/support/fine.prompt.yaml"
FINE_TEXT = (
    "schema: prompt/v1\ntype: text\ntext: Be brief.\ntests:\n  - name: says so\n    expect: [{contains: brief}]\n"
)
FAILING_TEXT = FINE_TEXT.replace("contains: brief", "contains: long")
ZEROS = "0" * 40

GITLAB = yaml.safe_load((ROOT / "deploy/ci/gitlab.yml").read_text())
GITHUB = yaml.safe_load((ROOT / "deploy/ci/github.yml").read_text())
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


class Clone:
    """A checkout of the sample with ``promptuary`` on its PATH; ``main`` and ``origin/main`` are the base."""

    def __init__(self, place: Path) -> None:
        self.root = place / "clone"
        shutil.copytree(ROOT / "sample-repo", self.root)
        program = place / "bin/promptuary"
        program.parent.mkdir()
        self.inherited = [warm_program(program)]
        environment = clean_environment()
        self.environment = environment | {"PATH": f"{program.parent}:{environment['PATH']}"}
        for name in [name for name in self.environment if name.startswith(("CI", "GITHUB_"))]:
            del self.environment[name]
        self.git("init", "-q", "-b", "main")
        self.commit()
        self.base = self.git("rev-parse", "HEAD")
        self.git("update-ref", "refs/remotes/origin/main", self.base)
        self.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
        self.git("checkout", "-q", "-b", "work")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str] | None = None) -> None:
        for path, text in (files or {}).items():
            (self.root / path).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")

    def shell(self, program: list[str], script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The script in one shell, as the runner starts it."""
        return subprocess.run(
            [*program, "-c", script],
            cwd=self.root,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=self.inherited,
        )

    def gitlab(self, **variables: str) -> subprocess.CompletedProcess[str]:
        job = GITLAB["promptuary"]
        script = "\n".join([*job["before_script"], *job["script"]])
        set_here = {**GITLAB["variables"], **job["variables"], **variables}
        return self.shell(["bash", "-eo", "pipefail"], script, **set_here)

    def github(self, **variables: str) -> subprocess.CompletedProcess[str]:
        step = github_step("Judge what has changed")
        assert GITHUB["jobs"]["promptuary"]["defaults"]["run"]["shell"] == "bash"
        empty = dict.fromkeys(step["env"], "")  # as expressions without a value are
        return self.shell(["bash", "--noprofile", "--norc", "-eo", "pipefail"], step["run"], **{**empty, **variables})

    def hook(self, name: str) -> subprocess.CompletedProcess[str]:
        """As pre-commit runs a hook: on the files of the last commit that its pattern takes."""
        hook = HOOKS[name]
        assert hook["language"] == "python"
        committed = self.git("-c", "core.quotePath=false", "diff", "--name-only", "main", "HEAD").splitlines()
        files = [path for path in committed if re.search(hook["files"], path)]
        assert files
        command = [*shlex.split(hook["entry"]), *(files if hook.get("pass_filenames", True) else [])]
        return subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False,
            pass_fds=self.inherited,
        )  # fmt: skip

    def report(self, name: str) -> Any:
        return json.loads((self.root / name).read_text())


def github_step(name: str) -> Any:
    return next(step for step in GITHUB["jobs"]["promptuary"]["steps"] if step.get("name") == name)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def gitlab_reports() -> tuple[str, str]:
    reports = GITLAB["promptuary"]["artifacts"]["reports"]
    return reports["codequality"], reports["junit"]


def test_gitlab_shows_the_finding_of_a_broken_template(clone: Clone) -> None:
    quality, junit = gitlab_reports()
    clone.commit({BROKEN: BROKEN_TEXT, FINE: FINE_TEXT})
    done = clone.gitlab(CI_MERGE_REQUEST_DIFF_BASE_SHA=clone.base, CI_COMMIT_BEFORE_SHA=ZEROS)
    assert done.returncode == 1, done.stderr
    assert f"{BROKEN}:3:16: [variable-undeclared]" in done.stdout
    [finding] = clone.report(quality)
    assert (finding["check_name"], finding["location"]) == (
        "variable-undeclared",
        {"path": BROKEN, "lines": {"begin": 3}},
    )
    root = ET.parse(clone.root / junit).getroot()
    assert [case.get("file") for case in root.iter("testcase") if case.find("failure") is not None] == [BROKEN]
    assert {suite.get("name") for suite in root.iter("testsuite")} == {"support/fine", "고객지원/망가진"}


def test_gitlab_passes_what_is_clean(clone: Clone) -> None:
    quality, junit = gitlab_reports()
    clone.commit({FINE: FINE_TEXT})
    done = clone.gitlab(CI_MERGE_REQUEST_DIFF_BASE_SHA=clone.base, CI_COMMIT_BEFORE_SHA=ZEROS)
    assert (done.returncode, clone.report(quality)) == (0, []), done.stderr
    assert [case.get("name") for case in ET.parse(clone.root / junit).iter("testcase")] == ["says so"]


def test_gitlab_shows_a_failed_test(clone: Clone) -> None:
    quality, junit = gitlab_reports()
    clone.commit({FINE: FAILING_TEXT})
    done = clone.gitlab(CI_MERGE_REQUEST_DIFF_BASE_SHA=clone.base, CI_COMMIT_BEFORE_SHA=ZEROS)
    assert done.returncode == 1, done.stderr
    assert [finding["location"]["path"] for finding in clone.report(quality)] == [FINE]
    assert len(list(ET.parse(clone.root / junit).iter("failure"))) == 1


def test_gitlab_judges_nothing_that_was_there_before(clone: Clone) -> None:
    """A pipeline of merged results is compared with the target's commit, a push with what was there."""
    quality, junit = gitlab_reports()
    clone.commit({BROKEN: BROKEN_TEXT})
    meanwhile = clone.git("rev-parse", "HEAD")
    clone.commit({"README.md": "No template.\n"})
    for variables in (
        {"CI_MERGE_REQUEST_TARGET_BRANCH_SHA": meanwhile, "CI_MERGE_REQUEST_DIFF_BASE_SHA": clone.base},
        {"CI_COMMIT_BEFORE_SHA": meanwhile},
        {"CI_COMMIT_BEFORE_SHA": ZEROS},
    ):
        done = clone.gitlab(**variables)
        assert (done.returncode, clone.report(quality)) == (0, []), done.stderr
        assert not (clone.root / junit).exists()


def test_a_removed_template_is_judged_by_what_still_includes_it(clone: Clone) -> None:
    (clone.root / "prompts/partials/tone.prompt.yaml").unlink()
    clone.commit()
    done = clone.gitlab(CI_MERGE_REQUEST_DIFF_BASE_SHA=clone.base)
    assert done.returncode == 1, done.stderr
    findings = clone.report(gitlab_reports()[0])
    assert findings
    assert "no such file" not in done.stderr


def test_a_base_that_is_not_in_the_clone_fails_the_jobs(clone: Clone) -> None:
    """As a forced push leaves it; the job says which, and what to do."""
    missing = "1" * 40
    for done in (clone.gitlab(CI_MERGE_REQUEST_DIFF_BASE_SHA=missing), clone.github(BEFORE=missing)):
        said = done.stdout + done.stderr
        assert (done.returncode, f"he base {missing} is not in this clone" in said, "fatal" in said) == (2, True, False)


def test_what_the_jobs_keep_in_the_checkout_is_not_judged(clone: Clone) -> None:
    """Runners put pip's cache and environments there, and the jobs their own reports."""
    for name in (".cache/pip/http/blob", "venv/bin/python"):
        (clone.root / name).parent.mkdir(parents=True)
        (clone.root / name).write_bytes(b"x" * 300_000)
    (clone.root / FINE).write_text(FINE_TEXT)
    clone.git("add", FINE)
    clone.git("commit", "-q", "-m", "change")
    for _ in range(2):
        done = clone.gitlab(CI_MERGE_REQUEST_DIFF_BASE_SHA=clone.base)
        assert (done.returncode, clone.report(gitlab_reports()[0])) == (0, []), done.stderr
        done = clone.github(GITHUB_BASE_REF="main")
        assert (done.returncode, "::error" in done.stdout) == (0, False), done.stderr


def test_the_jobs_clone_the_history() -> None:
    [checkout] = [s for s in GITHUB["jobs"]["promptuary"]["steps"] if s.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["fetch-depth"] == 0
    assert GITLAB["promptuary"]["variables"]["GIT_DEPTH"] == "0"


def test_github_shows_the_finding_of_a_broken_template(clone: Clone) -> None:
    clone.commit({BROKEN: BROKEN_TEXT, FINE: FINE_TEXT})
    done = clone.github(GITHUB_BASE_REF="main", CODE_SCANNING="true")
    assert done.returncode == 1, done.stderr
    assert f"::error file={BROKEN},line=3,col=16,title=variable-undeclared::" in done.stdout
    sarif = github_step("Upload the findings to code scanning")["with"]["sarif_file"]
    [result] = clone.report(sarif)["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("variable-undeclared", "error")


def test_github_passes_what_is_clean(clone: Clone) -> None:
    clone.commit({FINE: FINE_TEXT})
    done = clone.github(GITHUB_BASE_REF="main", CODE_SCANNING="false")
    assert done.returncode == 0, done.stderr
    assert "::error" not in done.stdout
    assert not (clone.root / "promptuary.sarif").exists(), "it takes as long once more"
    done = clone.github(GITHUB_BASE_REF="main", CODE_SCANNING="true")
    assert done.returncode == 0, done.stderr
    assert clone.report("promptuary.sarif")["runs"][0]["results"] == []


def test_github_compares_a_push_with_what_was_there(clone: Clone) -> None:
    clone.commit({BROKEN: BROKEN_TEXT})
    assert [clone.github(BEFORE=base).returncode for base in (clone.base, ZEROS)] == [1, 0]


def test_github_makes_the_report_of_code_scanning_where_it_is_uploaded() -> None:
    judging, upload = github_step("Judge what has changed"), github_step("Upload the findings to code scanning")
    assert judging["env"]["CODE_SCANNING"] == "${{ inputs.code-scanning }}"
    assert "inputs.code-scanning" in upload["if"]


def test_files_outside_prompts_are_no_templates_to_the_jobs(clone: Clone) -> None:
    (clone.root / "drafts").mkdir()
    (clone.root / "ai/prompts").mkdir(parents=True)
    clone.commit({"drafts/망가진.prompt.yaml": BROKEN_TEXT, FINE: FINE_TEXT})
    for done in (clone.gitlab(CI_MERGE_REQUEST_DIFF_BASE_SHA=clone.base), clone.github(GITHUB_BASE_REF="main")):
        assert (done.returncode, "drafts" in done.stdout + done.stderr) == (0, False), done.stderr
    for name in ("promptuary-validate", "promptuary-test"):
        assert clone.hook(name).returncode == 0
    clone.commit({"ai/prompts/a.prompt.yaml": BROKEN_TEXT})
    for done in (clone.gitlab(CI_MERGE_REQUEST_DIFF_BASE_SHA=clone.base), clone.github(GITHUB_BASE_REF="main")):
        assert (done.returncode, "ai/prompts/a" in done.stdout + done.stderr) == (1, True)


def test_github_compares_an_entry_of_a_merge_queue_with_what_it_stands_on() -> None:
    """Such an event has neither a base branch nor a ``before``: nothing would be compared, and all would pass."""
    before = github_step("Judge what has changed")["env"]["BEFORE"]
    assert before == "${{ github.event.merge_group.base_sha || github.event.before }}"


def test_github_fails_on_a_failed_test(clone: Clone) -> None:
    clone.commit({FINE: FAILING_TEXT})
    done = clone.github(GITHUB_BASE_REF="main")
    assert (done.returncode, f"::error file={FINE}," in done.stdout) == (1, True)


def test_github_puts_no_value_of_a_request_into_a_script() -> None:
    """An expression in a script is pasted as text, so that a branch's name could be a command."""
    runs = [step["run"] for step in GITHUB["jobs"]["promptuary"]["steps"] if "run" in step]
    assert len(runs) == 2
    assert [run for run in runs if "${{" in run] == []


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_stops_a_broken_template_and_passes_a_clean_one(clone: Clone, name: str) -> None:
    clone.commit({FINE: FINE_TEXT})
    done = clone.hook(name)
    assert done.returncode == 0, done.stdout + done.stderr
    clone.commit({BROKEN: BROKEN_TEXT})
    done = clone.hook(name)
    assert (done.returncode, f"{BROKEN}:3:16: [variable-undeclared]" in done.stdout) == (1, True)


def test_the_hooks_take_labels_and_rules_but_no_other_files(clone: Clone) -> None:
    labels, rules = "labels/production/support.yaml", ".registry.yaml"
    (clone.root / "notes.yaml").write_text("a: 1\n")
    clone.commit({path: (clone.root / path).read_text() + "# seen\n" for path in (labels, rules, "README.md")})
    done = clone.hook("promptuary-validate")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_names_what_there_is() -> None:
    page = (ROOT / "docs/ci.md").read_text()
    assert set(re.findall(r"- id: ([\w-]+)", page)) == set(HOOKS)
    given = GITHUB[True]["workflow_call"]["inputs"]  # YAML 1.1 reads the key "on" as true
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    [call] = [block["jobs"]["promptuary"] for block in blocks if "jobs" in block]
    assert call["with"].keys() <= given.keys()
    [include] = [block for block in blocks if "include" in block]
    assert include["variables"].keys() == GITLAB["variables"].keys()
    assert (ROOT / include["include"][0]["file"].lstrip("/")).exists()


def test_the_package_is_built_as_the_page_says_and_not_kept_where_the_gate_refuses_it(clone: Clone) -> None:
    page = (ROOT / "docs/ci.md").read_text()
    [line] = re.findall(r"^python3 (-m pip wheel .*)", page, re.MULTILINE)
    out = clone.root.parent / "dist"
    asked = [str(out) if word == "dist" else word for word in shlex.split(line)]
    subprocess.run([sys.executable, *asked, "--no-build-isolation", "--no-index", "--quiet"], cwd=ROOT, check=True)
    [wheel] = out.glob("*.whl")
    assert wheel.stat().st_size > MAX_FILE_BYTES
    assert f"{wheel.name}`" in page
    given = re.findall(r"^ +(?:PROMPTUARY_PACKAGE|package): +(\S)", page, re.MULTILINE)
    assert (len(given), "." in given) == (2, False)


def test_the_page_tells_editors_of_the_schema(clone: Clone) -> None:
    page = (ROOT / "docs/ci.md").read_text()
    [settings] = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    [(address, pattern)] = settings["yaml.schemas"].items()
    assert (address.endswith(SCHEMA_PATH), pattern) == (True, "**/*.prompt.yaml")
    [line] = re.findall(r"^# yaml-language-server: \$schema=.*", page, re.MULTILINE)
    assert line.endswith(SCHEMA_PATH)
    clone.commit({FINE: f"{line}\n{FINE_TEXT}"})
    assert clone.hook("promptuary-validate").returncode == 0
