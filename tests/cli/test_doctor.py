"""``doctor`` on set-ups that are broken in one thing each: it names that thing, and its way out works."""

import os
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.data_folder import held
from tests.cli.conftest import AsNobody, Done, Run, environment
from tests.ports import free_port
from tests.running import Running, commit, git, text_template

pytestmark = pytest.mark.e2e

OF_THE_MACHINE = {"space", "file-system"}
"""What is well or not depends on where the tests run."""
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root gives files away and mounts")


@pytest.fixture(scope="module")
def served_once(stocked_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as a server leaves it."""
    folder = tmp_path_factory.mktemp("served") / "data"
    shutil.copytree(stocked_folder, folder)
    running = Running(folder, folder.parent / "log")
    running.start()
    running.stop()
    return folder


@pytest.fixture
def data(served_once: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(served_once, folder)
    return folder


@pytest.fixture
def doctor(run: Run) -> Run:
    """Looks at the data folder of the test; nothing listens at the port."""
    port = str(free_port())
    return lambda *arguments, **more: run("doctor", "--json", *arguments, **{"PROMPTUARY_PORT": port, **more})


def ill(done: Done) -> dict[str, dict[str, Any]]:
    """The findings that are not well, by check."""
    found = [f for f in done.json["findings"] if f["grade"] != "ok" and f["check"] not in OF_THE_MACHINE]
    assert [f["check"] for f in found if not (f["found"] and f["why"] and f["remedy"])] == []
    assert done.code == (1 if any(f["grade"] == "problem" for f in done.json["findings"]) else 0), done.out
    return {f["check"]: f for f in found}


def bare(data: Path) -> Path:
    return data / "repositories" / "default.git"


def sql(data: Path, *statements: str) -> None:
    connection = sqlite3.connect(data / "catalogue.sqlite")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def land(data: Path, *, orphan: bool = False, date: str | None = None) -> None:
    """Moves main by git's plumbing, behind the back of gate and projection."""
    folder = bare(data)
    parent = None if orphan else git(folder, "rev-parse", "main").strip()
    made = commit(folder, parent, {"prompts/new.prompt.yaml": text_template("New.")})
    if date is not None:
        tree = git(folder, "rev-parse", f"{made}^{{tree}}").strip()
        made = git(folder, "-c", "user.name=a", "commit-tree", tree, "-p", str(parent), "-m", "x").strip()
        text = git(folder, "cat-file", "commit", made)
        stamp = text.split("committer ")[1].split("\n")[0].split(" ")[-2]
        dated = text.replace(f"{stamp} +0000", f"{date} +0000").encode()
        made = git(folder, "hash-object", "-t", "commit", "-w", "--stdin", data=dated).strip()
    git(folder, "update-ref", "refs/heads/main", made)


def old_lock(data: Path) -> None:
    lock = bare(data) / "refs/heads/main.lock"
    lock.touch()
    os.utime(lock, (time.time() - 60, time.time() - 60))


def alternate(data: Path, *, there: bool) -> None:
    other = data.parent / "other.git"
    if there:
        subprocess.run(["git", "clone", "-q", "--bare", bare(data), other], check=True)
    (bare(data) / "objects/info").mkdir(exist_ok=True)
    (bare(data) / "objects/info/alternates").write_text(f"{other}/objects\n")


def lose_an_object(data: Path) -> None:
    blob = git(bare(data), "rev-parse", "main:README.md").strip()
    (bare(data) / "objects" / blob[:2] / blob[2:]).unlink()


def spoil_pages(data: Path) -> None:
    """Of an index that a look at everything alone comes to; the middle of the file may be what every command reads."""
    with closing(sqlite3.connect(data / "catalogue.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        named = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_audit_entries_ref_number'"
        ((root,),) = connection.execute(named)
        ((size,),) = connection.execute("PRAGMA page_size")
    with (data / "catalogue.sqlite").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)


def config(key: str, *value: str) -> Callable[[Path], object]:
    return lambda data: git(bare(data), "config", *([key, *value] if value else ["--unset-all", key]))


class Case(NamedTuple):
    """One thing that is broken. ``also`` are other checks that see it too."""

    breaks: Callable[[Path], object]
    check: str
    grade: str
    words: str
    also: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def scatter(data: Path) -> None:
    """Sixty packs of one blob each."""
    for number in range(60):
        blob = git(bare(data), "hash-object", "-w", "--stdin", data=f"{number}".encode()).strip()
        git(bare(data), "pack-objects", "-q", "objects/pack/pack", data=f"{blob}\n".encode())


OTHER_ID = "0123456789abcdef"


CASES = {
    "id of another folder": Case(
        lambda d: (d / "registry-id").write_text(OTHER_ID), "registry-id", "problem", OTHER_ID
    ),
    "id gone": Case(lambda d: (d / "registry-id").unlink(), "registry-id", "problem", "has no registry id"),
    "id is none": Case(
        lambda d: [(d / "registry-id").write_text("?"), sql(d, "DELETE FROM registry")],
        "registry-id",
        "problem",
        "holds no registry id",
    ),
    "waiting to be packed": Case(scatter, "upkeep", "warning", "6"),
    "folder open to others": Case(lambda d: d.chmod(0o755), "data-mode", "warning", "0755"),
    "folder writable by others": Case(lambda d: d.chmod(0o777), "data-mode", "problem", "0777"),
    "gates open": Case(lambda d: (d / "gates").chmod(0o755), "gates", "problem", "0755"),
    "key readable": Case(lambda d: (d / "admin-key").chmod(0o644), "admin-key", "problem", "0644"),
    "key gone": Case(lambda d: (d / "admin-key").unlink(), "admin-key", "warning", "there is no admin-key"),
    "key unknown": Case(lambda d: (d / "admin-key").write_text("pmt_x\n"), "admin-key", "warning", "no key of"),
    "key revoked": Case(lambda d: sql(d, "UPDATE keys SET revoked_at = 1"), "admin-key", "warning", "no key of"),
    "catalogue gone": Case(
        lambda d: (d / "catalogue.sqlite").unlink(), "catalogue", "problem", "no catalogue.sqlite", ("admin-key",)
    ),
    "catalogue is none": Case(
        lambda d: (d / "catalogue.sqlite").write_text("hello " * 999),
        "catalogue",
        "problem",
        "not a database",
        ("admin-key",),
    ),
    "catalogue of a stranger": Case(
        lambda d: sql(d, "DROP TABLE alembic_version"), "catalogue", "problem", "alembic_version"
    ),
    "newer schema": Case(
        lambda d: sql(d, "UPDATE alembic_version SET version_num = '9999'"), "catalogue", "problem", "9999"
    ),
    "older schema": Case(
        lambda d: sql(d, "UPDATE alembic_version SET version_num = '0001'"), "catalogue", "warning", "0001"
    ),
    "catalogue damaged": Case(spoil_pages, "catalogue-pages", "problem", "", (), ("--deep",)),
    "outbox": Case(
        lambda d: sql(
            d, "INSERT INTO outbox (repository_id, name, ordinal, kind) SELECT id, 'a', 1, 'document' FROM repositories"
        ),
        "search",
        "warning",
        "waiting for the search index: 1 template",
    ),
    "rebuild": Case(
        lambda d: sql(d, "UPDATE repositories SET staged_build = 99"), "rebuild", "warning", "begun and not ended"
    ),
    "behind": Case(land, "index", "warning", "1 commit behind"),
    "rewritten": Case(lambda d: land(d, orphan=True), "index", "warning", "not in the branch's history"),
    "never projected": Case(
        lambda d: sql(d, "UPDATE repositories SET live_build = NULL"), "index", "warning", "never projected"
    ),
    "projected otherwise": Case(lambda d: sql(d, "UPDATE builds SET schema = 0"), "index", "warning", "schema 0"),
    "stray": Case(lambda d: (d / "repositories/Other").mkdir(), "repositories", "warning", "Other"),
    "repository without HEAD": Case(lambda d: (bare(d) / "HEAD").unlink(), "repositories", "warning", "default.git"),
    "reftable": Case(
        lambda d: [config("core.repositoryformatversion", "1")(d), config("extensions.refstorage", "reftable")(d)],
        "repository",
        "problem",
        "git refs migrate",
    ),
    "not bare": Case(config("core.bare", "false"), "repository", "problem", "not bare"),
    "HEAD nowhere": Case(
        lambda d: (bare(d) / "HEAD").write_text("ref: refs/heads/nosuch\n"), "branch", "problem", "nosuch", ("index",)
    ),
    "HEAD elsewhere": Case(
        lambda d: [git(bare(d), "branch", "other", "main~1"), (bare(d) / "HEAD").write_text("ref: refs/heads/other\n")],
        "branch",
        "problem",
        "refs/heads/other",
        ("index",),
    ),
    "HEAD detached": Case(
        lambda d: git(bare(d), "update-ref", "--no-deref", "HEAD", git(bare(d), "rev-parse", "main").strip()),
        "branch",
        "problem",
        "no branch",
        ("index",),
    ),
    "hook gone": Case(lambda d: (bare(d) / "hooks/pre-receive").unlink(), "hooks", "problem", "pre-receive is missing"),
    "hook changed": Case(
        lambda d: (bare(d) / "hooks/pre-receive").write_text("#!/bin/sh\nexit 0\n"), "hooks", "problem", "is different"
    ),
    "hook not executable": Case(
        lambda d: (bare(d) / "hooks/post-receive").chmod(0o644), "hooks", "problem", "post-receive is not executable"
    ),
    "hooks path": Case(config("core.hooksPath", "/nowhere"), "hooks-path", "problem", "/nowhere"),
    "hook command": Case(config("promptuary.command", "/nowhere/promptuary"), "hook-command", "problem", "/nowhere/"),
    "hook command unset": Case(config("promptuary.command"), "hook-command", "problem", "none is set"),
    "fsck off": Case(config("transfer.fsckObjects", "false"), "settings", "problem", "transfer.fsckObjects is false"),
    "fsync off": Case(config("core.fsync"), "settings", "problem", "core.fsync is not set"),
    "refs shown": Case(config("receive.hideRefs"), "settings", "problem", "receive.hideRefs is not set"),
    "shared": Case(config("core.sharedRepository", "group"), "settings", "problem", "sharedRepository is group"),
    "lock": Case(old_lock, "locks", "warning", "refs/heads/main.lock"),
    "alternate": Case(lambda d: alternate(d, there=True), "alternates", "warning", "other.git"),
    "purge": Case(
        lambda d: (bare(d) / "promptuary-purge").write_text('{"said": {}}'), "purge", "warning", "was cut off"
    ),
    "alternate gone": Case(lambda d: alternate(d, there=False), "alternates", "problem", "not there"),
    "commit of tomorrow": Case(
        lambda d: land(d, date="4102444800"), "commit-clock", "warning", "2100-01-01", ("index",)
    ),
    "object gone": Case(lose_an_object, "objects", "problem", "missing blob", (), ("--deep",)),
    "large log": Case(
        lambda d: [(d / "catalogue.sqlite-wal").touch(), os.truncate(d / "catalogue.sqlite-wal", 300 << 20)],
        "catalogue-log",
        "warning",
        "300 MiB",
    ),
}


def test_all_is_well_after_a_server_has_run(doctor: Run, data: Path) -> None:
    before = sorted((path, path.lstat().st_mtime_ns) for path in data.rglob("*") if "sqlite" not in path.name)
    done = doctor("--deep")
    assert ill(done) == {}
    assert {f["check"] for f in done.json["findings"]} >= {case.check for case in CASES.values()}
    after = sorted((path, path.lstat().st_mtime_ns) for path in data.rglob("*") if "sqlite" not in path.name)
    assert after == before, "looking changes nothing"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_thing_that_is_broken_is_named_and_can_be_mended(run: Run, doctor: Run, data: Path, case: Case) -> None:
    case.breaks(data)
    found = ill(doctor(*case.options))
    assert set(found) == {case.check, *case.also}, found
    assert (found[case.check]["grade"], case.words in found[case.check]["found"]) == (case.grade, True), found
    if command := found[case.check]["command"]:
        follow(command, run)
        assert case.check not in ill(doctor(*case.options)), command


def follow(command: str, run: Run | None = None) -> None:
    """Does what a finding says: by the shell, or where it is one of ours and ``run`` is given, in this process."""
    if run is not None and command.startswith("promptuary "):
        assert run(*shlex.split(command)[1:], PROMPTUARY_DATA="/nowhere").code in {0, 1}
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # noqa: TID251
    done = subprocess.run(["sh", "-c", command], capture_output=True, env={"PATH": path}, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: None, "there is no folder"),
        (lambda place: place.mkdir(), "holds no registry"),
        (lambda place: place.write_text("x"), "is a file"),
    ],
)
def test_no_data_folder(run: Run, tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "data")
    done = run("doctor", "--json")
    assert (done.code, words in ill(done)["data"]["found"]) == (1, True)


@needs_root
def test_files_of_somebody_else(doctor: Run, data: Path) -> None:
    os.chown(bare(data) / "refs/heads", 12345, -1)
    found = ill(doctor())
    assert (list(found), "refs/heads" in found["owner"]["found"]) == (["owner"], True)
    follow(found["owner"]["command"])
    assert ill(doctor()) == {}


@needs_root
def test_a_folder_of_somebody_else(doctor: Run, data: Path) -> None:
    for path in [data, *data.rglob("*")]:
        os.chown(path, 12345, -1)
    found = ill(doctor())
    assert (found["owner"]["grade"], "12345" in found["owner"]["found"]) == ("warning", True)
    assert "sudo -u 12345 promptuary doctor" in found["owner"]["command"]
    assert "belongs to another user" in found["repository"]["found"]


@pytest.fixture
def mounted(data: Path) -> Iterator[Callable[[str], None]]:
    """Mounts a tmpfs with the given options where the data folder is, with its content."""
    kept = data.with_name("kept")
    data.rename(kept)
    data.mkdir()

    def mount(options: str) -> None:
        tmpfs = ["mount", "-t", "tmpfs", "-o", "mode=0700", "doctor-test", str(data)]
        if not IS_ROOT or subprocess.run(tmpfs, capture_output=True, check=False).returncode:
            pytest.skip("nothing can be mounted here")
        shutil.copytree(kept, data, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", f"remount,{options}", str(data)], check=True)

    yield mount
    subprocess.run(["umount", "-l", str(data)], capture_output=True, check=False)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("size=48m", {"space": "MiB of 48 free", "file-system": "in memory"}),
        ("size=2g,nr_inodes=900", {"space": "room for"}),
        ("ro", {"writing": "Read-only file system", "file-system": "mounted read-only"}),
        ("noexec", {"writing": "scripts (Permission denied)", "file-system": "noexec", "hooks": "is not executable"}),
    ],
)
def test_disks(doctor: Run, mounted: Callable[[str], None], options: str, expected: dict[str, str]) -> None:
    mounted(options)
    done = doctor()
    found = {f["check"]: f for f in done.json["findings"] if f["grade"] != "ok"}
    assert {check: words for check, words in expected.items() if words not in found[check]["found"]} == {}
    assert done.code == 1


def test_somebody_who_may_not_look_into_the_folder(data: Path, as_nobody: AsNobody) -> None:
    folder = as_nobody.folder / "data"
    shutil.copytree(data, folder)
    done = as_nobody("doctor", "--data", str(folder))
    assert (done.code, f"may not look into {folder}" in done.out) == (1, True), done.out
    folder.chmod(0o755)
    (folder / "repositories").chmod(0o755)
    done = as_nobody("doctor", "--data", str(folder), "--json")
    found = ill(done)
    assert (done.code, "this is run by nobody" in found["owner"]["found"]) == (1, True)
    assert "Permission denied" in found["writing"]["found"]
    assert found["owner"]["command"] == f"sudo -u root promptuary doctor --data {folder}"


def test_git_that_is_old_or_not_there(doctor: Run, data: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    missing = ill(doctor(PATH=str(programs)))
    assert (missing["git"]["grade"], "no git program" in missing["git"]["found"]) == ("problem", True)
    (programs / "git").write_text("#!/bin/sh\necho git version 2.20.1\n")
    (programs / "git").chmod(0o755)
    assert "2.20.1 is older than 2.36" in ill(doctor(PATH=str(programs)))["git"]["found"]


def test_hooks_that_a_user_has_everywhere(doctor: Run, data: Path, tmp_path: Path) -> None:
    mine = tmp_path / "gitconfig"
    mine.write_text("[core]\n\thooksPath = /my/hooks\n")
    found = ill(doctor(GIT_CONFIG_GLOBAL=str(mine)))
    assert "/my/hooks in " in found["hooks-path"]["found"]
    follow(found["hooks-path"]["command"])
    assert ill(doctor(GIT_CONFIG_GLOBAL=str(mine))) == {}


def test_a_temporary_folder_that_is_not_there(
    doctor: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert "No such file" in ill(doctor())["temporary"]["found"]


def test_who_serves_the_folder(doctor: Run, data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = ill(doctor(PROMPTUARY_PORT=str(other.getsockname()[1])))
    assert (list(found), "something else listens" in found["served"]["found"]) == (["served"], True)
    holding = f"import time; from pathlib import Path; from api.data_folder import held\nwith held(Path({str(data)!r})):\n print(1, flush=True)\n time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE, env=environment()) as server:
        assert server.stdout is not None
        server.stdout.readline()
        found = ill(doctor())
        server.kill()
    assert f"process {server.pid} serves the data folder, but nothing listens" in found["served"]["found"]
    assert ill(doctor()) == {}
    with held(data):
        pass  # looking has not kept the lock


def test_a_fix_mends_everything_that_it_may(run: Run, doctor: Run, data: Path) -> None:
    (bare(data) / "hooks/pre-receive").unlink()
    config("core.hooksPath", "/nowhere")(data)
    config("gc.auto", "1")(data)
    old_lock(data)
    assert set(ill(doctor())) == {"hooks", "hooks-path", "settings", "locks"}
    assert ill(doctor("--fix")) == {}


def test_settings_that_cannot_be_used(run: Run) -> None:
    done = run("doctor", PROMPTUARY_PORT="many")
    assert (done.code, "PROMPTUARY_PORT" in done.err) == (2, True)
