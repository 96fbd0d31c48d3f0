"""The program starts quickly, says how it is used, and completes what is typed."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.commands.options import StatusChoice, TypeChoice
from registry.domain import template
from tests.cli.conftest import ROOT, Run, environment, url_of
from tests.cli.peers import Peer, serving
from tests.running import Running

HEAVY = (
    "asyncio",
    "sqlalchemy",
    "pygit2",
    "rich",
    "pydantic",
    "fastapi",
    "orjson",
    "urllib.request",
    "registry.bootstrap",
    "registry.domain.template",
    "yaml",
    "minijinja",
)


def test_help_imports_nothing_that_takes_long(process: Run) -> None:
    script = f"import sys; import api.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT, env=environment(), check=True)
    assert done.stdout == b"[]\n"


@pytest.mark.parametrize(
    ("words", "place", "expected"),
    [
        ("promptuary v", 1, ["validate"]),
        ("promptuary label r", 2, ["rollback"]),
        ("promptuary validate --format s", 3, ["sarif"]),
        ("promptuary list --status ", 3, ["draft", "active", "deprecated"]),
        ("promptuary search x --type t", 4, ["text"]),
        ("promptuary validate pro", 2, []),  # nothing of ours: the shell completes files
        ("promptuary put a pro", 3, []),
        ("promptuary get s", 2, []),  # no key, so nobody is asked
        ("promptuary get --re", 2, ["--ref", "--reference", "--repository"]),
    ],
)
def test_completion(process: Run, words: str, place: int, expected: list[str]) -> None:
    done = process(_PROMPTUARY_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(place))
    assert done.out.split() == expected


def complete(process: Run, words: str, place: int, **more: str) -> list[str]:
    done = process(_PROMPTUARY_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(place), **more)
    assert done.err == ""
    return done.out.split()


@pytest.mark.e2e
def test_names_and_labels_come_from_the_server(process: Run, server: Running) -> None:
    known = {"PROMPTUARY_URL": url_of(server), "PROMPTUARY_KEY": server.key}
    assert complete(process, "promptuary get sup", 2, **known) == ["support/triage"]
    assert complete(process, "promptuary get 고객지원/", 2, **known) == ["고객지원/환불"]
    assert "partials/tone" in complete(process, "promptuary label get production ", 4, **known)
    assert complete(process, "promptuary list --label p", 3, **known) == ["production"]
    assert complete(process, "promptuary get x --label l", 4, **known) == ["latest"]
    assert complete(process, "promptuary get --repository nosuch s", 4, **known) == []


@pytest.mark.e2e
def test_names_behind_the_first_page_are_searched(run: Run, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.commands.completion.LARGEST_PAGE", 1)
    known = {"PROMPTUARY_URL": url_of(server), "PROMPTUARY_KEY": server.key}
    for words, found in (("sup", "support/triage"), ("support/tr", "support/triage"), ("고", "고객지원/환불")):
        asked = {"_PROMPTUARY_COMPLETE": "complete_bash", "COMP_WORDS": f"promptuary get {words}", "COMP_CWORD": "2"}
        assert run(**asked, **known).out.split() == [found]


class Large(Peer):
    """A server whose list of templates goes on and on."""

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path.endswith("/search"):
            return 200, {"hits": [{"name": "zoo/a"}, {"name": "abc/zoo"}], "next_cursor": None}
        return 200, {"templates": [{"name": f"a/{len(self.asked)}"}], "next_cursor": "more"}


def test_a_large_repository_is_asked_twice_and_not_read_whole(process: Run) -> None:
    with serving(Large()) as large:
        assert complete(process, "promptuary get z", 2, PROMPTUARY_URL=large.url, PROMPTUARY_KEY="pmt_x") == ["zoo/a"]
        assert [urlsplit(path).path.rpartition("/")[2] for path in large.asked] == ["templates", "search"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--status", "nope"], "'--status': 'nope' is not one of 'draft', 'active', 'deprecated'."),
        (["list", "--limit", "0"], "'--limit': must be at least 1"),
        (["list", "--limit", "x"], "'--limit': must be a whole number"),
        (["label", "set", "production", "a", "x"], "'VERSION': must be a whole number"),
        (["import", "x", "--from", "nope"], "'--from': 'nope' is not one of"),
    ],
)
def test_what_does_not_fit_an_argument_is_told_in_plain_words(run: Run, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.code, f"Invalid value for {said}" in done.err, "Value error" in done.err) == (2, True, False), done.err


def test_completion_stays_silent_where_a_setting_is_no_text(process: Run) -> None:
    known = {"PROMPTUARY_URL": "http://127.0.0.1:9", "PROMPTUARY_KEY": "pmt_x", "PROMPTUARY_REPOSITORY": "a\udcff"}
    assert complete(process, "promptuary get s", 2, **known) == []


def test_a_server_that_says_nothing_is_not_waited_for(process: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        known = {"PROMPTUARY_URL": f"http://127.0.0.1:{silent.getsockname()[1]}", "PROMPTUARY_KEY": "pmt_x"}
        assert complete(process, "promptuary get s", 2, **known) == []
        assert time.monotonic() - began < 20  # one that is waited for has 30 seconds


def test_the_choices_are_those_of_templates() -> None:
    assert [each.value for each in StatusChoice] == [each.value for each in template.Status]
    assert [each.value for each in TypeChoice] == [each.value for each in template.TemplateType]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_lines_for_completion_are_shown(process: Run, shell: str) -> None:
    done = process("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (done.code, "_PROMPTUARY_COMPLETE" in done.out) == (0, True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_what_was_installed(tmp_path: Path) -> None:
    program = tmp_path / "promptuary"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from api.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    env = environment(HOME=str(tmp_path), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    env["PATH"] = f"{tmp_path}{os.pathsep}{env['PATH']}"
    subprocess.run(["promptuary", "--install-completion", "bash"], check=True, capture_output=True, env=env)
    asked = """
        . ~/.bashrc; complete -p promptuary
        COMP_WORDS=(promptuary doctor --de) COMP_CWORD=2; _promptuary_completion promptuary; echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(["bash", "-c", asked], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.splitlines()[1:] == ["--deep"], done
    assert "_promptuary_completion" in done.stdout


def test_every_command_has_examples(run: Run) -> None:
    from typer.main import get_command

    from api.cli import app

    def walk(command: object, path: list[str]) -> list[list[str]]:
        below = getattr(command, "commands", {})
        return [path] if not below else [p for name, c in below.items() if not c.hidden for p in walk(c, [*path, name])]

    without = [
        path
        for path in walk(get_command(app), [])
        if f"promptuary {' '.join(path)}" not in run(*path, "--help").out.partition("\n")[2]
    ]
    assert without == []
