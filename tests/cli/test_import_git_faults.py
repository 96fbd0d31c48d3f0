"""``promptuary import`` from Git repositories: a git that fails, and what addresses hold."""

import os
import shutil
from pathlib import Path

import pytest

from api.commands.importing.git_address import shown_source
from api.commands.importing.git_source import read_git
from registry.domain.importing import histories
from registry.domain.importing.imported import SourceUnreadable
from tests.cli.conftest import Run
from tests.running import Running, git

pytestmark = pytest.mark.e2e


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for number in (1, 2):
        (folder / "hello.md").write_text(f"Hello {number}")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "Change")
    return folder


def path_with_git(folder: Path, begin: str) -> str:
    """A PATH where some lines of shell come before the real git."""
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\n{begin}\nexec {shutil.which("git")} "$@"\n')
    (folder / "git").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"  # noqa: TID251  (git itself is found there)


@pytest.mark.parametrize(
    ("when", "does", "said"),
    [
        ("cat-file --batch", "echo 'fatal: no memory' >&2; exit 128", "cannot be read to its end: no memory"),
        ("cat-file --batch", "kill -9 $$", "git was ended by signal 9"),
        ("--batch", "read -r line; echo $line blob 7; echo 'error: the disk is gone' >&2; exit 1", "the disk is gone"),
        ("log --first-parent", "exit 3", "cannot be read to its end: git failed"),
    ],
)
def test_a_git_that_dies_half_way_is_told_with_its_own_words(
    run: Run, source: Path, tmp_path: Path, when: str, does: str, said: str
) -> None:
    path = path_with_git(tmp_path / "bin", f'case "$* " in *"{when} "*) {does};; esac')
    done = run("import", str(source), "--dry-run", PATH=path)
    assert (done.code, said in done.err, done.err.count("\n")) == (2, True, 1), done.err


def test_a_git_that_ended_before_it_is_asked_is_told(run: Run, source: Path, tmp_path: Path) -> None:
    begin = f'case "$*" in *cat-file*) touch {tmp_path}/ended; echo "fatal: no memory" >&2; exit 128;; *" log "*) while [ ! -e {tmp_path}/ended ]; do sleep 0.05; done; sleep 0.3;; esac'
    done = run("import", str(source), "--dry-run", PATH=path_with_git(tmp_path / "bin", begin))
    assert (done.code, "no memory" in done.err) == (2, True), done.err


def test_a_git_that_has_no_batch_command_is_enough(run: Run, source: Path, tmp_path: Path) -> None:
    begin = 'case "$*" in *--batch-command*) echo "error: unknown option" >&2; exit 129;; esac'
    done = run("import", str(source), "--dry-run", "--json", PATH=path_with_git(tmp_path / "bin", begin))
    assert (done.code, done.json["prompts"][0]["versions"]) == (0, [1, 2]), done.err


def test_a_setting_that_git_cannot_follow_is_told_as_git_tells_it(run: Run, source: Path) -> None:
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "diff.orderFile", "GIT_CONFIG_VALUE_0": "/nonexist"}
    done = run("import", str(source), "--dry-run", **settings)
    assert (done.code, "/nonexist" in done.err, "fsck" in done.err) == (2, True, False), done.err


def test_no_git_is_left_when_a_history_is_too_large(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "MOST_BYTES", 3)
    seen = tmp_path / "seen"
    monkeypatch.setenv("PATH", path_with_git(tmp_path / "bin", f'echo "$$ $*" >> {seen}'))
    with pytest.raises(SourceUnreadable) as held:
        read_git(str(source), None)
    running = [line for line in seen.read_text().splitlines() if Path("/proc", line.split()[0]).exists()]
    assert (running, "more than 3 bytes" in str(held.value)) == ([], True)


@pytest.mark.parametrize("kind", ["helped", "token", "wrong"])
def test_a_user_without_a_password_is_a_helper_s_to_complete_or_a_token(
    run: Run, server: Running, tmp_path: Path, kind: str
) -> None:
    user = {"helped": "ada-l", "token": server.key, "wrong": "pmt_wrong-key-1"}[kind]
    seen, asked = tmp_path / "seen", tmp_path / "asked"
    answer = f"echo password={server.key}" if kind == "helped" else "exit 1"
    helper = f'!f() {{ cat >> {asked}; test "$1" = get && {answer}; }}; f'
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper", "GIT_CONFIG_VALUE_0": helper}
    path = path_with_git(tmp_path / "bin", f'echo "$*" >> {seen}')
    address = server.git_url.replace(f"ada:{server.key}@", f"{user}@")
    done = run("import", address, "--dry-run", "--json", PATH=path, **settings)
    assert f"username={user}\n" in asked.read_text()
    assert user not in seen.read_text(), "all users of the machine can see it"
    assert (done.code, user in done.out + done.err) == (2 if kind == "wrong" else 0, False), done.err
    assert ("cannot be read as a Git repository" in done.err) == (kind == "wrong"), done.err


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("https://ada:hush@example.com/team@2/x.git", "https://example.com/team@2/x.git"),
        ("https://example.com/team@2/x.git?private_token=hush#a@b", "https://example.com/team@2/x.git"),
        ("https://ada:hush-1/2@example.com/x.git?a=b@c", "https://c"),
        ("ada:hush@example.com:x.git", "example.com:x.git"),
        ("ada@example.com:x.git", "ada@example.com:x.git"),
        ("a@b/prompts", "a@b/prompts"),
    ],
)
def test_what_is_shown_of_a_source(source: str, shown: str) -> None:
    assert shown_source(source) == shown


def test_a_token_in_a_query_is_in_no_message(run: Run) -> None:
    done = run("import", "http://127.0.0.1:9/x.git?private_token=hush", "--from", "git", "--dry-run")
    assert (done.code, "hush" in done.err, "http://127.0.0.1:9/x.git" in done.err) == (2, False, True), done.err


@pytest.mark.parametrize(
    ("source", "said", "unsaid"),
    [
        ("https://127.0.0.1:9999999/x.git", "its port has to be a number from 1 to 65535", "password"),
        ("https://ada:hush-1@127.0.0.1:port/x.git", "its port has to be", "hush-1"),
        ("https://ada:hush-1/@127.0.0.1/x.git", "%2F", "hush-1"),
        ("https://[::1/x.git", "write one such as", "port"),
    ],
)
def test_what_is_wrong_with_an_address_is_told(run: Run, source: str, said: str, unsaid: str) -> None:
    done = run("import", source, "--dry-run")
    assert (done.code, said in done.err, unsaid in done.err) == (2, True, False), done.err
