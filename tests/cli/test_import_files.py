"""``promptuary import`` of files and folders that cannot be read, or hold more than should be."""

import os
from pathlib import Path
from typing import Any

import pytest

from api.commands.importing.folder_files import FolderFiles
from tests.cli.conftest import AsNobody, Run

CONFIG = "prompts: [file://prompts/hello.txt, 'Hi {{name}}', file://huge.txt]\ntests: huge.csv\n"


def names(document: Any) -> list[str]:
    return [each["name"] for each in document["prompts"]]


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """A configuration of promptfoo's beside files that nobody wants to read."""
    folder = tmp_path / "in"
    (folder / "prompts").mkdir(parents=True)
    (folder / "promptfooconfig.yaml").write_text(CONFIG)
    (folder / "prompts" / "hello.txt").write_text("Hello")
    for name in ("data.csv", "huge.txt", "huge.csv"):
        (folder / name).touch()
        os.truncate(folder / name, 300 * 1024 * 1024)
    return folder


def test_only_what_a_configuration_refers_to_is_read(run: Run, huge: Path) -> None:
    done = run("import", str(huge / "promptfooconfig.yaml"), "--dry-run", "--json")
    assert (done.code, names(done.json)) == (0, ["prompt-2", "prompts/hello"]), done.err
    assert [
        (each["what"].rpartition(" ")[2], "more than 268,435,456 bytes" in each["why"])
        for each in done.json["left_out"]
    ] == [("huge.txt", True)]
    assert any("huge.csv makes it more" in each["note"] for each in done.json["prompts"][0]["notes"])
    whole = run("import", str(huge), "--from", "promptfoo", "--dry-run", "--json")
    assert (whole.code, names(whole.json)) == (0, ["prompt-2", "prompts/hello"]), whole.err


def test_a_folder_is_walked_when_somebody_asks_what_is_there(tmp_path: Path) -> None:
    below = FolderFiles(tmp_path)
    (tmp_path / "late.md").write_text("Hi")
    assert list(below) == ["late.md"], "nothing was looked for before"


def test_what_lies_outside_of_the_folder_is_not_referred_to(run: Run, huge: Path) -> None:
    (huge.parent / "secret.txt").write_text("Secret")
    (huge / "out").symlink_to(huge.parent)
    (huge / "promptfooconfig.yaml").write_text(
        f"prompts: [file://../secret.txt, file://out/secret.txt, x, 'file://{huge.parent}/secret.txt']\n"
    )
    done = run("import", str(huge / "promptfooconfig.yaml"), "--dry-run", "--json")
    assert (done.code, names(done.json), len(done.json["left_out"])) == (0, ["prompt-3"], 3), done.err


def test_a_symbolic_link_leads_nowhere_and_is_told(run: Run, tmp_path: Path) -> None:
    for name in ("in/a.md", "secret.md", "secrets/b.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Hi")
    (tmp_path / "in/link.md").symlink_to(tmp_path / "secret.md")
    (tmp_path / "in/folder").symlink_to(tmp_path / "secrets")
    done = run("import", str(tmp_path / "in"), "--dry-run", "--json")
    assert (done.code, names(done.json)) == (0, ["a"]), done.err
    assert [each["what"] for each in done.json["left_out"]] == ["folder", "link.md"]
    (tmp_path / "named").symlink_to(tmp_path / "in")
    assert names(run("import", str(tmp_path / "named"), "--dry-run", "--json").json) == ["a"], "this one was asked for"


@pytest.mark.parametrize("more", [[], ["--from", "promptfoo"], ["--from", "git"]])
@pytest.mark.parametrize("source", ["n" * 5000 + ".md", "n" * 300 + ".md", "a\0b.md", "\0", "x.md/y.md", "/dev/zero"])
def test_a_name_that_no_file_has_is_told(run: Run, tmp_path: Path, source: str, more: list[str]) -> None:
    (tmp_path / "x.md").write_text("Hi")
    done = run("import", source, "--dry-run", *more)
    assert (done.code, done.out, len(done.err) < 1000) == (2, "", True), done.err
    assert done.err.count("\n") == 1


def test_what_nobody_may_look_into_is_told(as_nobody: AsNobody) -> None:
    for name in ("in/open.md", "in/locked/a.md", "in/listed/b.md"):
        (as_nobody.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (as_nobody.folder / name).write_text("Hi")
    (as_nobody.folder / "in/locked").chmod(0o700)
    for source in ("in/locked/a.md", "in/locked"):
        done = as_nobody("import", source, "--dry-run")
        assert (done.code, "in/locked" in done.err, "Permission denied" in done.err) == (2, True, True), done.err
    done = as_nobody("import", "in", "--dry-run", "--json")
    assert (done.code, names(done.json)) == (0, ["listed/b", "open"]), done.err
    assert [each["what"] for each in done.json["left_out"]] == ["locked"]
    (as_nobody.folder / "in/listed").chmod(0o744)
    done = as_nobody("import", "in", "--dry-run")
    assert (done.code, "in/listed/b.md cannot be read: Permission denied" in done.err) == (2, True), done.err
