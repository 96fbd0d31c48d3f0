"""A backup made on one tier is restored into the other, and back: on a real PostgreSQL."""

import shutil
from pathlib import Path

import pytest

from api.data_folder import restoring_folder
from registry.domain.backups import RECORDS
from tests.cli.conftest import Run
from tests.databases import address_of, own_database
from tests.running import git

pytestmark = pytest.mark.e2e


def refs(data: Path) -> str:
    return git(data / "repositories/default.git", "for-each-ref", "--format=%(objectname) %(refname)")


def test_from_sqlite_to_postgresql_and_back(
    stocked_folder: Path, tmp_path: Path, run: Run, postgres: dict[str, str]
) -> None:
    data, there, back = tmp_path / "data", tmp_path / "there", tmp_path / "back"
    shutil.copytree(stocked_folder, data)
    run("key", "create", "--user", "bo", "--scope", "write", "--data", str(data))
    keys = run("key", "list", "--data", str(data), "--json").json
    first = run("backup", str(tmp_path / "one"), "--data", str(data), "--json")

    restored = run("restore", str(tmp_path / "one"), "--data", str(there), "--json", **postgres)
    assert restored.code == 0, restored.err
    assert not (there / "catalogue.sqlite").exists()
    assert (refs(there), run("key", "list", "--data", str(there), "--json", **postgres).json) == (refs(data), keys)
    verified = run("index", "verify", "--data", str(there), "--json", **postgres)
    assert verified.json == {"equal": True, "differences": {"default": []}}

    taken = run("restore", str(tmp_path / "one"), "--data", str(tmp_path / "other"), **postgres)
    assert (taken.code, "users and keys already" in taken.err) == (2, True), "a database is filled once"
    assert run("index", "verify", "--data", str(there), "--json", **postgres).json["equal"] is True

    second = run("backup", str(tmp_path / "two"), "--data", str(there), "--json", **postgres)
    assert second.code == 0, second.err
    assert run("restore", str(tmp_path / "two"), "--data", str(back)).code == 0
    assert (refs(back), run("key", "list", "--data", str(back), "--json").json) == (refs(data), keys)
    assert run("index", "verify", "--data", str(back), "--json").json["equal"] is True
    records = [
        (tmp_path / folder / made.json["archive"] / RECORDS).read_bytes()
        for folder, made in (("one", first), ("two", second))
    ]
    assert records[1].startswith(records[0])
    (more,) = records[1].removeprefix(records[0]).splitlines()
    assert b"audit.restored" in more
    assert run("audit", "verify", "--data", str(there), **postgres).code == 0
    assert run("audit", "verify", "--data", str(back)).code == 0


def test_a_restore_that_was_cut_off_takes_no_other_database_afterwards(
    stocked_folder: Path, tmp_path: Path, run: Run, postgres: dict[str, str]
) -> None:
    data, other, back = tmp_path / "data", tmp_path / "other", tmp_path / "back"
    shutil.copytree(stocked_folder, data)
    assert run("backup", str(tmp_path / "one"), "--data", str(data)).code == 0
    assert run("init", "default", "--data", str(other), **postgres).code == 0
    made = run("key", "create", "--user", "kept", "--data", str(other), **postgres)
    assert made.code == 0, made.err
    keys = run("key", "list", "--data", str(other), "--json", **postgres).json
    assert "kept" in str(keys)

    restoring_folder(back).mkdir(parents=True)  # as the first one leaves it when it is killed
    for _ in range(2):
        taken = run("restore", str(tmp_path / "one"), "--data", str(back), **postgres)
        assert (taken.code, "users and keys already" in taken.err) == (2, True), taken.err
        assert run("key", "list", "--data", str(other), "--json", **postgres).json == keys

    with own_database() as name:  # the one that it began to fill, or an empty one
        first = {"PROMPTUARY_DATABASE_URL": address_of(name)}
        assert run("restore", str(tmp_path / "one"), "--data", str(back), **first).code == 0
        shutil.rmtree(back)
        restoring_folder(back).mkdir(parents=True)
        assert run("restore", str(tmp_path / "one"), "--data", str(back), **first).code == 0, "it has the archive's own"
        verified = run("index", "verify", "--data", str(back), "--json", **first)
        assert verified.json["equal"] is True
