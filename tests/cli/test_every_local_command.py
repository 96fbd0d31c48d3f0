"""Every command that works here, times bad places, rights, terminals and ends: a line, an exit code, no traceback."""

import os
import pty
import shutil
import signal
import subprocess
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.commands import BOTH, LOCAL
from tests.cli.conftest import PROGRAM, AsNobody, Done, Run, environment
from tests.cli.remote import nobody
from tests.ports import free_port
from tests.running import git
from tests.warm import WarmProcess, run_warm

pytestmark = pytest.mark.e2e

PATH = "prompts/고객지원/환불.prompt.yaml"


class Here(NamedTuple):
    """A command that works here: what it is given so that it does its work, and the exit code then.

    ``files`` says that its words are files of a checkout, ``data`` that it works on the data folder.
    """

    words: tuple[str, ...]
    files: bool = False
    data: bool = False
    code: int = 0


HERE = {
    "serve": Here(("--port", "{port}"), data=True),
    "init": Here(("another",), data=True),
    "validate": Here(("prompts",), files=True),
    "check": Here(("prompts", "--against", "HEAD"), files=True),
    "test": Here(("prompts",), files=True),
    "render": Here((PATH, "--var", "이름=김"), files=True),
    "key create": Here(("--note", "메모"), data=True),
    "key list": Here((), data=True),
    "key rotate": Here(("nosuch",), data=True, code=1),
    "key revoke": Here(("nosuch",), data=True, code=1),
    "user list": Here((), data=True),
    "user put": Here(("kim", "--name", "김민지"), data=True),
    "user disable": Here(("nosuch",), data=True, code=1),
    "user enable": Here(("nosuch",), data=True, code=1),
    "user remove": Here(("nosuch",), data=True, code=1),
    "user invite": Here(("kim", "--email", "kim@example.com", "--name", "김민지"), data=True),
    "user reset-password": Here(("nosuch",), data=True, code=1),
    "mail test": Here(("kim@example.com",), code=2),
    "group list": Here((), data=True),
    "group put": Here(("team", "--name", "팀"), data=True),
    "group remove": Here(("nosuch",), data=True, code=1),
    "provider list": Here((), data=True),
    "provider add": Here(("corp", "--issuer", "https://id.invalid", "--client-id", "x", "--public"), data=True),
    "provider test": Here(("nosuch",), data=True, code=1),
    "provider remove": Here(("nosuch",), data=True, code=1),
    "grant list": Here((), data=True),
    "grant add": Here(("reader", "--user", "nosuch"), data=True, code=1),
    "grant remove": Here(("nosuch",), data=True, code=1),
    "index status": Here((), data=True),
    "index rebuild": Here((), data=True),
    "index verify": Here((), data=True),
    "keyring list": Here((), data=True),
    "keyring rotate": Here((), data=True),
    "audit list": Here((), data=True),
    "audit export": Here((), data=True),
    "audit verify": Here((), data=True),
    "doctor": Here((), data=True),
}
on_files = pytest.mark.parametrize("command", [name for name, here in HERE.items() if here.files])
on_data = pytest.mark.parametrize("command", [name for name, here in HERE.items() if here.data])
each_that_ends = pytest.mark.parametrize("command", [name for name in HERE if name != "serve"])


@pytest.fixture
def work(checkout: Path, stocked_folder: Path) -> Path:
    """A checkout under Git with a data folder beside it."""
    shutil.copytree(stocked_folder, checkout / ".data")
    git(checkout, "init", "-q", "-b", "main")
    git(checkout, "add", "prompts", "labels")
    git(checkout, "commit", "-q", "-m", "Start")
    return checkout


def words_of(command: str) -> list[str]:
    port = str(free_port())
    return [*command.split(), *(word.format(port=port) for word in HERE[command].words)]


def one_line(done: Done, *words: str) -> None:
    assert (done.out, done.err.startswith("promptuary: "), len(done.err.splitlines())) == ("", True, 1), done
    assert [word for word in words if word not in done.err] == [], done.err


def test_every_command_is_in_the_list() -> None:
    assert set(HERE) == {*LOCAL, *BOTH, "render"}


@each_that_ends
def test_all_is_well(run: Run, work: Path, command: str) -> None:
    done = run(*words_of(command), cwd=work, PROMPTUARY_DATA=".data")
    assert done.code == HERE[command].code, done


@on_files
def test_a_path_that_is_not_there(run: Run, work: Path, command: str) -> None:
    words = [word if word not in {"prompts", PATH} else "prompts/없음.prompt.yaml" for word in words_of(command)]
    done = run(*words, cwd=work)
    assert done.code == 2
    one_line(done, "prompts/없음.prompt.yaml")


@on_files
def test_a_folder_without_templates(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "prompts").mkdir()
    words = [word if word != PATH else "prompts" for word in words_of(command)]
    done = run(*words, cwd=tmp_path)
    assert done.code in {0, 2}, done
    assert "promptuary: " in done.err or "no templates" in done.out + done.err or command == "test", done


@on_files
def test_a_file_that_is_no_template(run: Run, work: Path, command: str) -> None:
    (work / PATH).write_bytes(b"\xff\xfe\x00 schema: [")
    done = run(*words_of(command), cwd=work)
    assert (done.code, "환불.prompt.yaml" in done.out + done.err) == (1, True), done


@on_data
def test_no_data_folder(run: Run, tmp_path: Path, command: str) -> None:
    if command in {"serve", "init"}:
        pytest.skip("makes one")
    done = run(*words_of(command), PROMPTUARY_DATA=str(tmp_path / "없음"))
    if command != "doctor":
        one_line(done, "없음", "PROMPTUARY_DATA")
    assert done.code == (1 if command == "doctor" else 2)


@on_data
@pytest.mark.parametrize("place", ["a-file", "/dev/null/x", "/proc/nosuch", "a-file/below"])
def test_a_data_folder_that_cannot_be(run: Run, tmp_path: Path, command: str, place: str) -> None:
    (tmp_path / "a-file").write_text("x")
    done = run(*words_of(command), cwd=tmp_path, PROMPTUARY_DATA=place)
    assert done.code == (1 if command == "doctor" else 2), done
    if command != "doctor":
        one_line(done, Path(place).parts[-1])


@on_data
def test_a_data_folder_without_rights(as_nobody: AsNobody, stocked_folder: Path, command: str) -> None:
    folder = as_nobody.folder / "data"
    shutil.copytree(stocked_folder, folder)
    for mode in (0o700, 0o755):
        folder.chmod(mode)
        done = as_nobody(*words_of(command), "--data", str(folder))
        assert done.code == (1 if command == "doctor" else 2), done
        if command != "doctor":
            assert "catalogue.sqlite" in done.err or str(folder) in done.err
            assert "the user that" in done.err or "PROMPTUARY_DATA" in done.err, done.err


@on_files
def test_files_without_rights(as_nobody: AsNobody, work: Path, command: str) -> None:
    shutil.copytree(work / "prompts", as_nobody.folder / "prompts")
    subprocess.run(["git", "init", "-q", str(as_nobody.folder)], check=True)
    git(as_nobody.folder, "add", ".")
    git(as_nobody.folder, "commit", "-q", "-m", "x")
    (as_nobody.folder / PATH).write_text("schema: prompt/v1\ntype: text\ntext: x\n")
    (as_nobody.folder / PATH).chmod(0o600)
    done = as_nobody(
        *words_of(command), GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*"
    )
    assert (done.code, "환불.prompt.yaml" in done.err, "ermission denied" in done.err) == (2, True, True), done
    (as_nobody.folder / PATH).parent.chmod(0o700)
    done = as_nobody(
        *words_of(command), GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*"
    )
    assert (done.code, "고객지원" in done.err, "ermission denied" in done.err) == (2, True, True), done


@each_that_ends
@pytest.mark.parametrize(
    "surroundings",
    [
        pytest.param({"LC_ALL": "C"}, marks=pytest.mark.soak),
        {"PYTHONIOENCODING": "ascii"},
        pytest.param({"NO_COLOR": "1", "TERM": "dumb"}, marks=pytest.mark.soak),
    ],
)
def test_a_terminal_without_korean(work: Path, command: str, surroundings: dict[str, str]) -> None:
    env = environment(PROMPTUARY_DATA=".data", **surroundings)
    done = subprocess.run(
        [*PROGRAM, *words_of(command)], capture_output=True, cwd=work, env=env, timeout=120, check=False
    )
    assert (b"Traceback" in done.stderr, done.returncode) == (False, HERE[command].code), done.stderr


@on_files
def test_paths_in_the_other_form_of_unicode(run: Run, work: Path, command: str) -> None:
    """A Mac writes names decomposed; the gate wants them composed, and says so."""
    composed, decomposed = work / "prompts/고객지원", work / unicodedata.normalize("NFD", "prompts/고객지원")
    shutil.copytree(composed, decomposed)
    shutil.rmtree(composed)
    words = [str(decomposed / "환불.prompt.yaml") if word == PATH else word for word in words_of(command)]
    done = run(*words, cwd=work)
    assert done.code in {0, 1, 2}
    if command == "validate":
        assert (done.code, "normal form C (NFC)" in done.out) == (1, True), done


@each_that_ends
def test_nobody_reads_the_output(work: Path, command: str) -> None:
    env = environment(PROMPTUARY_DATA=".data")
    for options in ([], ["--json"]) if command != "init" else ([],):
        with nobody() as unread:
            done = run_warm([*words_of(command), *options], cwd=work, env=env, stdout=unread)
        assert done.returncode in {HERE[command].code, 141}, done
        assert (b"Traceback" in done.stderr, b"Broken" in done.stderr) == (False, False), done.stderr


@pytest.mark.parametrize(
    "words", [["validate", "-"], ["put", "a", "--url", "http://127.0.0.1:9"], ["render", "a", "--vars", "-"]]
)
def test_ctrl_c_while_standard_input_is_waited_for(work: Path, words: list[str]) -> None:
    interrupted(lambda process: time.sleep(1.5), words, work)


def test_ctrl_c_while_the_work_goes_on(work: Path) -> None:
    tested = "tests: [{name: says, variables: {}, expect: [{contains: Hello}]}]\n"
    for number in range(10_000):
        (work / f"prompts/n{number}.prompt.yaml").write_text(f"schema: prompt/v1\ntype: text\ntext: Hello.\n{tested}")
    interrupted(lambda process: time.sleep(1.0), ["validate", "prompts", "--tests"], work)


def interrupted(wait: Callable[[subprocess.Popen[bytes]], object], words: list[str], cwd: Path) -> None:
    """Starts a command whose standard input is silent, waits, sends Ctrl-C: it ends at once and quietly."""
    reading, writing = os.pipe()
    with WarmProcess(
        words, stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
        env=environment(PROMPTUARY_KEY="pmt_x"),
    ) as process:  # fmt: skip
        wait(process)
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    os.close(reading)
    os.close(writing)
    assert (process.returncode, b"Traceback" in err) == (130, False), err


def test_colours_are_for_terminals_that_want_them(work: Path) -> None:
    def screen(**more: str) -> bytes:
        ours, theirs = pty.openpty()
        env = {**environment(PROMPTUARY_DATA=".data", TERM="xterm-256color"), **more}
        with WarmProcess(["doctor"], stdout=theirs, stderr=theirs, cwd=work, env=env) as process:
            os.close(theirs)
            seen = b""
            try:
                while chunk := os.read(ours, 65536):
                    seen += chunk
            except OSError:
                pass
            os.close(ours)
            assert process.wait(60) in {0, 1}
        return seen

    assert b"\x1b[32m" in screen()
    assert b"\x1b[3" not in screen(NO_COLOR="1")
    assert b"\x1b" not in screen(TERM="dumb")
