"""``promptuary backup`` and ``restore``: whole while writes go on, or not at all; what is broken changes nothing."""

import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from api.data_folder import restoring_folder
from registry.domain.backups import MANIFEST, RECORDS
from tests.buckets import s3_server
from tests.cli.conftest import Run
from tests.running import PROGRAM, Running, git, text_template

pytestmark = pytest.mark.e2e


@pytest.fixture
def data(tmp_path: Path, stocked_folder: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(stocked_folder, folder)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def state_of(data: Path, run: Run) -> dict[str, Any]:
    """Everything that has to come back: refs and objects, users, keys, and what is projected."""
    refs = {
        bare.name: git(bare, "for-each-ref", "--format=%(objectname) %(refname)")
        for bare in sorted((data / "repositories").iterdir())
    }
    heads = {bare.name: (bare / "HEAD").read_text() for bare in sorted((data / "repositories").iterdir())}
    keys = run("key", "list", "--data", str(data), "--json").json["keys"]
    return {"refs": refs, "heads": heads, "keys": keys}


def test_there_and_back_again(data: Path, store: Path, tmp_path: Path, run: Run) -> None:
    key = run("key", "create", "--user", "bo", "--scope", "write", "--data", str(data), "--json").json
    revoked = run("key", "create", "--user", "bo", "--data", str(data), "--json").json
    run("key", "revoke", revoked["id"], "--data", str(data))
    made = run("backup", str(store), "--data", str(data), "--json")
    assert made.code == 0, made.err
    assert [each["name"] for each in made.json["repositories"]] == ["default"]
    assert made.json["records"]["key"] == len(run("key", "list", "--data", str(data), "--json").json["keys"])
    modes = {path.stat().st_mode & 0o077 for path in store.rglob("*")}
    assert modes == {0}, "for nobody else"
    assert key["key"] not in "".join(p.read_text("latin-1") for p in store.rglob("*") if p.is_file())

    back = tmp_path / "back"
    restored = run("restore", str(store), "--data", str(back), "--json")
    assert restored.code == 0, restored.err
    assert restored.json["archive"] == made.json["archive"]
    assert state_of(back, run) == state_of(data, run)
    assert run("index", "verify", "--data", str(back), "--json").json["equal"] is True
    assert not restoring_folder(back).exists()
    entries = [run("audit", "list", "--data", str(each), "--json").json["entries"] for each in (data, back)]
    assert entries[1][1:] == entries[0]
    assert (entries[1][0]["action"], entries[1][0]["new"]["archive"]) == ("audit.restored", made.json["archive"])
    assert run("audit", "verify", "--data", str(back)).code == 0

    again = Running(back, tmp_path / "log")
    again.start()
    try:
        assert again.read("support/triage")["version"] >= 1
        for secret, status in ((key["key"], 200), (revoked["key"], 401), (again.key, 200)):
            headers = {"Authorization": f"Bearer {secret}"}
            assert again.call("GET", "/api/v1/repositories", headers=headers)[0] == status
        git(tmp_path, "clone", "-q", again.git_url, "clone")
    finally:
        again.stop()


def test_a_backup_under_writes_is_of_one_moment(tmp_path: Path, store: Path, run: Run) -> None:
    running = Running(tmp_path / "data", tmp_path / "log")
    running.start()
    stop = threading.Event()
    failed: list[object] = []

    def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            status, _, answer = running.put(f"w{writer}/t{number}", text_template(f"{number}"), If_None_Match="*")
            if status != 201:
                failed.append(answer)

    try:
        writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for each in writers:
            each.start()
        made = []
        for _ in range(3):
            time.sleep(0.3)
            done = run("backup", str(store), "--data", str(running.data), "--json")
            assert done.code == 0, done.err
            made.append(done.json)
        stop.set()
        for each in writers:
            each.join()
    finally:
        stop.set()
        running.stop()
    assert not failed
    commits = [each["repositories"][0]["commit"] for each in made]
    assert len(set(commits)) == 3, "written meanwhile"
    for number, each in enumerate(made):
        back = tmp_path / f"back{number}"
        assert run("restore", str(store), "--archive", each["archive"], "--data", str(back)).code == 0
        assert git(back / "repositories/default.git", "rev-parse", "main").strip() == commits[number]
        assert git(back / "repositories/default.git", "fsck", "--full", "--strict", "--no-dangling") == ""
        verified = run("index", "verify", "--data", str(back), "--json")
        assert verified.json["equal"] is True


def test_to_a_bucket_and_back(data: Path, tmp_path: Path, run: Run) -> None:
    run("key", "create", "--user", "bo", "--data", str(data))
    with s3_server() as s3:
        place = f"s3://{s3.make()}/registry"
        aws = {"AWS_ENDPOINT_URL": s3.address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        made = run("backup", place, "--data", str(data), "--json", **aws)
        assert made.code == 0, made.err
        assert run("restore", place, "--check", **aws).code == 0
        restored = run("restore", place, "--data", str(tmp_path / "back"), **aws)
        assert restored.code == 0, restored.err
    assert state_of(tmp_path / "back", run) == state_of(data, run)
    assert run("index", "verify", "--data", str(tmp_path / "back")).code == 0
    nowhere = run("backup", "gs://x", "--data", str(data))
    assert (nowhere.code, "s3://BUCKET/PREFIX" in nowhere.err) == (2, True)


@pytest.fixture
def archive(data: Path, store: Path, run: Run) -> Path:
    """A whole archive."""
    run("key", "create", "--user", "bo", "--data", str(data))
    return store / str(run("backup", str(store), "--data", str(data), "--json").json["archive"])


def break_manifest(archive: Path) -> None:
    text = (archive / MANIFEST).read_text()
    (archive / MANIFEST).write_text(text.replace("refs/heads/main", "refs/heads/maim"))


def cut(file: str) -> Any:
    return lambda archive: (archive / file).write_bytes((archive / file).read_bytes()[:-7])


def turn(file: str) -> Any:
    def turned(archive: Path) -> None:
        content = bytearray((archive / file).read_bytes())
        content[len(content) // 2] ^= 1
        (archive / file).write_bytes(content)

    return turned


BUNDLE = "repositories/default.bundle"
DAMAGES = {
    "manifest cut": (cut(MANIFEST), "damaged"),
    "manifest changed": (break_manifest, "damaged"),
    "manifest gone": (lambda archive: (archive / MANIFEST).unlink(), "no whole archive"),
    "other format": (
        lambda a: (a / MANIFEST).write_text((a / MANIFEST).read_text().replace("backup/v1", "backup/v9")),
        "newer one",
    ),
    "records cut": (cut(RECORDS), RECORDS),
    "records turned": (turn(RECORDS), RECORDS),
    "bundle cut": (cut(BUNDLE), BUNDLE),
    "bundle turned": (turn(BUNDLE), BUNDLE),
    "bundle gone": (lambda archive: (archive / BUNDLE).unlink(), "missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_archive_is_refused_before_anything_is_changed(
    archive: Path, store: Path, tmp_path: Path, run: Run, damage: str
) -> None:
    broken, word = DAMAGES[damage]
    broken(archive)
    for arguments in (["--check"], []):
        done = run("restore", str(store), "--data", str(tmp_path / "back"), *arguments)
        assert (done.code in {1, 2}, word in done.err, len(done.err.splitlines())) == (True, True, 1), done.err
    left = [each.name for each in (tmp_path / "back").rglob("*")] if (tmp_path / "back").exists() else []
    assert left in ([], ["lock"])


def test_only_an_empty_folder_takes_a_restore(archive: Path, store: Path, data: Path, tmp_path: Path, run: Run) -> None:
    before = state_of(data, run)
    refused = run("restore", str(store), "--data", str(data))
    assert (refused.code, "is not empty" in refused.err) == (2, True)
    assert state_of(data, run) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    refused = run("restore", str(store), "--data", str(tmp_path / "other"))
    assert (refused.code, "letter.txt" in refused.err) == (2, True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "lost+found").mkdir()
    assert run("restore", str(store), "--data", str(tmp_path / "empty")).code == 0


def test_the_newest_whole_archive_is_taken_and_others_by_name(
    archive: Path, store: Path, data: Path, tmp_path: Path, run: Run
) -> None:
    (store / "20990101T000000Z-00000000").mkdir()
    (store / "20990101T000000Z-00000000" / RECORDS).write_text("")
    (store / "notes.txt").write_text("not ours")
    assert archive.name in run("restore", str(store), "--check").out
    missing = run("restore", str(store), "--check", "--archive", "20200101T000000Z-00000000")
    assert (missing.code, archive.name in missing.err) == (1, True)
    nothing = run("restore", str(tmp_path / "nothing"), "--check")
    assert (nothing.code, "no whole archive" in nothing.err) == (1, True)


def test_old_ones_go_where_that_is_asked(archive: Path, store: Path, data: Path, run: Run) -> None:
    left, other = store / "20200101T000000Z-00000000", store / "keepsakes"
    for each in (left, other):
        each.mkdir()
        (each / RECORDS).write_text("")
    time.sleep(1.1)  # names are of seconds
    second = run("backup", str(store), "--data", str(data), "--json").json
    assert (archive.exists(), left.exists()) == (True, False), "what a killed backup left goes after a day"
    time.sleep(1.1)
    third = run("backup", str(store), "--data", str(data), "--keep", "2", "--json").json
    assert third["deleted"] == [archive.name]
    assert {each.name for each in store.iterdir()} == {second["archive"], third["archive"], "keepsakes"}


def killed_when(command: list[str], appears: Path, seconds: float = 30) -> None:
    """Starts a command, and kills it once a file is there."""
    process = subprocess.Popen([*PROGRAM, *command], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + seconds
        while not list(appears.parent.glob(appears.name)):
            assert process.poll() is None
            assert time.monotonic() < until
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_a_backup_that_is_killed_leaves_nothing_that_looks_whole(
    data: Path, store: Path, tmp_path: Path, run: Run
) -> None:
    killed_when(["backup", str(store), "--data", str(data)], store / "*Z-*")
    for folder in store.iterdir():
        assert not (folder / MANIFEST).exists()
    done = run("restore", str(store), "--data", str(tmp_path / "back"))
    assert (done.code, "no whole archive" in done.err) == (1, True)
    assert run("backup", str(store), "--data", str(data)).code == 0
    assert run("restore", str(store), "--data", str(tmp_path / "back")).code == 0


@pytest.mark.parametrize("moment", ["restoring", "catalogue.sqlite", "repositories/default.git"])
def test_a_restore_that_is_killed_is_done_by_another(
    archive: Path, data: Path, store: Path, tmp_path: Path, run: Run, process: Run, moment: str
) -> None:
    back = tmp_path / "back"
    killed_when(["restore", str(store), "--data", str(back)], back / moment)
    if restoring_folder(back).exists():  # else it was quicker
        refused = process("serve", "--port", "0", "--data", str(back))
        assert (refused.code, "cut off" in refused.err) == (2, True)
        assert run("restore", str(store), "--data", str(back)).code == 0
    assert state_of(back, run) == state_of(data, run)
    assert run("index", "verify", "--data", str(back)).code == 0


def test_a_full_disk(data: Path, tmp_path: Path, run: Run) -> None:
    target = tmp_path / "readonly"
    target.write_text("a file")
    done = run("backup", str(target), "--data", str(data))
    assert (done.code, "readonly" in done.err, len(done.err.splitlines())) == (2, True, 1)


def test_without_a_data_folder(store: Path, tmp_path: Path, run: Run) -> None:
    done = run("backup", str(store), "--data", str(tmp_path / "nowhere"))
    assert (done.code, "no data folder" in done.err) == (2, True)
    assert not store.exists()


def test_what_people_read(data: Path, store: Path, tmp_path: Path, run: Run) -> None:
    made = run("backup", str(store), "--data", str(data))
    assert "1 repository, " in made.out
    restored = run("restore", str(store), "--data", str(tmp_path / "back"))
    assert "is restored to" in restored.out
    assert f"promptuary serve --data {tmp_path / 'back'}" in restored.out
