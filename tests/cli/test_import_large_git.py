"""``promptuary import`` of Git repositories that are larger than anybody's prompts."""

import random
from pathlib import Path
from typing import Any

import pytest

from api.commands.importing import git_copy, git_history
from registry.domain.importing import histories
from tests.cli.conftest import Run
from tests.running import git

pytestmark = pytest.mark.e2e


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, {"hello.md": "Hello {{name}}", "large.md": "Small"})
    return folder


def commit(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Change")


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def names(document: Any) -> dict[str, list[int]]:
    return {each["name"]: each["versions"] for each in document["prompts"]}


def left_out(document: Any) -> dict[str, str]:
    return {each["what"].partition(" at ")[0]: each["why"] for each in document["left_out"]}


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_files_that_are_too_large_are_told_and_not_read(run: Run, source: Path, scheme: str) -> None:
    commit(source, {"large.md": "x" * 262_145, "data.json": noise(17 << 20), "CHANGELOG.md": "x" * 300_000})
    done = run("import", f"{scheme}{source}", "--from", "git", "--dry-run", "--json")
    assert (done.code, names(done.json)) == (0, {"hello": [1]}), done.err
    assert left_out(done.json) == {
        "CHANGELOG.md": "it has 300,000 bytes, and at most 262,144 are read: split it",
        "data.json": "it has 17,825,792 bytes, and at most 16,777,216 are read: split it",
        "large.md": "it has 262,145 bytes, and at most 262,144 are read: split it",
    }
    commit(source, {"large.md": "Small again"})
    (source / "data.json").unlink()
    commit(source, {})
    done = run("import", f"{scheme}{source}", "--from", "git", "--dry-run", "--json")
    assert names(done.json) == {"hello": [1], "large": [1, 2]}
    assert set(left_out(done.json)) == {"CHANGELOG.md", "data.json", "large.md"}


def test_a_repository_with_nothing_but_large_files_is_told(run: Run, source: Path) -> None:
    (source / "hello.md").unlink()
    commit(source, {"large.md": "x" * 300_000})
    done = run("import", str(source), "--dry-run")
    assert (done.code, "large.md at" in done.err, "300,000 bytes" in done.err) == (2, True, True), done.err


def test_a_repository_that_is_too_large_is_refused_and_a_young_clone_of_it_comes(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(source, {"film.bin": noise(1 << 20)})
    commit(source, {"film.bin": noise(2 << 20)})
    monkeypatch.setattr(git_copy, "MOST_COPY_BYTES", 3 << 20)
    done = run("import", str(source), "--dry-run")
    assert (done.code, done.out, "larger than 3,145,728 bytes: import a clone" in done.err) == (2, "", True), done.err
    git(source.parent, "clone", "-q", "--depth", "1", f"file://{source}", "young")
    done = run("import", "young", "--dry-run", "--json")
    assert (done.code, names(done.json)) == (0, {"hello": [1], "large": [1]}), done.err


def test_a_clone_that_never_ends_is_stopped_when_it_is_too_large(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_copy, "MOST_COPY_BYTES", 1 << 20)
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nyes 'remote: more' >&2\n")
    endless.chmod(0o755)
    settings = {"GIT_SSH_COMMAND": str(endless), "GIT_SSH_VARIANT": "ssh"}
    done = run("import", "ssh://127.0.0.1/team.git", "--dry-run", **settings)
    assert (done.code, "larger than 1,048,576 bytes" in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("module", "name", "value", "said"),
    [
        (git_history, "MOST_BYTES", 2_000, "more than 2,000 bytes of files that may be prompts"),
        (git_history, "MOST_FILES", 20, "more than 20 files in one commit"),
        (histories, "MOST_BYTES", 3_000, "states of more than 3,000 bytes together"),
    ],
)
def test_a_history_that_holds_too_much_is_told(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, value: int, said: str
) -> None:
    for state in range(4):
        commit(source, {f"{index}.md": f"{state}" * 100 for index in range(15)})
    commit(source, {f"more/{index}.md": "x" * (100 if name == "MOST_BYTES" else 1) for index in range(25)})
    monkeypatch.setattr(module, name, value)
    done = run("import", str(source), "--dry-run")
    assert (done.code, done.out, said in done.err) == (2, "", True), done.err


def test_a_long_message_is_cut_and_an_odd_one_is_no_harm(
    run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_history, "_MOST_WORD_BYTES", 1_000)
    for index, message in enumerate(("환" * 100_000, ":100644 100644 a b M", "\n\n:odd\n")):
        (source / "hello.md").write_text(f"State {index}")
        git(source, "commit", "-q", "-a", "--cleanup=verbatim", "-F", "-", data=message.encode())
    done = run("import", str(source), "--dry-run", "--json")
    assert (done.code, names(done.json)["hello"]) == (0, [1, 2, 3, 4]), done.err
