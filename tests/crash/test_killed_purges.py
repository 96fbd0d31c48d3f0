"""kill -9 at any point of a purge: run again it completes, and nothing else is lost or moved."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.bootstrap import Registry, open_registry
from registry.domain.audit import AuditAction, AuditFilter
from registry.domain.errors import BadRequest
from registry.domain.graph import closure_digest
from registry.domain.ids import RefName, TemplateName
from registry.domain.purging import LeakedText, VersionKey
from registry.services.purge_numbers import Numbers, read_numbers
from registry.services.purging import Wanted
from registry.settings import Settings
from tests.pushing import MAIN, REPOSITORY, Pusher, text_template
from tests.running import PROGRAM, Running, clean_environment, git

pytestmark = pytest.mark.crash

ROOT = Path(__file__).parents[2]
SECRET = "Quetzalminsu 010-1234-5678"
TONE = TemplateName("partials/tone")
DIES = """
import asyncio, os, sys
from pathlib import Path
from registry.adapters.git import purge_marks, purge_rewrite, purging
from registry.adapters.local.ref_journal import FileRefJournal
from registry.adapters.sql.former_states import SqlFormerStates
from registry.bootstrap import open_registry
from registry.domain.purging import LeakedText
from registry.services.audit import Audit
from registry.services.indexing import Indexing
from registry.services.purging import Wanted
from registry.services.ref_audit import RefAudit
from registry.settings import Settings
from tests.pushing import REPOSITORY

calls = 0

def die(*_args, **_more):
    os.kill(os.getpid(), 9)

def dies_at(number, real, before=lambda *_: None):
    def counted(*args, **more):
        global calls
        calls += 1
        if calls == number:
            before(*args)
            die()
        return real(*args, **more)
    return counted

def half(path, moved):
    real_move(path, moved[: len(moved) // 2])

real_move, real_git = purging._move, purging.run_git
commits = purge_rewrite.Rewriting._rewrite_commit
intend, enter = FileRefJournal.intend, Audit.enter
POINTS = {
    "nothing was looked for": lambda: setattr(purging.GitPurging, "search", die),
    "it is not said to begin": lambda: setattr(Audit, "enter", die),
    "it is only said to begin": lambda: setattr(purge_marks.PurgeMark, "keep", die),
    # The plan goes over the six commits first, without writing them.
    "objects are being written": lambda: setattr(purge_rewrite.Rewriting, "_rewrite_commit", dies_at(10, commits)),
    "the list is not yet kept": lambda: setattr(purging, "_move", dies_at(1, real_move)),
    "half of the refs have moved": lambda: setattr(purging, "_move", dies_at(3, real_move, half)),
    "the default branch has not": lambda: setattr(purging, "_move", dies_at(4, real_move)),
    "the last moves are not noted": lambda: setattr(FileRefJournal, "intend", dies_at(3, intend)),
    "it is not noted that refs moved": lambda: setattr(FileRefJournal, "settle", die),
    "moves are not audited": lambda: setattr(RefAudit, "_enter", die),
    "moves are not forgotten": lambda: setattr(FileRefJournal, "forget", die),
    "old objects are there": lambda: setattr(purging.GitPurging, "prune", die),
    "some old objects are there": lambda: setattr(purging, "run_git", dies_at(6, real_git)),
    "the catalogue is old": lambda: setattr(Indexing, "rebuild", die),
    "former rows are there": lambda: setattr(SqlFormerStates, "forget_former", die),
    "it is not audited": lambda: setattr(Audit, "enter", dies_at(2, enter)),
    "the mark is there": lambda: setattr(purge_marks.PurgeMark, "finish", die),
}

async def main():
    POINTS[sys.argv[2]]()
    name, _, number = sys.argv[3].partition("@")
    wanted = Wanted(version=(name, int(number))) if number else Wanted(LeakedText(name))
    async with open_registry(Settings(data=Path(sys.argv[1]), render_workers=1)) as registry:
        await registry.purging.run(REPOSITORY, wanted, lambda *_: None)

asyncio.run(main())
"""
UNTOUCHED = ("nothing was looked for", "it is not said to begin", "it is only said to begin")
POINTS = (
    "it is not said to begin",
    "the list is not yet kept",
    "half of the refs have moved",
    "it is not noted that refs moved",
    "moves are not audited",
    "some old objects are there",
    "the catalogue is old",
    "the mark is there",
)
POINTS_BETWEEN = (
    "nothing was looked for",
    "it is only said to begin",
    "objects are being written",
    "the default branch has not",
    "the last moves are not noted",
    "moves are not forgotten",
    "old objects are there",
    "former rows are there",
    "it is not audited",
)


def silent(_what: str, _done: int, _total: int) -> None:
    """Shows nothing."""


def numbers(registry: Registry) -> Numbers:
    with registry.git.open(REPOSITORY) as store:
        return read_numbers(store, MAIN, silent)


def commits(path: Path) -> int:
    """Of all refs together: a branch that no longer shared its history would make them more."""
    return int(git(path, "rev-list", "--count", "--exclude=refs/promptuary/*", "--all"))


def refs(path: Path) -> dict[str, str]:
    """What the refs of everybody point to."""
    shown = git(path, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags").splitlines()
    return {ref: target for ref, _, target in (line.partition(" ") for line in shown)}


async def assert_moves_are_entered(registry: Registry, before: dict[str, str]) -> None:
    """Each that a purge has made so far, once, with who began it and why."""
    await registry.ref_audit.drain()
    now = refs(registry.git.path(REPOSITORY))
    wanted = {ref: (before[ref], target) for ref, target in now.items() if target != before[ref]}
    forced = (await registry.audit.list_entries(AuditFilter(action=AuditAction.REF_FORCED), limit=100)).items
    assert {each.draft.ref: (each.draft.old["commit"], each.draft.new["commit"]) for each in forced} == wanted
    assert len(forced) == len(wanted)
    begun = (await registry.audit.list_entries(AuditFilter(action=AuditAction.PURGE_STARTED))).items
    assert {each.draft.operation for each in begun} >= {f"{each.draft.new['purge']}/started" for each in forced}
    assert {each.draft.origin.address for each in (*begun, *forced)} <= {None}, "the service itself, with no command"
    assert (await registry.audit.verify()).fault is None


async def leak(data: Path) -> tuple[set[VersionKey], int]:
    """Six commits; the second leaks; two branches and a tag have it, one of them with a label that pins a digest."""
    async with open_registry(Settings(data=data, render_workers=1)) as registry:
        registry.git.create(REPOSITORY)
        pusher = Pusher(registry)
        for text in ("Be brief", f"Call {SECRET}", "Be kind", "Be quick"):
            await pusher.land({"prompts/partials/tone.prompt.yaml": text_template(text, variables="{}")})
        found = numbers(registry)
        digest = found.digests({found.files[TONE, 2]: found.files[TONE, 2]})[TONE, 2][0]
        await pusher.land({"labels/old/partials.yaml": f"tone: {{version: 2, digest: {digest[:8]}}}\n"})
        assert (await pusher.push({"a.md": "x"}, RefName("refs/heads/one"))).accepted
        path = registry.git.path(REPOSITORY)
        for ref in ("refs/heads/two", "refs/heads/three", "refs/tags/v1"):
            git(path, "update-ref", ref, "refs/heads/main")
        git(path, "-c", "user.name=a", "-c", "user.email=a@b", "tag", "-a", "-m", "one", "v2", "refs/heads/main")
        await pusher.land({"labels/old/partials.yaml": "tone: 1\n"})
        return set(found.files), commits(path)


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_each_point_it_completes(tmp_path: Path, point: str) -> None:
    await assert_completes(tmp_path, point, SECRET)


@pytest.mark.soak
@pytest.mark.parametrize("point", POINTS_BETWEEN)
async def test_killed_between_these_it_completes(tmp_path: Path, point: str) -> None:
    await assert_completes(tmp_path, point, SECRET)


@pytest.mark.soak
@pytest.mark.parametrize("point", ["half of the refs have moved", "some old objects are there", "the mark is there"])
async def test_a_version_completes_too(tmp_path: Path, point: str) -> None:
    await assert_completes(tmp_path, point, "partials/tone@2")


async def assert_completes(tmp_path: Path, point: str, what: str) -> None:
    data = tmp_path / "data"
    versions, every = await leak(data)
    before = refs(data / "repositories/default.git")
    died = subprocess.run(
        [sys.executable, "-c", DIES, str(data), point, what],
        cwd=ROOT,
        env=clean_environment(),
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    name, _, number = what.partition("@")
    wanted = Wanted(version=(TONE, int(number))) if number else Wanted(LeakedText(name))
    async with open_registry(Settings(data=data, render_workers=1)) as registry:
        path = registry.git.path(REPOSITORY)
        git(path, "fsck", "--full", "--strict", "--no-dangling")
        assert (path / "promptuary-purge").exists()
        assert set(numbers(registry).files) == versions
        if point in UNTOUCHED:
            assert refs(path) == before
        await assert_moves_are_entered(registry, before)
        await registry.purging.run(REPOSITORY, wanted, silent)
        await assert_moves_are_entered(registry, before)
        assert set(refs(path).items()).isdisjoint(before.items()), "every ref had it"
        await assert_purged(registry, versions, every)
        assert await registry.purging.run(REPOSITORY, wanted, silent) is None
        found = (await registry.audit.list_entries(AuditFilter(action=AuditAction.CONTENT_PURGED))).items
        assert [entry.draft.new["changed"] for entry in found] == [1]
        pinned = git(path, "show", "one:labels/old/partials.yaml")
        assert f"digest: {closure_digest(numbers(registry).closures[TONE, 2])[:8]}" in pinned


async def assert_purged(registry: Registry, versions: set[VersionKey], every: int) -> None:
    path = registry.git.path(REPOSITORY)
    git(path, "fsck", "--full", "--strict", "--no-dangling")
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    done = subprocess.run(command, cwd=path, env=clean_environment(), capture_output=True, check=True)
    assert SECRET.encode() not in done.stdout
    assert not (path / "promptuary-purge").exists()
    assert commits(path) == every
    assert set(numbers(registry).files) == versions
    assert await registry.verifying.verify(REPOSITORY) == []
    files = [each for each in registry.settings.data.rglob("*") if each.is_file()]
    assert [each for each in files if SECRET.encode() in each.read_bytes()] == []


async def test_another_purge_does_not_hide_one_that_was_cut_off(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await leak(data)
    arguments = [sys.executable, "-c", DIES, str(data), "old objects are there", SECRET]
    subprocess.run(arguments, cwd=ROOT, env=clean_environment(), check=False, capture_output=True, timeout=60)
    async with open_registry(Settings(data=data, render_workers=1)) as registry:
        with pytest.raises(BadRequest, match="has to be completed first"):
            await registry.purging.run(REPOSITORY, Wanted(LeakedText("something else")), silent)
        await registry.purging.run(REPOSITORY, Wanted(LeakedText(SECRET)), silent)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_killed_at_random_beside_a_server_it_completes(running: Running, tmp_path: Path) -> None:
    """Some forty kills; the server goes on all the while."""
    file = tmp_path / "leaked.txt"
    chance = random.Random(20_261_130)
    for turn in range(15):
        secret = f"{SECRET} number {turn}."
        file.write_text(secret)
        names = [f"t{turn}/n{number}" for number in range(3)]
        for name in names:
            assert running.put(name, _file(f"Call {secret}"), If_None_Match="*")[0] == 201
            assert running.put(name, _file("Be kind"), If_Match="*")[0] == 200
        command = [*PROGRAM, "purge", "default", "--text-file", str(file), "--yes"]
        while True:
            process = subprocess.Popen(
                command, env=running.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            try:
                _, said = process.communicate(timeout=chance.uniform(0.8, 6.0))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                continue
            assert process.returncode == 0, said
            break
        time.sleep(1.5)
        running.wait_until_projected()
        running.assert_sound()
        assert running.search(secret) == []


def _file(text: str) -> str:
    return text_template(text, variables="{}")
