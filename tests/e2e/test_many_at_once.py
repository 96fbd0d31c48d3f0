"""Several writers and several pushers at once: nobody's work is lost, and who loses a race is told."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running, commit, git, run_git, text_template

pytestmark = pytest.mark.e2e

WRITERS, WRITES = 12, 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("many")
    running = Running(folder / "data", folder / "server.log")
    running.start()
    try:
        yield running
    finally:
        running.stop()


def at_once(work: list[Callable[[], Any]]) -> list[Any]:
    """Runs all of it from the same moment on, and gives the results in order."""
    barrier = threading.Barrier(len(work))

    def run(one: Callable[[], Any]) -> Any:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def test_writers_on_different_templates_all_win(server: Running) -> None:
    def write(writer: int) -> list[str]:
        commits = []
        for n in range(WRITES):
            header = {"If_Match": "*"} if n else {"If_None_Match": "*"}
            status, _, answer = server.put(f"writer/w{writer}", text_template(f"writer {writer} {n}"), **header)
            assert status in {200, 201}, answer
            assert answer["version"] == n + 1
            # A write answers when it can be read and found.
            assert f"writer {writer} {n}" in server.read(f"writer/w{writer}")["source"]
            commits.append(answer["commit"])
        return commits

    commits = [c for each in at_once([lambda w=w: write(w) for w in range(WRITERS)]) for c in each]  # type: ignore[misc]  # a bound default
    assert len(set(commits)) == WRITERS * WRITES
    assert set(commits) <= set(git(server.bare, "rev-list", "main").split())
    assert {f"writer/w{w}" for w in range(WRITERS)} <= set(server.search("writer"))
    server.assert_sound()


def test_of_two_writers_on_one_template_one_wins_and_the_other_is_told_the_present_state(server: Running) -> None:
    status, headers, _ = server.put("contested/one", text_template("the beginning"), If_None_Match="*")
    assert status == 201
    tag = headers["etag"]
    answers = at_once([
        lambda: server.put("contested/one", text_template("the left one"), If_Match=tag),
        lambda: server.put("contested/one", text_template("the right one"), If_Match=tag),
    ])  # fmt: skip
    assert sorted(status for status, _, _ in answers) == [200, 412]
    won = next(answer for status, _, answer in answers if status == 200)
    _, _, lost = next(each for each in answers if each[0] == 412)
    live = server.read("contested/one")
    assert live["version"] == won["version"] == 2
    assert ("the left one" in live["source"]) is (answers[0][0] == 200)
    assert "contested/one" in lost["detail"]
    # With the state that it is told about now, the loser's second try goes through.
    state = server.call("GET", "/api/v1/repositories/default/templates/contested/one")[1]["etag"]
    assert server.put("contested/one", text_template("both"), If_Match=state)[0] == 200


def test_of_two_that_make_one_template_one_wins(server: Running) -> None:
    texts = [text_template(f"made by {n}") for n in range(2)]
    answers = at_once([lambda t=t: server.put("contested/new", t, If_None_Match="*") for t in texts])  # type: ignore[misc]  # a bound default
    assert sorted(status for status, _, _ in answers) == [201, 412]


def test_of_two_pushes_at_once_none_is_lost(server: Running, tmp_path: Path) -> None:
    assert server.put("pushes/start", text_template("a beginning"), If_None_Match="*")[0] == 201
    clones = [tmp_path / name for name in ("left.git", "right.git")]
    for clone in clones:
        git(tmp_path, "clone", "-q", "--bare", server.git_url, str(clone))
    for turn in range(3):
        tip = server.main()
        made = []
        for clone in clones:
            git(clone, "fetch", "-q", server.git_url, "+refs/heads/main:refs/heads/main")
            path = f"prompts/pushes/{clone.stem}-{turn}.prompt.yaml"
            made.append(commit(clone, tip, {path: text_template(f"{clone.stem} {turn}")}))
        pushed = at_once([
            lambda c=c, m=m: run_git(c, "push", server.git_url, f"{m}:refs/heads/main")  # type: ignore[misc]  # bound defaults
            for c, m in zip(clones, made, strict=True)
        ])  # fmt: skip
        won = [n for n, done in enumerate(pushed) if done.returncode == 0]
        assert len(won) == 1, [done.stderr for done in pushed]
        lost = 1 - won[0]
        assert b"rejected" in pushed[lost].stderr
        assert server.main() == made[won[0]]
        # Who lost fetches, puts the change on top, and is in.
        git(clones[lost], "fetch", "-q", server.git_url, "+refs/heads/main:refs/heads/main")
        path = f"prompts/pushes/{clones[lost].stem}-{turn}.prompt.yaml"
        again = commit(clones[lost], server.main(), {path: text_template(f"{clones[lost].stem} {turn}")})
        git(clones[lost], "push", "-q", server.git_url, f"{again}:refs/heads/main")
    for name in ("left", "right"):
        assert [server.read(f"pushes/{name}-{turn}")["version"] for turn in range(3)] == [1, 1, 1]
    server.assert_sound()


def test_pushes_and_writes_at_once_all_end_up_in_main(server: Running, tmp_path: Path) -> None:
    clone = tmp_path / "clone.git"
    git(tmp_path, "init", "-q", "--bare", str(clone))

    def push() -> int:
        for attempt in range(30):
            git(clone, "fetch", "-q", server.git_url, "+refs/heads/main:refs/heads/main")
            tip = git(clone, "rev-parse", "refs/heads/main").strip()
            made = commit(clone, tip, {"prompts/mixed/pushed.prompt.yaml": text_template("by a push")})
            if run_git(clone, "push", "-q", server.git_url, f"{made}:refs/heads/main").returncode == 0:
                return attempt
        return -1

    def write(writer: int) -> int:
        return server.put(f"mixed/w{writer}", text_template(f"mixed {writer}"), If_None_Match="*")[0]

    assert server.put("mixed/start", text_template("a beginning"), If_None_Match="*")[0] == 201
    results = at_once([push, *[lambda w=w: write(w) for w in range(6)]])  # type: ignore[misc]  # a bound default
    assert results[0] >= 0
    assert results[1:] == [201] * 6
    assert server.read("mixed/pushed")["version"] == 1
    server.assert_sound()
