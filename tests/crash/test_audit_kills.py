"""kill -9 between a ref's move and its entry in the audit: the entry is there after a restart, once."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.bootstrap import open_registry
from registry.domain.audit import AuditFilter
from registry.domain.ids import ZERO_COMMIT
from registry.settings import Settings
from tests.load import Load, assert_kept
from tests.pushing import REPOSITORY
from tests.running import Running, clean_environment, git, run_git

ROOT = Path(__file__).parents[2]
DIES = """
import asyncio, os, sys
from pathlib import Path
from registry.adapters.git.store import Pygit2Store
from registry.bootstrap import open_registry
from registry.settings import Settings
from tests.pushing import AUTHOR, MAIN, REPOSITORY

def die(*_args, **_more):
    os.kill(os.getpid(), 9)

async def main():
    async with open_registry(Settings(data=Path(sys.argv[1]), render_workers=1)) as registry:
        registry.git.create(REPOSITORY)
        moves = registry.ref_audit
        if sys.argv[2] == "before the move":
            Pygit2Store.move = die
        setattr(*{
            "before the move": (moves, "unused", None),
            "after the move": (moves._journal, "settle", die),
            "before the entry": (moves._log, "append", die),
            "after the entry": (moves._journal, "forget", die),
        }[sys.argv[2]])
        edit = lambda base: {"prompts/a.prompt.yaml": b"schema: prompt/v1\\ntype: text\\ntext: a\\n"}
        await registry.writes.submit(REPOSITORY, MAIN, edit, actor=AUTHOR, message="write")
        await moves.drain()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("point", "entries"),
    [("before the move", 0), ("after the move", 1), ("before the entry", 1), ("after the entry", 1)],
)
async def test_a_kill_at_each_point_leaves_one_entry_or_none(tmp_path: Path, point: str, entries: int) -> None:
    data = tmp_path / "data"
    died = subprocess.run(
        [sys.executable, "-c", DIES, str(data), point],
        cwd=ROOT,
        env=clean_environment(),
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    async with open_registry(Settings(data=data, render_workers=1)) as registry:
        for _ in range(2):
            await registry.ref_audit.drain()
        found = (await registry.audit.list_entries(AuditFilter(repository=REPOSITORY))).items
        assert [entry.draft.origin.actor for entry in found] == ["kim"] * entries
        assert registry.ref_audit._journal.waiting() == []
        assert (await registry.audit.verify()).fault is None
        with registry.git.open(REPOSITORY) as store:
            assert len(store.refs()) == entries


def test_under_load_every_move_is_entered_once_whatever_is_killed(running: Running, tmp_path: Path) -> None:
    """The entries of main are a chain from nothing to its tip."""
    luck = random.Random(7)
    load = Load(running, tmp_path)
    threads = load.start()
    for _ in range(5):
        time.sleep(luck.uniform(0.5, 2.0))
        running.kill()
        assert_kept(running, load)
        running.start()
    until = time.monotonic() + 60
    while len(load.commits) < 8 and time.monotonic() < until:
        time.sleep(0.1)
    load.stopping.set()
    for thread in threads:
        thread.join(60)
    assert load.faults == []
    assert_pushed_to_the_folder(running, tmp_path)
    running.stop()
    said = subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", "audit", "export", "--repository", "default"],
        cwd=ROOT,
        env=running.environment(),
        check=True,
        capture_output=True,
        timeout=60,
    )
    entries = [json.loads(line) for line in said.stdout.splitlines()]
    moves = [
        ((each["old"] or {}).get("commit", ZERO_COMMIT), each["new"]["commit"])
        for each in entries
        if each["action"].startswith("ref.") and each["ref"] == "refs/heads/main"
    ]
    assert len(dict(moves)) == len(moves), "a move was entered twice"
    tip, way = ZERO_COMMIT, dict(moves)
    while tip in way:
        tip = way.pop(tip)
    assert (tip, way) == (git(running.bare, "rev-parse", "refs/heads/main").strip(), {})
    assert len(moves) >= len(set(load.commits))
    assert {each["actor"] for each in entries if each["action"] == "ref.updated"} >= {"admin"}
    (folder,) = [each for each in entries if each["ref"] == "refs/heads/folder"]
    assert (folder["action"], folder["address"]) == ("ref.created", "local")


def assert_pushed_to_the_folder(running: Running, tmp_path: Path) -> None:
    """With Git alone, while the server runs, which enters it."""
    clone = next(tmp_path.glob("pushed-*.git"))
    pushed = run_git(clone, "push", "-q", str(running.bare), "refs/heads/main:refs/heads/folder")
    assert pushed.returncode == 0, pushed.stderr
