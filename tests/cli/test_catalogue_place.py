"""A data folder whose catalogue is in PostgreSQL is not taken for one with a SQLite file: on a real PostgreSQL."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.databases import address_of, own_database
from tests.running import git

pytestmark = pytest.mark.e2e

REMEMBERED = "catalogue-in-postgresql"


@pytest.fixture
def data(tmp_path: Path, run: Run, postgres: dict[str, str]) -> Path:
    """A data folder that has begun on that database."""
    folder = tmp_path / "data"
    made = run("init", "default", "--data", str(folder), **postgres)
    assert made.code == 0, made.err
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "backup {aside}",
        "index verify",
        "index rebuild",
        "init more",
        "key create --user bo",
        "key list",
        "serve --port 0",
    ],
)
def test_no_command_begins_another_catalogue(data: Path, tmp_path: Path, process: Run, command: str) -> None:
    before = {path.name: path.read_bytes() for path in data.iterdir() if path.is_file() and path.name != "lock"}
    refused = process(*command.format(aside=tmp_path / "aside").split(), "--data", str(data))
    assert refused.code == 2, refused.err
    assert all(word in refused.err for word in (str(data), REMEMBERED, "PROMPTUARY_DATABASE_URL is not set"))
    assert {path.name: path.read_bytes() for path in data.iterdir() if path.is_file() and path.name != "lock"} == before
    assert not (tmp_path / "aside").exists()


def test_a_push_into_the_folder_is_refused(data: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    git(tmp_path, "clone", "-q", str(data / "repositories/default.git"), str(checkout))
    (checkout / "README.md").write_text("hello\n")
    git(checkout, "add", ".")
    git(checkout, "-c", "user.name=Bo", "-c", "user.email=bo@example.com", "commit", "-qm", "docs: a page")
    with pytest.raises(AssertionError, match="PROMPTUARY_DATABASE_URL is not set"):
        git(checkout, "push", "-q", "origin", "HEAD:main")


def test_doctor_says_where_it_is(data: Path, run: Run, postgres: dict[str, str]) -> None:
    looked = run("doctor", "--data", str(data), "--json")
    found = {finding["check"]: finding for finding in looked.json["findings"]}
    assert (looked.code, found["catalogue"]["grade"]) == (1, "problem")
    assert "in PostgreSQL" in found["catalogue"]["found"]
    assert "admin-key" not in found, "a key of a database that is not asked is not judged"
    looked = run("doctor", "--data", str(data), "--json", **postgres)
    assert {f["check"]: f["grade"] for f in looked.json["findings"]}["catalogue"] == "ok"


def test_the_place_is_kept_without_a_password(data: Path, postgres: dict[str, str]) -> None:
    address = postgres["PROMPTUARY_DATABASE_URL"]
    assert (data / REMEMBERED).read_text().strip() == address.rpartition("@")[2]


def test_another_database_may_take_over(data: Path, run: Run) -> None:
    with own_database() as name:
        other = {"PROMPTUARY_DATABASE_URL": address_of(name)}
        assert run("init", "more", "--data", str(data), **other).code == 0
        assert (data / REMEMBERED).read_text().strip().endswith(f"/{name}")


def test_who_gives_it_up_begins_a_file(data: Path, run: Run) -> None:
    (data / REMEMBERED).unlink()
    assert run("key", "list", "--data", str(data)).code == 0
    assert (data / "catalogue.sqlite").exists()
