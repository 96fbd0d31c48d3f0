"""Every command that asks a server, times everything that goes wrong on the way: a line, an exit code, no traceback."""

import json
import re
import signal
import socket
import subprocess
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.cli.commands import BOTH, LOCAL, NAME, OF_SERVERS, REMOTE, SIGNING_IN, SOURCE, commands
from tests.cli.conftest import PROGRAM, Done, Run, environment, url_of
from tests.cli.remote import nobody, on_a_terminal
from tests.ports import free_port
from tests.running import Running
from tests.warm import WarmProcess, run_warm

pytestmark = pytest.mark.e2e

KEY = "pmt_secretsecret"
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
each_command = pytest.mark.parametrize("command", REMOTE)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``import`` is given, and a place for what ``edit`` keeps."""
    (tmp_path / "환불.md").write_text("환불을 도와드립니다.\n")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def said(run: Run) -> Callable[..., Done]:
    """Runs a command with words of its own; it never shows the key, and what it refuses is said in lines of its own."""

    def call(command: str, words: tuple[str, ...], *options: str, **more: str) -> Done:
        done = run(*command.split(), *words, *options, stdin=SOURCE, **{"EDITOR": "true", **more})
        assert "secretsecret" not in done.out + done.err
        if done.code:
            assert done.err.startswith("promptuary: "), done.err
        return done

    return call


@pytest.fixture
def prepared(server: Running) -> None:
    """The Korean template has two versions, and the label canary has been at both."""
    for number, text in ((1, "환불을 도와드리겠습니다"), (2, "환불을 곧 도와드리겠습니다")):
        state = server.read(NAME)
        if state["version"] < number:
            status, _, answer = server.put(NAME, state["source"].replace("환불을 도와", "환불을 곧 도와"), If_Match="*")
            assert status == 200, (text, answer)
        path = f"/api/v1/repositories/default/labels/canary/{'/'.join(map(_quoted, NAME.split('/')))}"
        status, _, answer = server.call(
            "PUT", path, json.dumps({"version": number}), {"Content-Type": "application/json"}
        )
        assert status in {200, 201}, answer


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)


def test_every_command_is_in_one_list() -> None:
    """A command asks a server where it has ``--url``; a new one has to be put into its list before this passes."""
    known = dict(commands())
    asking = {path for path, command in known.items() if any("--url" in option.opts for option in command.params)}
    assert asking - SIGNING_IN == {*REMOTE, *BOTH}
    assert set(known) - asking - SIGNING_IN == LOCAL | OF_SERVERS
    assert set(known) >= SIGNING_IN


@each_command
@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{dead}", "http://nosuch.invalid", "https://127.0.0.1:{dead}", "ftp://x", "127.0.0.1:80", "",
     "http://", "http://a b", "http://127.0.0.1:99999", "http://[::1", "http://주소.invalid", "http://u:secretsecret@"],
)  # fmt: skip
def test_an_address_where_no_server_is(said: Callable[..., Done], command: str, address: str) -> None:
    url = address.format(dead=free_port())
    for given in ({"PROMPTUARY_URL": url}, {}):
        options = () if given else ("--url", url)
        done = said(command, REMOTE[command].words, *options, **given, PROMPTUARY_KEY=KEY)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done.err


@each_command
@pytest.mark.parametrize("key", ["", " ", "pmt secretsecret", "pmt_secret\nsecret", "비밀", "\x1b[2J"])
def test_a_key_that_is_none(said: Callable[..., Done], server: Running, command: str, key: str) -> None:
    done = said(command, REMOTE[command].words, PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=key)
    assert (done.code, done.out, "PROMPTUARY_KEY" in done.err) == (2, "", True), done.err
    assert "비밀" not in done.err


@each_command
def test_a_key_file_that_is_none(said: Callable[..., Done], tmp_path: Path, command: str) -> None:
    for file in ("nowhere", "."):
        done = said(command, REMOTE[command].words, "--key-file", file)
        assert (done.code, done.out, f"--key-file {file}" in done.err) == (2, "", True), done.err


@each_command
def test_a_key_that_is_not_known(said: Callable[..., Done], server: Running, command: str) -> None:
    done = said(command, REMOTE[command].words, PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=KEY)
    assert (done.code, done.out, "key" in done.err) == (1, "", True), done.err


@pytest.fixture(scope="module")
def reading_key(server: Running) -> str:
    made = json.loads(server.command("key", "create", "--scope", "read", "--json").stdout)
    return str(made["key"])


@each_command
def test_a_key_that_may_only_read(
    said: Callable[..., Done], server: Running, prepared: None, reading_key: str, command: str
) -> None:
    asked = REMOTE[command]
    words = (*asked.words, "--folder", "읽기") if command == "import" else asked.words
    changing = {"EDITOR": "sh -c 'echo >> \"$0\"'"} if command == "edit" else {}
    done = said(command, words, PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=reading_key, **changing)
    if asked.writes:
        assert (done.code, done.out, "scope write" in done.err, "key create" in done.err) == (1, "", True, True), (
            done.err
        )
    else:
        assert done.code == 0, done.err


@each_command
def test_what_is_not_there(said: Callable[..., Done], server: Running, prepared: None, command: str) -> None:
    asked = REMOTE[command]
    done = said(command, asked.missing, PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=server.key)
    assert (done.code, done.out) == (asked.missing_code, ""), done.err
    if asked.missing_code:
        assert "nosuch" in done.err or "0 found" in done.err, done.err


@each_command
def test_a_repository_that_is_not_there(said: Callable[..., Done], server: Running, command: str) -> None:
    asked = {"PROMPTUARY_URL": url_of(server), "PROMPTUARY_KEY": server.key}
    done = said(command, REMOTE[command].words, "--repository", "defualt", **asked)
    assert (done.code, done.out, "'defualt'" in done.err, "default" in done.err) == (1, "", True, True), done.err
    bad = said(command, REMOTE[command].words, PROMPTUARY_REPOSITORY="../x", **asked)
    assert (bad.code, bad.out, "repository name" in bad.err) == (2, "", True), bad.err


@each_command
def test_a_name_that_is_none(said: Callable[..., Done], server: Running, command: str) -> None:
    words = tuple("../등록부" if word in {NAME, "환불", "환불.md"} else word for word in REMOTE[command].words)
    done = said(command, words, PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=server.key)
    assert done.code in {0, 1, 2}, done.err
    if NAME in REMOTE[command].words:
        assert (done.code, done.out, "../등록부" in done.err) == (2, "", True), done.err


@each_command
def test_it_works_with_a_korean_name_in_both_forms(
    said: Callable[..., Done], server: Running, prepared: None, tmp_path: Path, command: str
) -> None:
    asked = REMOTE[command]
    server_and_key = {"PROMPTUARY_URL": url_of(server), "PROMPTUARY_KEY": server.key}
    done = said(command, asked.words, **server_and_key)
    assert done.code == 0, done.err
    if asked.writes and command.startswith("label"):
        return  # said again it would be another move
    (tmp_path / unicodedata.normalize("NFD", "환불.md")).write_text("환불을 도와드립니다.\n")
    decomposed = tuple(unicodedata.normalize("NFD", word) for word in asked.words)
    again = said(command, decomposed, **server_and_key)
    assert again.code == 0, again.err
    if not asked.writes:
        assert again.out == done.out


@each_command
@pytest.mark.parametrize("columns", [40, pytest.param(20, marks=pytest.mark.soak)])
def test_a_narrow_terminal(server: Running, prepared: None, tmp_path: Path, command: str, columns: int) -> None:
    asked = REMOTE[command]
    words = tuple(str(tmp_path / word) if word.endswith(".md") else word for word in asked.words)
    given = (str(tmp_path / "a.yaml"),) if command == "put" else ()
    (tmp_path / "a.yaml").write_text(server.read(NAME)["source"])
    code, screen = on_a_terminal(server, *command.split(), *words, *given, columns=columns, EDITOR="true")
    assert (code, "Traceback" in screen) == (0, False), screen
    if not asked.text:
        lines = [line for line in ANSI.sub("", screen).splitlines() if not line.startswith("promptuary: ")]
        told = {
            "put",
            "edit",
            "label set",
            "label drop",
            "label rollback",
        }  # one line of text, which the terminal folds
        assert [line for line in lines if cell_len(line) > columns and command not in told] == []


@each_command
@pytest.mark.parametrize(
    "surroundings",
    [
        pytest.param({"LC_ALL": "C"}, marks=pytest.mark.soak),
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        pytest.param({"PYTHONIOENCODING": "latin-1"}, marks=pytest.mark.soak),
    ],
)
def test_a_terminal_without_korean(
    server: Running, prepared: None, tmp_path: Path, command: str, surroundings: Any
) -> None:
    asked = environment(PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=server.key, EDITOR="true", **surroundings)
    done = subprocess.run(
        [*PROGRAM, *command.split(), *REMOTE[command].words],
        input=SOURCE.encode(), capture_output=True, cwd=tmp_path, env=asked, timeout=120, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0 or (b"promptuary: " in done.stderr and "PYTHONUTF8" in surroundings), done.stderr


@each_command
def test_words_that_are_no_text(server: Running, tmp_path: Path, command: str) -> None:
    asked = environment(PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=server.key, EDITOR="true")
    words = [b"\xff\xfe" if not word.startswith("--") else word.encode() for word in REMOTE[command].words or ("x",)]
    words = [b"" if command == "list" else each for each in words] if command == "list" else words
    words += [b"--tag", b"\xff"] if command == "list" else []
    done = run_warm([*command.split(), *words], given=SOURCE.encode(), cwd=tmp_path, env=asked)
    assert b"Traceback" not in done.stderr, done.stderr
    assert (done.returncode in {1, 2}, done.stderr != b"") == (True, True)


@each_command
def test_nobody_reads_the_output(server: Running, prepared: None, tmp_path: Path, command: str) -> None:
    asked = environment(PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=server.key, EDITOR="true")
    with nobody() as unread:
        done = run_warm(
            [*command.split(), *REMOTE[command].words], given=SOURCE.encode(), cwd=tmp_path, env=asked, stdout=unread
        )
    assert done.returncode in {0, 141}, done.stderr
    assert (b"Traceback" in done.stderr, b"Broken" in done.stderr) == (False, False), done.stderr


@each_command
def test_ctrl_c_while_the_server_is_silent(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = environment(
            PROMPTUARY_URL=f"http://127.0.0.1:{silent.getsockname()[1]}", PROMPTUARY_KEY=KEY, EDITOR="true"
        )
        with WarmProcess(
            [*command.split(), *REMOTE[command].words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=asked,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            process.stdin.write(SOURCE.encode())
            process.stdin.close()
            process.stdin = None
            silent.settimeout(60)
            connection, _ = silent.accept()
            with connection:
                connection.recv(65536)
                time.sleep(0.05)
                process.send_signal(signal.SIGINT)
                try:
                    out, err = process.communicate(timeout=30)
                finally:
                    process.kill()
    assert (process.returncode, out, b"Traceback" in err) == (130, b"", False), err
