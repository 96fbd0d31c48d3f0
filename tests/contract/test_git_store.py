"""The contract of ports/git.py, on real repositories."""

import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.adapters.git import LocalRepositories
from registry.adapters.git.durability import flush_objects
from registry.domain.errors import (
    BadRequest,
    Conflict,
    Denied,
    RefMoved,
    RepositoryExists,
    RepositoryNotFound,
    RevisionNotFound,
    Unavailable,
)
from registry.domain.ids import ZERO_COMMIT, BlobId, CommitId, RefName, RepositoryName
from registry.domain.refs import FileMode, LineRun, RefUpdate, Signature
from registry.ports.git import BornRepositories, GitStore, Repositories

NAME = RepositoryName("prompts")
MAIN = RefName("refs/heads/main")
HANNAH = Signature(
    "한나 Hannah", "hannah@example.org", datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=9)))
)


@pytest.fixture
def repositories(tmp_path: Path) -> LocalRepositories:
    made = LocalRepositories(tmp_path / "repositories", hook_command="/nowhere/promptuary")
    made.create(NAME)
    return made


@pytest.fixture
def store(repositories: LocalRepositories) -> Iterator[GitStore]:
    with repositories.open(NAME) as opened:
        yield opened


def git(folder: Path, *arguments: str | bytes, stdin: bytes = b"", check: bool = True) -> str:
    env = {
        "PATH": os.pathsep.join(os.get_exec_path()),
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "a"), ("EMAIL", "a@b"))
        },
    }
    done = subprocess.run(["git", *arguments], cwd=folder, input=stdin, capture_output=True, check=False, env=env)
    if check and done.returncode:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def commit(
    store: GitStore, parent: CommitId | None, changes: dict[str, bytes | None], message: str = "edit"
) -> CommitId:
    return store.write_commit(parent, changes, HANNAH, HANNAH, message)


def land(store: GitStore, changes: dict[str, bytes | None], message: str = "edit") -> CommitId:
    """A commit on main, all the way."""
    old = store.resolve(MAIN)
    new = commit(store, old, changes, message)
    store.flush()
    store.move(RefUpdate(MAIN, old or ZERO_COMMIT, new))
    return new


def test_a_new_repository_is_bare_and_set_up(repositories: Repositories) -> None:
    path = repositories.path(NAME)
    assert git(path, "rev-parse", "--is-bare-repository") == "true"
    assert repositories.default_branch(NAME) == MAIN
    for key, value in {
        "receive.hideRefs": "refs/merge-requests",
        "transfer.fsckObjects": "true",
        "receive.advertisePushOptions": "true",
        "uploadpack.allowFilter": "true",
        "gc.auto": "0",
        "receive.autogc": "false",
        "core.logAllRefUpdates": "true",
        "promptuary.command": "/nowhere/promptuary",
    }.items():
        assert git(path, "config", "--get", key) == value, key
    for hook in ("pre-receive", "post-receive"):
        assert stat.S_IMODE((path / "hooks" / hook).stat().st_mode) == 0o755
        assert subprocess.run(["sh", "-n", str(path / "hooks" / hook)], check=False).returncode == 0
    assert git(path, "fsck", "--strict") == ""


def test_names_are_sorted_and_checked(repositories: Repositories, tmp_path: Path) -> None:
    repositories.create(RepositoryName("aaa"), default_branch="trunk")
    (tmp_path / "repositories" / "Not A Name.git").mkdir()
    (tmp_path / "repositories" / "empty.git").mkdir()
    assert repositories.names() == ["aaa", NAME]
    assert repositories.default_branch(RepositoryName("aaa")) == "refs/heads/trunk"
    with pytest.raises(RepositoryExists):
        repositories.create(NAME)
    for bad in ("../up", "a/b", ".git", "UPPER", "x.git", ""):
        with pytest.raises(BadRequest):
            repositories.create(RepositoryName(bad))
        with pytest.raises(RepositoryNotFound):
            repositories.open(RepositoryName(bad))
    with pytest.raises(RepositoryNotFound):
        repositories.path(RepositoryName("absent"))


def test_preparing_mends_hooks_and_settings(repositories: LocalRepositories, tmp_path: Path) -> None:
    path = repositories.path(NAME)
    (path / "hooks" / "pre-receive").write_text("#!/bin/sh\nexit 0\n")
    (path / "hooks" / "post-receive").unlink()
    git(path, "config", "core.hooksPath", "/elsewhere")
    git(path, "config", "receive.autogc", "true")
    git(path, "config", "--add", "receive.hideRefs", "refs/private")
    again = LocalRepositories(tmp_path / "repositories", hook_command="/moved/promptuary")
    again.prepare()
    again.prepare()
    assert "promptuary-gate/1 pre-receive" in (path / "hooks" / "pre-receive").read_text()
    assert (path / "hooks" / "post-receive").exists()
    assert git(path, "config", "--get", "core.hooksPath", check=False) == ""
    assert git(path, "config", "--get", "receive.autogc") == "false"
    assert git(path, "config", "--get-all", "receive.hideRefs").split() == ["refs/merge-requests", "refs/private"]
    assert git(path, "config", "--get", "promptuary.command") == "/moved/promptuary"


def test_a_commit_is_what_git_reads(repositories: Repositories, store: GitStore) -> None:
    first = land(
        store, {"prompts/support/triage.prompt.yaml": b"a\r\n", "README.md": "안녕".encode()}, "처음 시작\n\nbody\n"
    )
    path = repositories.path(NAME)
    assert git(path, "rev-parse", "main") == first
    assert git(path, "log", "--format=%an <%ae> %ad|%s", "--date=iso-strict") == (
        "한나 Hannah <hannah@example.org> 2026-03-01T12:30:00+09:00|처음 시작"
    )
    assert git(path, "ls-tree", "-r", "--name-only", "main").split() == [
        "README.md",
        "prompts/support/triage.prompt.yaml",
    ]
    read = store.commit(first)
    assert (read.author, read.committer, read.subject, read.parents) == (HANNAH, HANNAH, "처음 시작", ())
    second = land(store, {"README.md": None})
    assert store.commit(second).parents == (first,)
    assert git(path, "fsck", "--strict", "--no-dangling") == ""


def test_entries_children_and_blobs(store: GitStore) -> None:
    tip = land(store, {"prompts/a.prompt.yaml": b"A", "prompts/나/b.prompt.yaml": b"BB", "prompts-x": b"", "z": b"ZZZ"})
    assert [entry.path for entry in store.entries(tip)] == [
        "prompts-x",
        "prompts/a.prompt.yaml",
        "prompts/나/b.prompt.yaml",
        "z",
    ]
    assert [entry.path for entry in store.entries(tip, "prompts/")] == [
        "prompts/a.prompt.yaml",
        "prompts/나/b.prompt.yaml",
    ]
    assert [entry.path for entry in store.entries(tip, "prompts/나")] == ["prompts/나/b.prompt.yaml"]
    assert list(store.entries(tip, "nowhere/")) == []
    assert list(store.entries(tip, "z")) == []
    assert store.children(tip, "") == ["prompts-x", "prompts", "z"]
    assert store.children(tip, "prompts") == ["prompts/a.prompt.yaml", "prompts/나"]
    assert store.children(tip, "z") == store.children(tip, "nowhere") == []
    found = store.entry(tip, "prompts/나/b.prompt.yaml")
    assert found is not None
    assert found.mode == FileMode.REGULAR
    for absent in ("prompts", "prompts/", "/z", "", "nowhere", "z/below", "a//b", "nul\0"):
        assert store.entry(tip, absent) is None, absent
    ids = [entry.id for entry in store.entries(tip)]
    assert [data for _, data in store.read(ids[::-1])] == [b"ZZZ", b"BB", b"A", b""]
    assert store.sizes([*ids, BlobId("12" * 20)]) == dict(zip(ids, [0, 1, 2, 3], strict=True))
    with pytest.raises(RevisionNotFound):
        list(store.read([BlobId("12" * 20)]))
    with pytest.raises(RevisionNotFound):
        store.entry(CommitId("12" * 20), "z")


def test_reading_thousands_keeps_the_order_and_can_stop_early(store: GitStore) -> None:
    tip = land(store, {f"prompts/{n % 7}/{n}.prompt.yaml": f"{n}\n\0".encode() * (n % 50) for n in range(900)})
    ids = [entry.id for entry in store.entries(tip)] * 2
    read = list(store.read(ids))
    assert [blob for blob, _ in read] == ids
    few = dict(store.read(ids[:100]))
    assert all(few[blob] == data for blob, data in read if blob in few)
    assert next(iter(store.read(ids)))[0] == ids[0]
    with pytest.raises(RevisionNotFound):
        list(store.read([*ids, BlobId("12" * 20)]))


def test_paths_that_are_no_utf8_survive(repositories: Repositories, store: GitStore) -> None:
    path = repositories.path(NAME)
    blob = git(path, "hash-object", "-w", "--stdin", stdin=b"x")
    tree = git(path, "mktree", "-z", stdin=b"100644 blob " + blob.encode() + b"\tcaf\xe9.yaml\0")
    tip = CommitId(git(path, "commit-tree", tree, "-m", "latin"))
    assert [entry.path for entry in store.entries(tip)] == ["caf\udce9.yaml"]
    assert store.children(tip, "") == ["caf\udce9.yaml"]
    assert store.entry(tip, "caf\udce9.yaml") is not None
    assert [change.path for change in store.changes(None, tip)] == ["caf\udce9.yaml"]
    assert [c.id for c in store.log(tip, "caf\udce9.yaml", 5)] == [tip]
    gone = commit(store, tip, {"caf\udce9.yaml": None, "b": b"b"})
    assert [entry.path for entry in store.entries(gone)] == ["b"]


def test_links_modules_and_modes_are_told(repositories: Repositories, store: GitStore) -> None:
    path = repositories.path(NAME)
    blob = git(path, "hash-object", "-w", "--stdin", stdin=b"x")
    listing = f"100755 blob {blob}\trun\n120000 blob {blob}\tlink\n160000 commit {'12' * 20}\tmodule\n"
    tip = CommitId(git(path, "commit-tree", git(path, "mktree", "--missing", stdin=listing.encode()), "-m", "x"))
    assert {e.path: e.mode for e in store.entries(tip)} == {
        "link": FileMode.SYMLINK,
        "module": FileMode.SUBMODULE,
        "run": FileMode.EXECUTABLE,
    }
    new = commit(store, tip, {"run": b"y", "link": b"plain"})
    assert {e.path: e.mode for e in store.entries(new)} == {
        "link": FileMode.REGULAR,
        "module": FileMode.SUBMODULE,
        "run": FileMode.EXECUTABLE,
    }


def test_what_resolves(repositories: Repositories, store: GitStore) -> None:
    path = repositories.path(NAME)
    first, second = land(store, {"a": b"1"}), land(store, {"a": b"2"})
    git(path, "tag", "-a", "-m", "x", "v1", first)
    git(path, "tag", "main", first)
    git(path, "tag", "blob", f"{first}:a")
    git(path, "update-ref", "refs/heads/-dash", first)
    git(path, "update-ref", "refs/heads/한글", first)
    git(path, "update-ref", f"refs/heads/{second}", first)
    git(path, "update-ref", "refs/merge-requests/1/head", first)
    git(path, "update-ref", "refs/notes/x", first)
    assert store.resolve("main") == store.resolve("refs/heads/main") == second  # branches before tags
    for name in ("v1", "refs/tags/v1", "-dash", "한글", first, first[:9], first[:12].upper(), "refs/tags/main"):
        assert store.resolve(name) == first, name
    assert store.resolve(second) == second  # an id, whatever a branch is called
    for bad in (
        "blob",
        "HEAD",
        "main~1",
        "main^",
        "main@{0}",
        "main:a",
        "nope",
        "",
        first[:6],
        "12" * 20,
        "a\0b",
        "refs/x",
        "..",
        "-",
    ):
        assert store.resolve(bad) is None, bad
    refs = store.refs()
    assert refs[RefName("refs/tags/v1")] == first
    assert refs[RefName("refs/merge-requests/1/head")] == first
    assert "refs/tags/blob" not in refs
    tag = git(path, "rev-parse", "refs/tags/v1").strip()
    assert (store.target(RefName("refs/tags/v1")), store.target(MAIN)) == (tag, second)
    assert (store.target(RefName("refs/notes/x")), store.target(RefName("refs/heads/nope"))) == (first, None)
    assert "refs/notes/x" not in refs


def test_history(store: GitStore) -> None:
    root = land(store, {"a": b"1", "x/y": b"1"})
    side = commit(store, root, {"side": b"1"})
    second = land(store, {"a": b"2"})
    third = land(store, {"x/y": b"2"})
    assert store.first_parents(third) == [root, second, third]
    assert store.first_parents(third, root) == [second, third]
    assert store.first_parents(third, third) == []
    assert store.first_parents(third, side) is None
    assert store.first_parents(side, second) is None
    assert store.new_commits([third], [root]) == [second, third]
    assert store.new_commits([third, side], [second]) in ([side, third], [third, side])
    assert store.new_commits([third], [third, CommitId("12" * 20)]) == []
    assert store.new_commits([], [root]) == []
    assert store.is_reachable(root, [side, third])
    assert not store.is_reachable(side, [third])
    assert not store.is_reachable(CommitId("12" * 20), [third])
    assert store.is_reachable(second, [root] * 20 + [third])
    assert not store.is_reachable(side, [root] * 20 + [third])
    assert [c.id for c in store.log(third, "a", 10)] == [second, root]
    assert [c.id for c in store.log(third, "x", 10)] == [third, root]
    assert [c.id for c in store.log(third, "a", 1)] == [second]
    assert store.log(third, ":(glob)*", 10) == store.log(third, "--all", 10) == []
    for paths, last in (
        (["a"], second), (["a", "x/y"], third), (["a", "none"], second), (["side"], None), ([], None), ([":*"], None),
    ):  # fmt: skip
        found = store.last_change(third, paths)
        assert (found.id if found else None) == last, paths
    with pytest.raises(RevisionNotFound):
        store.last_change(CommitId("12" * 20), ["a"])
    with pytest.raises(RevisionNotFound):
        store.commit(CommitId("12" * 20))


def test_how_far_two_commits_are_from_each_other(store: GitStore) -> None:
    root = land(store, {"a": b"1"})
    side = commit(store, root, {"side": b"1"})
    tip = land(store, {"a": b"3"})
    tip = land(store, {"a": b"4"})
    other = commit(store, None, {"b": b"1"})
    assert store.distance(side, tip) == (1, 2)
    assert store.distance(tip, side) == (2, 1)
    assert store.distance(tip, tip) == (0, 0)
    assert store.distance(other, tip) == (1, 3)
    assert (store.parting(side, tip), store.parting(tip, tip), store.parting(root, side)) == (root, tip, root)
    assert store.parting(other, tip) is None
    with pytest.raises(RevisionNotFound):
        store.distance(CommitId("12" * 20), tip)


def test_a_commit_of_an_impossible_time_and_encoding_can_be_read(repositories: Repositories, store: GitStore) -> None:
    path = repositories.path(NAME)
    tree = git(path, "mktree")
    raw = (
        f"tree {tree}\nauthor A \udcff <a> 99999999999999 +9999\ncommitter B <b> 1 +0000\nencoding martian\n\n\udcff\n"
    )
    made = git(
        path,
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--stdin",
        "--literally",
        stdin=raw.encode("utf-8", "surrogateescape"),
    )
    read = store.commit(CommitId(made))
    assert read.author.time == datetime.fromtimestamp(0, UTC)
    assert read.message == "\ufffd\n"


def test_changes_are_by_path_and_side(store: GitStore) -> None:
    old = commit(store, None, {"keep": b"k", "gone/a": b"1", "gone/b": b"2", "kind": b"file", "edit/deep/er": b"1"})
    new = commit(
        store, old, {"gone/a": None, "gone/b": None, "kind": None, "kind/now": b"folder", "edit/deep/er": b"2"}
    )
    found = {change.path: (change.old is not None, change.new is not None) for change in store.changes(old, new)}
    assert found == {
        "edit/deep/er": (True, True),
        "gone/a": (True, False),
        "gone/b": (True, False),
        "kind": (True, False),
        "kind/now": (False, True),
    }
    assert store.changes(new, new) == []
    assert [c.path for c in store.changes(None, old)] == ["edit/deep/er", "gone/a", "gone/b", "keep", "kind"]


def test_emptied_folders_vanish_at_every_depth(store: GitStore) -> None:
    first = commit(store, None, {"a/b/c/d": b"1", "a/x": b"2"})
    second = commit(store, first, {"a/b/c/d": None})
    assert store.children(second, "a") == ["a/x"]
    third = commit(store, second, {"a/x": None, "a/never/was": None})
    assert list(store.entries(third)) == []
    assert store.changes(None, third) == []


def test_files_and_folders_in_each_others_way(store: GitStore) -> None:
    base = commit(store, None, {"f": b"1", "d/x": b"1"})
    with pytest.raises(Conflict):
        commit(store, base, {"f/below": b"2"})
    with pytest.raises(Conflict):
        commit(store, base, {"d": b"2"})
    with pytest.raises(Conflict):
        commit(store, base, {"n": b"2", "n/m": b"2"})
    assert [e.path for e in store.entries(commit(store, base, {"f": None, "f/below": b"2"}))] == ["d/x", "f/below"]
    assert [e.path for e in store.entries(commit(store, base, {"d/x": None, "d": b"2"}))] == ["d", "f"]
    for changes in ({"f": None, "f/below": None}, {"f/below": None, "f": None}):
        assert [e.path for e in store.entries(commit(store, base, changes))] == ["d/x"]
    assert [e.path for e in store.entries(commit(store, base, {"f/below": None, "d": None}))] == ["d/x", "f"]
    for bad in ("../up", "a//b", "/abs", "a/", ".git/config", "a/.GIT/x", "nul\0", "a/./b", "caf\udce9"):
        with pytest.raises((BadRequest, Unavailable)):
            commit(store, base, {bad: b"x"})


def test_moves_are_compare_and_swap(repositories: Repositories, store: GitStore) -> None:
    one, two, three = (commit(store, None, {"a": text}) for text in (b"1", b"2", b"3"))
    store.move(RefUpdate(MAIN, ZERO_COMMIT, one))
    with pytest.raises(RefMoved):
        store.move(RefUpdate(MAIN, ZERO_COMMIT, two))
    with pytest.raises(RefMoved):
        store.move(RefUpdate(MAIN, two, three))
    store.move(RefUpdate(MAIN, one, two))
    git(repositories.path(NAME), "pack-refs", "--all")
    with pytest.raises(RefMoved):
        store.move(RefUpdate(MAIN, one, three))
    store.move(RefUpdate(MAIN, two, three))
    assert store.resolve("main") == three
    topic = RefName("refs/heads/topic")
    with pytest.raises(RefMoved):
        store.move(RefUpdate(topic, one, ZERO_COMMIT))
    store.move(RefUpdate(topic, ZERO_COMMIT, one))
    with pytest.raises(RefMoved):
        store.move(RefUpdate(RefName("refs/heads/topic/below"), ZERO_COMMIT, one))
    git(repositories.path(NAME), "pack-refs", "--all")
    with pytest.raises(RefMoved):
        store.move(RefUpdate(topic, two, ZERO_COMMIT))
    store.move(RefUpdate(topic, one, ZERO_COMMIT))
    assert store.refs() == {MAIN: three}
    store.move(RefUpdate(RefName("refs/heads/topic/below"), ZERO_COMMIT, one))
    below = RefName("refs/heads/topic/below")
    store.move(RefUpdate(below, one, ZERO_COMMIT))
    store.move(RefUpdate(topic, ZERO_COMMIT, one))
    store.move(RefUpdate(topic, one, ZERO_COMMIT))
    store.move(RefUpdate(below, ZERO_COMMIT, one))
    with pytest.raises(RevisionNotFound):
        store.move(RefUpdate(MAIN, three, CommitId("12" * 20)))
    assert git(repositories.path(NAME), "for-each-ref", "--format=%(refname)").split() == [
        MAIN,
        "refs/heads/topic/below",
    ]
    assert "promptuary" in git(repositories.path(NAME), "reflog", "main")


@pytest.mark.parametrize("packed", [False, True])
def test_a_ref_is_not_made_in_the_folder_of_another(repositories: Repositories, store: GitStore, packed: bool) -> None:
    """libgit2 alone makes both where the one that is there is packed."""
    tip = commit(store, None, {"a": b"1"})
    for name in ("wip", "team/a/b"):
        store.move(RefUpdate(RefName(f"refs/heads/{name}"), ZERO_COMMIT, tip))
    if packed:
        git(repositories.path(NAME), "pack-refs", "--all")
    there = store.refs()
    for name in ("wip/more", "wip/more/yet", "team", "team/a"):
        with pytest.raises(RefMoved, match=r"beside refs/heads/(wip|team/a/b)"):
            store.move(RefUpdate(RefName(f"refs/heads/{name}"), ZERO_COMMIT, tip))
    for name in ("wi", "wip2", "team2", "team/b"):
        store.move(RefUpdate(RefName(f"refs/heads/{name}"), ZERO_COMMIT, tip))
    assert set(store.refs()) == {*there, *(f"refs/heads/{name}" for name in ("wi", "wip2", "team2", "team/b"))}


def test_writers_at_once_lose_no_commit(repositories: Repositories) -> None:
    with repositories.open(NAME) as store:
        land(store, {"start": b""})
    retries = []

    def write(who: int) -> None:
        with repositories.open(NAME) as store:
            for number in range(6):
                while True:
                    try:
                        land(store, {f"{who}/{number}": b"x"})
                        break
                    except RefMoved:
                        retries.append(who)

    threads = [threading.Thread(target=write, args=[who]) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with repositories.open(NAME) as store:
        tip = store.resolve("main")
        assert tip is not None
        assert len(list(store.entries(tip))) == 25
        assert len(store.first_parents(tip) or []) == 25
    assert git(repositories.path(NAME), "fsck", "--strict", "--no-dangling") == ""


def test_a_crash_before_the_move_leaves_a_clean_repository(repositories: BornRepositories) -> None:
    assert not repositories.has_commits(NAME)
    with repositories.open(NAME) as store:
        tip = land(store, {"a": b"1"})
    assert repositories.has_commits(NAME)
    child = os.fork()
    if child == 0:
        with repositories.open(NAME) as store:
            commit(store, tip, {"b/c": b"2"})
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    path = repositories.path(NAME)
    assert git(path, "rev-parse", "main") == tip
    assert git(path, "fsck", "--strict", "--no-dangling") == ""


def test_flushing_file_by_file_where_there_is_no_syncfs(
    repositories: Repositories, store: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = land(store, {"a": b"1"})
    objects = repositories.path(NAME) / "objects"
    synced: set[int] = set()
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", recorded)
    flush_objects(repositories.path(NAME), [tip, "12" * 20], None)
    file = objects / tip[:2] / tip[2:]
    assert synced == {path.stat().st_ino for path in (objects, file.parent, file)}, (
        "an object that is not there is none"
    )


def test_a_quarantine_is_seen_and_cannot_be_written_through(repositories: Repositories, tmp_path: Path) -> None:
    with repositories.open(NAME) as store:
        tip = land(store, {"a": b"1"})
    path = repositories.path(NAME)
    copy = tmp_path / "copy.git"
    shutil.copytree(path, copy)
    blobs = {f"b{n}": f"{n}".encode() for n in range(300)}
    other = LocalRepositories(tmp_path, hook_command="x")
    with other.open(RepositoryName("copy")) as store:
        new = commit(store, tip, blobs)
    quarantine = path / "objects" / "tmp_objdir-incoming-abc"
    shutil.copytree(copy / "objects", quarantine)
    with repositories.open(NAME) as plain:
        assert plain.resolve(new) is None
    with repositories.open(NAME, quarantine=quarantine) as judged:
        assert judged.resolve(new) == new
        assert judged.new_commits([new], [tip]) == [new]
        assert len(list(judged.read([e.id for e in judged.entries(new)]))) == 301
        assert [c.id for c in judged.log(new, "b1", 3)] == [new]
        assert judged.is_reachable(tip, [tip] * 10 + [new])
        for write in (
            lambda: commit(judged, tip, {"x": b""}),
            judged.flush,
            lambda: judged.move(RefUpdate(MAIN, tip, new)),
        ):
            with pytest.raises(Denied):
                write()
    with pytest.raises(BadRequest):
        repositories.open(NAME, quarantine=tmp_path)


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k,mode=0755", "tmpfs", str(mount)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small tmpfs needs root")
    try:
        repositories = LocalRepositories(mount, hook_command="x")
        repositories.create(NAME)
        with repositories.open(NAME) as store:
            tip = land(store, {"a": b"1"})

            def fill() -> None:
                for _ in range(20):
                    land(store, {"big": os.urandom(60_000)})

            with pytest.raises(Unavailable, match="disk is full"):
                fill()
            assert store.resolve("main") is not None
        with pytest.raises(Unavailable, match="disk is full"):
            repositories.create(RepositoryName("second"))
        assert repositories.names() == [NAME]
        assert git(repositories.path(NAME), "merge-base", "--is-ancestor", tip, "main") == ""
        assert "missing" not in git(repositories.path(NAME), "fsck", "--no-dangling")
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def test_another_users_repository_is_refused_with_the_way_out(repositories: Repositories) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(repositories.path(NAME), 12345, 12345)
    with pytest.raises(Unavailable, match=r"belongs to another user .*chown"):
        repositories.open(NAME)


def test_a_reftable_repository_is_refused_with_the_way_out(repositories: Repositories) -> None:
    path = repositories.path(NAME)
    git(path, "config", "core.repositoryFormatVersion", "1")
    git(path, "config", "extensions.refStorage", "reftable")
    with pytest.raises(Unavailable, match=r"reftable.*git refs migrate"):
        repositories.open(NAME)


def test_maintenance_keeps_everything_readable(repositories: LocalRepositories, store: GitStore) -> None:
    tips = [land(store, {"a": f"{n}".encode()}) for n in range(5)]
    repositories.extend_commit_graph(NAME)
    repositories.maintain(NAME)
    assert [c.id for c in store.log(tips[-1], "a", 9)] == tips[::-1]
    assert store.resolve("main") == tips[-1]
    assert git(repositories.path(NAME), "fsck", "--strict", "--no-dangling") == ""


segments = st.sampled_from(["a", "b", "a.b", "a-", "가", "z z"])
paths = st.lists(segments, min_size=1, max_size=4).map("/".join)
edits = st.dictionaries(paths, st.none() | st.binary(max_size=3), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(edits, min_size=1, max_size=3))
def test_random_edits_give_the_tree_that_git_makes(
    repositories: Repositories, rounds: list[dict[str, bytes | None]]
) -> None:
    """A model of paths says what must be there; git's own plumbing says which tree that is."""
    path = repositories.path(NAME)
    other = LocalRepositories(path.parent, hook_command="/nowhere/promptuary")  # has not seen what was written
    with repositories.open(NAME) as store, other.open(NAME) as reader:
        tip: CommitId | None = None
        model: dict[str, bytes] = {}
        for changes in rounds:
            wanted = {p: data for p, data in model.items() if p not in changes or changes[p] is not None}
            wanted |= {p: data for p, data in changes.items() if data is not None}
            clash = any(long.startswith(f"{short}/") for short in wanted for long in wanted)
            if clash:
                with pytest.raises(Conflict):
                    commit(store, tip, changes)
                continue
            before, tip, model = tip, commit(store, tip, changes), wanted
            assert store.changes(before, tip) == reader.changes(before, tip)
            index = {"GIT_INDEX_FILE": str(path / "test-index")}
            (path / "test-index").unlink(missing_ok=True)
            stdin = b"".join(
                f"100644 {blob.id}\t{blob.path}\0".encode()
                for blob in store.entries(tip)
                if model.get(blob.path) is not None
            )
            env = {"PATH": os.pathsep.join(os.get_exec_path()), "HOME": str(path), **index}
            subprocess.run(["git", "update-index", "-z", "--index-info"], cwd=path, input=stdin, env=env, check=True)
            tree = (
                subprocess.run(["git", "write-tree"], cwd=path, env=env, check=True, capture_output=True)
                .stdout.decode()
                .strip()
            )
            assert git(path, "rev-parse", f"{tip}^{{tree}}") == tree
            assert {e.path: next(iter(store.read([e.id])))[1] for e in store.entries(tip)} == model


def test_what_was_written_in_the_place_of_other_things_is_a_change(repositories: LocalRepositories) -> None:
    path = repositories.path(NAME)
    other = LocalRepositories(path.parent, hook_command="/nowhere/promptuary")
    listed = (("100755", b"run", "tool"), ("120000", b"tool", "link"), ("100644", b"same", "same"))
    tree = "".join(
        f"{mode} blob {git(path, 'hash-object', '-w', '--stdin', stdin=data)}\t{name}\n" for mode, data, name in listed
    )
    made = git(path, "mktree", stdin=tree.encode())
    tip = CommitId(git(path, "commit-tree", made, "-m", "odd"))
    with repositories.open(NAME) as store, other.open(NAME) as reader:
        for changes in (
            {"tool": b"run more", "link": b"a file", "same": b"same"},
            {"link": None, "same": None, "same/below": b"x", "nothing/there": None},
            {"same/below": None, "tool": None, "tool/below": None},
            {"tool": b"run more"},
            {"tool": b"run more"},
        ):
            before, tip = tip, commit(store, tip, changes)
            assert store.changes(before, tip) == reader.changes(before, tip)


def test_lines_come_from_the_commit_that_brought_them(store: GitStore) -> None:
    path, moved = "prompts/고객 %22지원%22.prompt.yaml", 'docs/a "quoted" name'
    first = store.write_commit(None, {path: b"one\ntwo\nthree"}, HANNAH, HANNAH, "first")
    second = store.write_commit(first, {path: b"one\nzwei\nthree"}, HANNAH, HANNAH, "second")
    third = store.write_commit(second, {path: None, moved: b"one\nzwei\nthree"}, HANNAH, HANNAH, "third")
    expected = [LineRun(1, 1, first, path), LineRun(2, 1, second, path), LineRun(3, 1, first, path)]
    assert store.blame(second, path) == expected
    assert store.blame(third, moved) == expected
    assert store.blame(third, path) == []
    empty = store.write_commit(third, {"empty": b"", "-n": b"x\n"}, HANNAH, HANNAH, "fourth")
    assert store.blame(empty, "empty") == []
    assert store.blame(empty, "-n") == [LineRun(1, 1, empty, "-n")]
    with pytest.raises(RevisionNotFound):
        store.blame(CommitId("1" * 40), path)
