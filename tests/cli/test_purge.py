"""``promptuary purge`` as somebody types it."""

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.running import Running, git

SECRET = "고객님, 환불을 도와드리겠습니다"


@pytest.fixture
def data(stocked_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stocked_folder, tmp_path / "data"))


@pytest.fixture
def leaked(tmp_path: Path) -> Path:
    file = tmp_path / "leaked.txt"
    file.write_text(f"{SECRET}\n")
    return file


def test_it_says_first_and_does_it_with_yes(run: Run, data: Path, leaked: Path) -> None:
    refs = git(data / "repositories/default.git", "for-each-ref")
    told = run("purge", "default", "--text-file", str(leaked))
    assert told.code == 0, told.err
    assert "Files (1): prompts/고객지원/환불.prompt.yaml" in told.out
    assert "Versions whose file changes (1): 고객지원/환불@1" in told.out
    assert "Nothing was changed." in told.out
    assert SECRET not in told.out + told.err
    assert git(data / "repositories/default.git", "for-each-ref") == refs
    would = run("purge", "default", "--text-file", "-", "--json", stdin=SECRET)
    assert (would.json["purged"], would.json["versions"], would.json["commits"]) == (False, ["고객지원/환불@1"], 3)
    done = run("purge", "default", "--text-file", "-", "--yes", "--json", stdin=SECRET)
    assert done.json == {**would.json, "purged": True}
    assert "It is purged" not in done.out
    again = run("purge", "default", "--text-file", str(leaked), "--yes")
    assert (again.code, again.out.startswith("Nothing of it is in default")) == (0, True)
    assert run("purge", "default", "--text-file", str(leaked), "--json").json == {
        "repository": "default",
        "found": False,
        "purged": False,
    }
    assert run("index", "verify", "--json").json["equal"] is True
    shown = git(data / "repositories/default.git", "show", "main:prompts/고객지원/환불.prompt.yaml")
    assert "{{ 이름 }} ***REMOVED***." in shown
    audited = run("audit", "list", "--action", "content.purged", "--json").json["entries"]
    assert [(each["repository"], each["new"]["versions"]) for each in audited] == [("default", ["고객지원/환불@1"])]


def test_a_version(run: Run, data: Path) -> None:
    del data
    done = run("purge", "default", "--version", "partials/tone@1", "--yes")
    assert (done.code, "Labels point to what would be lost: production of support/triage" in done.err) == (2, True)
    gone = run("purge", "default", "--version", "partials/tone@9", "--yes")
    assert (gone.code, "its versions are 1 to 2" in gone.err) == (1, True)
    single = run("purge", "default", "--version", "고객지원/환불@9", "--yes")
    assert (single.code, "its only version is 1" in single.err) == (1, True)


def test_the_log_says_which_version_was_purged(run: Run, ask: Run, server: Running) -> None:
    text = ask("get", "고객지원/환불").out
    assert ask("put", "고객지원/환불", "-", stdin=text.replace("도와드리", "도와 드리")).code == 0
    done = run("purge", "default", "--version", "고객지원/환불@1", "--yes", "--data", str(server.data))
    assert done.code == 0, done
    assert "1 purged" in ask("log", "고객지원/환불").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say --text-file or --version, one of the two"),
        (("--text-file", "x", "--version", "a@1"), "say --text-file or --version, one of the two"),
        (("--version", "a"), "NAME@NUMBER"),
        (("--version", "a@١"), "NAME@NUMBER"),
        (("--version", "@1"), "NAME@NUMBER"),
        (("--text-file", "nowhere"), "nowhere: No such file or directory"),
    ],
)
def test_what_cannot_be_read(run: Run, data: Path, arguments: tuple[str, ...], said: str) -> None:
    del data
    done = run("purge", "default", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_other_faults(run: Run, data: Path, leaked: Path, tmp_path: Path) -> None:
    del data
    assert "There is no repository 'other'" in run("purge", "other", "--text-file", str(leaked)).err
    assert "6 stands in too many places" in run("purge", "default", "--text-file", "-", stdin="abc").err
    elsewhere = run("purge", "default", "--text-file", str(leaked), "--data", str(tmp_path / "none"))
    assert (elsewhere.code, "there is no data folder" in elsewhere.err) == (2, True)
