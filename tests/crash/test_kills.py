"""kill -9 of server, hook and receive-pack at random points, under a load of pushes and API writes.

No acknowledged commit is lost, the projection is Git's after a restart, ``git fsck`` is clean, and a push that nobody
answered can be made again without harm.
"""

import os
import random
import re
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.load import Load, assert_kept, counting
from tests.running import NoAnswer, Running, children_of, clean_environment, commit, git, run_git

KILLS, SOAK_KILLS = 10, 200
short_and_long = pytest.mark.parametrize(
    "turns", [pytest.param(4, id="short"), pytest.param(16, id="long", marks=pytest.mark.soak)]
)
VICTIMS = {
    "server": None,
    "receive-pack": re.compile(r"receive-pack"),
    "hook": re.compile(r"hooks/pre-receive"),
}


def _kill(server: Running, victim: str, luck: random.Random) -> bool:
    """Kills the victim; False where none came along within a second."""
    pattern = VICTIMS[victim]
    if pattern is None:
        server.kill()
        return True
    assert server.process is not None
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        found = [pid for pid, line in children_of(server.process.pid) if pattern.search(line)]
        if found:
            time.sleep(luck.choice((0, 0, 0.002, 0.01, 0.03)))
            try:
                os.kill(luck.choice(found), signal.SIGKILL)
            except ProcessLookupError:
                continue
            return True
    return False


def _run_kills(running: Running, folder: Path, kills: int, seed: int) -> dict[str, int]:
    luck = random.Random(seed)
    print(f"seed {seed}")  # noqa: T201 - a failure is repeated with it
    load = Load(running, folder)
    threads = load.start()
    done = dict.fromkeys(VICTIMS, 0)
    while sum(done.values()) < kills:
        # Some pushes have to come through between two kills.
        time.sleep(luck.uniform(0.05, 1.0))
        # Git's processes live for moments and often slip away: whoever was killed least has every second turn.
        victim = luck.choice((luck.choice(list(VICTIMS)), min(done, key=done.__getitem__)))
        if not _kill(running, victim, luck):
            assert any(thread.is_alive() for thread in threads), load.faults
            continue
        done[victim] += 1
        if victim == "server":
            assert_kept(running, load)
            running.start()
            running.wait_until_projected() if load.commits else None
    _wait_for_everybody(load)
    load.stopping.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert load.faults == []
    running.kill()
    running.start()
    assert_kept(running, load)
    for name in load.promised:
        live = running.read(name, label="latest")
        assert live["source"] == git(running.bare, "show", f"main:prompts/{name}.prompt.yaml")
    running.assert_sound()
    print(f"killed {done}; {len(load.commits)} commits were acknowledged, {load.retried} of them at a second try")  # noqa: T201
    assert len(load.promised) == 4, f"a writer never came through: {load.promised}\n{running.tail()}"
    _assert_still_works(running, folder)
    return done


def _wait_for_everybody(load: Load) -> None:
    """Until each writer has been answered once, which no kill may have prevented for good.

    Nobody overtakes the pushes meanwhile: on a busy machine writes over REST do so again and again.
    """
    until = time.monotonic() + 40
    while len(load.promised) < 4 and time.monotonic() < until and not load.faults:
        if {"api/one", "api/two"} <= load.promised.keys():
            load.yielding.set()
        time.sleep(0.1)


def _assert_still_works(server: Running, folder: Path) -> None:
    """No lock that a killed process left stands in the way of the next push and the next write."""
    assert server.put("after/all", counting("after/all", 1), If_None_Match="*")[0] == 201
    clone = folder / "pushed-one.git"
    git(clone, "fetch", "-q", server.git_url, "+refs/heads/main:refs/heads/main")
    made = commit(clone, server.main(), {"prompts/after/push.prompt.yaml": counting("after/push", 1)})
    git(clone, "push", "-q", server.git_url, f"{made}:refs/heads/main")
    assert server.read("after/push")["version"] == 1


def _left_behind(server: Running) -> list[str]:
    """Processes of a data folder whose server is gone."""
    found = []
    mark = f"PROMPTUARY_DATA={server.data}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return found


@pytest.mark.crash
def test_nothing_acknowledged_is_lost_by_kills_at_random_points(running: Running, tmp_path: Path) -> None:
    done = _run_kills(running, tmp_path, KILLS, seed=random.SystemRandom().randrange(10**6))
    assert min(done.values()) >= KILLS // 10


@pytest.mark.soak
@pytest.mark.crash
def test_nothing_acknowledged_is_lost_by_many_kills(running: Running, tmp_path: Path) -> None:
    done = _run_kills(running, tmp_path, SOAK_KILLS, seed=random.SystemRandom().randrange(10**6))
    assert min(done.values()) >= SOAK_KILLS // 10


@pytest.mark.crash
def test_a_killed_server_leaves_no_process_behind(running: Running) -> None:
    assert running.put("some/template", counting("some/template", 1), If_None_Match="*")[0] == 201
    assert running.call("POST", "/api/v1/repositories/default/render/some/template", "{}", _JSON)[0] == 200
    running.kill()
    until = time.monotonic() + 10
    while left := _left_behind(running):
        assert time.monotonic() < until, left
        time.sleep(0.1)
    running.start()
    assert running.read("some/template")["version"] == 1


_JSON = {"Content-Type": "application/json"}


@pytest.mark.crash
@short_and_long
def test_a_push_that_was_not_answered_is_made_again_without_harm(running: Running, tmp_path: Path, turns: int) -> None:
    """Killed before the gate has answered nothing is in; killed after the ref has moved all is; again helps in both."""
    clone = tmp_path / "clone.git"
    git(tmp_path, "init", "-q", "--bare", str(clone))
    tip: str | None = None
    unanswered = 0
    for turn in range(turns):
        made = commit(clone, tip, {"prompts/pushed/again.prompt.yaml": counting("pushed/again", turn)})
        push = subprocess.Popen(
            ["git", "-C", str(clone), "push", "-q", running.git_url, f"{made}:refs/heads/main"],
            env=clean_environment(),
            stderr=subprocess.PIPE,
        )
        assert running.process is not None
        while push.poll() is None:
            below = list(children_of(running.process.pid))
            if turn % 2 and running.main() == made:
                push.kill()
                break
            if turn % 2 == 0 and any("hooks/pre-receive" in line for _, line in below):
                for pid in [pid for pid, line in below if "receive-pack" in line]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                break
        push.communicate(timeout=60)
        unanswered += push.returncode != 0
        _push_again(running, clone, made)
        assert running.main() == made
        tip = made
    running.wait_until_projected()
    assert running.read("pushed/again")["version"] == turns
    assert unanswered >= turns // 4, "no push was killed in time"
    running.assert_sound()


def _push_again(running: Running, clone: Path, made: str) -> None:
    """The killed one's lock, or its hook, may stand in the way for a moment."""
    until = time.monotonic() + 10
    while (again := run_git(clone, "push", running.git_url, f"{made}:refs/heads/main")).returncode:
        assert time.monotonic() < until, again.stderr.decode()
        time.sleep(0.5)


@pytest.mark.crash
@short_and_long
def test_a_write_that_was_not_answered_is_done_once(running: Running, turns: int) -> None:
    """Killed before the commit or behind it: the same request with the same key leaves one commit and says so."""
    luck = random.Random(11)
    running.put("keyed/first", counting("keyed/first", 0), If_None_Match="*")
    ref = running.bare / "refs/heads/main"
    lost = 0
    for turn in range(turns):
        name, before = f"keyed/turn{turn}", ref.read_text()
        headers = {"If_None_Match": "*", "Idempotency_Key": f"turn-{turn}"}
        answers: list[int] = []

        def send(name: str = name, headers: dict[str, str] = headers, answers: list[int] = answers) -> None:
            with suppress(NoAnswer):
                answers.append(running.put(name, counting(name, 1), **headers)[0])

        sender = threading.Thread(target=send)
        sender.start()
        until = time.monotonic() + (10 if turn % 2 else luck.uniform(0, 0.02))
        while time.monotonic() < until and ref.read_text() == before:
            pass
        running.kill()
        sender.join(30)
        lost += not answers
        running.start()
        status, _, body = running.put(name, counting(name, 1), **headers)
        assert (status, body["version"], body["created"]) == (201, 1, True)
        made = git(running.bare, "log", "--format=%H", "main", "--", f"prompts/{name}.prompt.yaml").split()
        assert made == [body["commit"]]
        assert ref.read_text() != before
    assert lost, "no answer was lost: the test does not test"
    running.assert_sound()
