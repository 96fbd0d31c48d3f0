"""Many files are judged on all cores, with a bar on a terminal, and the output is that of one process."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, environment
from tests.stock import TONE, TRIAGE

COUNT = 600
SECRET = "ghp_" + "a1B2" * 9


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of Git with two commits, the second on a branch, in which every third file has a fault."""
    root = tmp_path_factory.mktemp("large")
    folder = root / "prompts" / "many"
    folder.mkdir(parents=True)
    (root / "prompts/partials").mkdir()
    (root / "prompts/partials/tone.prompt.yaml").write_text(TONE)
    for number in range(COUNT):
        (folder / f"t{number:03}.prompt.yaml").write_text(TRIAGE)
    git(root, "init", "-q", "-b", "main")
    commit(root)
    git(root, "checkout", "-q", "-b", "work")
    faults = (TRIAGE.replace("{{ ticket }}", f"{{{{ tiket }}}} {SECRET}"), TRIAGE.replace("length: 200", "length: 20"))
    for number in range(COUNT):
        text = faults[number % 2] if number % 3 == 0 else TRIAGE.replace("Sorts one", "Sorts a")
        (folder / f"t{number:03}.prompt.yaml").write_text(text)
    commit(root)
    return root


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "change")


def ask(root: Path, *arguments: str, cores: set[int]) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        cwd=root,
        env=environment(),
        timeout=120,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
@pytest.mark.parametrize(
    "arguments",
    [
        ("validate", "prompts", "--json"),
        ("check", "--against", "main"),
        ("test",),
    ],
)
def test_all_cores_say_what_one_says(large: Path, arguments: tuple[str, ...]) -> None:
    every = os.sched_getaffinity(0)
    one, all_of_them = ask(large, *arguments, cores={min(every)}), ask(large, *arguments, cores=every)
    assert one == all_of_them
    assert one[0] == 1
    assert len(one[1].splitlines()) > COUNT / 6
    assert b"\x1b" not in one[1] + one[2], "no bar and no colour in a pipe"


def test_a_bar_is_shown_on_a_terminal_and_goes(large: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "validate", "."],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=large,
        env=environment(TERM="xterm-256color"),
    ) as running:
        os.close(theirs)
        shown = read_all(ours)
        assert running.stdout is not None
        found = running.stdout.read()
    os.close(ours)
    assert "validating" in shown
    assert f"/{COUNT + 1}" in shown
    assert shown.rstrip().endswith("\x1b[0m") or "errors" in shown.rstrip().splitlines()[-1]
    assert b"validating" not in found


def read_all(terminal: int) -> str:
    pieces, until = [], time.monotonic() + 60
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # nobody has the other end any more
            break
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces).decode("utf-8", "replace")
