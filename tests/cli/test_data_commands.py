"""``init``, ``key`` and ``index`` on a data folder, and what the program says of itself."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Run

KEY = re.compile(r"pmt_[A-Za-z0-9_-]{43}[0-9a-f]{8}")


def test_repositories_are_made(run: Run, tmp_path: Path) -> None:
    made = run("init", "marketing")
    assert (made.code, "/git/marketing.git" in made.out) == (0, True)
    assert "pmt_" not in made.out
    assert run("init", "marketing").code == 1
    bad = run("init", "No Spaces!")
    assert (bad.code, "no repository name" in bad.err) == (2, True)
    assert run("init", "second", "--json").json["git_path"] == "/git/second.git"
    states = run("index", "status", "--json").json["repositories"]
    assert [(s["repository"], s["behind"]) for s in states] == [("marketing", 0), ("second", 0)]


def test_keys(run: Run) -> None:
    shown = run("key", "create")
    assert (shown.code, bool(KEY.fullmatch(shown.out.strip()))) == (0, True)
    body = run("key", "create", "--user", "ci", "--scope", "write", "--expires", "90d", "--note", "빌드", "--json").json
    assert KEY.fullmatch(body["key"])
    assert (body["user"], body["scope"], body["note"]) == ("ci", "write", "빌드")
    ends = datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(body["created_at"])
    assert ends == timedelta(days=90)
    keys = run("key", "list", "--json").json["keys"]
    assert [(k["user"], k["scope"]) for k in keys] == [("ci", "write"), ("admin", "read")]
    table = run("key", "list", "--user", "ci").out
    assert body["id"] in table
    assert body["key"] not in table + str(keys)
    assert run("key", "revoke", body["id"]).code == 0
    assert run("key", "list", "--user", "ci", "--json").json["keys"][0]["revoked_at"]
    unknown = run("key", "revoke", "nothing")
    assert (unknown.code, "nothing" in unknown.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["key", "create", "--expires", "soon"], "90d"),
        (["key", "create", "--scope", "root"], "--scope"),
        (["key", "create", "--user", "a b"], "no user name"),
        (["index", "status", "nowhere"], "nowhere"),
        (["index", "rebuild", "--data", "/dev/null/x"], "data folder"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, arguments: list[str], word: str) -> None:
    done = run(*arguments)
    assert done.code in {1, 2}
    assert word in done.err


def test_settings_that_cannot_be_used(process: Run) -> None:
    done = process("index", "status", PROMPTUARY_PORT="many")
    assert (done.code, "PROMPTUARY_PORT" in done.err) == (2, True)


def test_indexes_are_rebuilt_and_verified(run: Run, stocked_folder: Path) -> None:
    rebuilt = run("index", "rebuild", "--data", str(stocked_folder), "--json").json["repositories"]
    assert (rebuilt[0]["repository"], len(rebuilt[0]["commit"])) == ("default", 40)
    verified = run("index", "verify", "--data", str(stocked_folder))
    assert (verified.code, "equal to Git" in verified.out) == (0, True)
    assert run("index", "verify", "default", "--data", str(stocked_folder), "--json").json["equal"] is True
    assert "main" in run("index", "status", "--data", str(stocked_folder)).out


def test_help_and_version(run: Run, process: Run) -> None:
    assert "promptuary validate ." in process("--help").out
    assert process("--version").out.startswith("promptuary 0.")
    for command in ("serve", "validate", "render", "key create", "index verify"):
        done = run(*command.split(), "--help")
        assert (done.code, "promptuary " in done.out) == (0, True), command


def test_the_hook_command_is_not_for_people(run: Run) -> None:
    commands = [line.split()[0] for line in run("--help").out.split("Commands:")[1].splitlines() if line.strip()]
    assert commands == ["serve", "init", "validate", "render", "key", "index"]


def test_help_needs_nothing_heavy(run: Run) -> None:
    import subprocess
    import sys

    check = "import sys, api.cli; print([m for m in ('sqlalchemy', 'pygit2', 'fastapi', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
