"""A full disk and a folder that cannot be written: a clear message, nothing lost, and on it goes when there is space."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import PROGRAM, Running, clean_environment, commit, git, run_git, text_template

DISK_MIB = 48


@dataclass
class Disk:
    """A place for a data folder that can be filled up."""

    folder: Path
    mounted: bool

    def fill(self, server: Running) -> None:
        if not self.mounted:
            # Without root: no file of the server or its children may grow beyond what it has. Git packs objects of
            # new names, so even an empty limit would do; SQLite's log is longer than this already.
            assert server.process is not None
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            return
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                for size in (1 << 20, 1 << 12, 1):
                    while True:
                        try:
                            filler.write(b"x" * size)
                        except OSError:
                            break
            finally:
                assert shutil.disk_usage(self.folder).free < 4096

    def empty(self, server: Running) -> None:
        if not self.mounted:
            assert server.process is not None
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
            return
        (self.folder / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small tmpfs where one may be mounted, else a folder and a limit on file sizes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "promptuary-test", str(folder)]
    mounted = (
        shutil.which("mount") is not None and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    )
    try:
        yield Disk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def server(disk: Disk, tmp_path: Path) -> Iterator[Running]:
    running = Running(disk.folder / "data", tmp_path / "server.log")
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.crash
def test_a_full_disk_refuses_clearly_loses_nothing_and_goes_on(disk: Disk, server: Running, tmp_path: Path) -> None:
    assert server.put("shop/refund", text_template("Money back, first form."), If_None_Match="*")[0] == 201
    clone = tmp_path / "clone.git"
    git(tmp_path, "clone", "-q", "--bare", server.git_url, str(clone))
    tip = server.main()
    big = {f"prompts/many/p{n}.prompt.yaml": text_template(f"Number {n}. " + "word " * 2_000) for n in range(40)}
    made = commit(clone, tip, big)

    disk.fill(server)
    for n in range(3):
        status, headers, problem = server.put("shop/refund", text_template(f"Second form {n}."), If_Match="*")
        assert status == 503, (status, problem)
        assert headers["content-type"] == "application/problem+json"
        # A limit on file sizes is another reason than a full disk; only the latter has words of its own.
        assert "disk" in problem["detail"] or not disk.mounted, problem
        assert "Traceback" not in str(problem)
    pushed = run_git(clone, "push", server.git_url, f"{made}:refs/heads/main")
    assert pushed.returncode != 0
    told = pushed.stderr.decode()
    assert "No space left" in told or "disk" in told or not disk.mounted, told
    assert server.main() == tip
    assert "Money back, first form." in server.read("shop/refund")["source"]
    assert server.call("GET", "/livez")[0] == 200

    disk.empty(server)
    status, _, answer = server.put("shop/refund", text_template("Second form."), If_Match="*")
    assert status == 200, answer
    made = commit(clone, _fetched(clone, server), big)
    pushed = run_git(clone, "push", server.git_url, f"{made}:refs/heads/main")
    assert pushed.returncode == 0, pushed.stderr.decode()
    server.wait_until_projected()
    assert server.read("many/p7")["version"] == 1
    assert server.read("shop/refund")["version"] == 2
    server.assert_sound()
    server.kill()
    server.start()
    assert server.read("shop/refund")["version"] == 2
    assert "Traceback" not in server.log.read_text() or not disk.mounted, server.tail()


@pytest.mark.crash
def test_a_start_on_a_full_disk_says_so_and_works_when_there_is_space(disk: Disk, server: Running) -> None:
    if not disk.mounted:
        pytest.skip("a start under a file size limit is no start on a full disk")
    assert server.put("shop/refund", text_template("Money back."), If_None_Match="*")[0] == 201
    server.kill()
    disk.fill(server)
    try:
        # It may serve what it has or refuse to start; either way it says what is wrong.
        environment = server.environment()
        done = subprocess.run(
            [*PROGRAM, "index", "status"], env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
    finally:
        disk.empty(server)
    server.start()
    assert "Money back." in server.read("shop/refund")["source"]
    server.assert_sound()


def _serve(data: Path) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(PROMPTUARY_DATA=str(data), PROMPTUARY_PORT="0", PROMPTUARY_SAMPLE="false")
    return subprocess.run([*PROGRAM, "serve"], env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.crash
def test_a_data_folder_that_is_a_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    done = _serve(tmp_path / "data")
    assert done.returncode == 2
    assert str(tmp_path / "data") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.crash
def test_a_folder_that_cannot_be_written_is_told_and_left_as_it_is(disk: Disk, server: Running) -> None:
    """Root writes everywhere but on a read-only file system; others need only the rights to be gone."""
    assert server.put("shop/refund", text_template("Money back."), If_None_Match="*")[0] == 201
    tip = server.main()
    server.stop()
    if disk.mounted:
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
    elif os.geteuid() == 0:
        pytest.skip("root may write everywhere and may not mount here")
    else:
        server.data.chmod(0o500)
    try:
        done = _serve(server.data)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert str(server.data.name) in done.stderr or "catalogue" in done.stderr, done.stderr
    finally:
        if disk.mounted:
            subprocess.run(["mount", "-o", "remount,rw", str(disk.folder)], check=True)
        else:
            server.data.chmod(0o700)
    assert server.main() == tip
    server.start()
    assert server.read("shop/refund")["version"] == 1


def _fetched(clone: Path, server: Running) -> str:
    git(clone, "fetch", "-q", server.git_url, "+refs/heads/main:refs/heads/main")
    return server.main()
