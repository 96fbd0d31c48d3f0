"""``promptuary import`` from Git repositories, with their history."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, url_of
from tests.running import Running, clean_environment, git, run_git

pytestmark = pytest.mark.e2e

TEMPLATE = "# ours\nschema: prompt/v1\ntype: text\ntext: 상담 {}\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout with three commits, a branch, and a merge that only the branch's file came by."""
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "Begin", 1, {"support/hello.md": "Hi {{name}}", "README.md": "About", "main.py": "x"})
    commit(
        folder, "Templates\n\nBecause", 2, {"prompts/톤.prompt.yaml": TEMPLATE.format(1), "support/hello.md": "Hello"}
    )
    git(folder, "checkout", "-q", "-b", "work")
    commit(folder, "On a branch", 3, {"side.md": "Side", "prompts/톤.prompt.yaml": TEMPLATE.format(2)})
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", "--no-ff", "-m", "Merge work", "work")
    git(folder, "mv", "support/hello.md", "support/greeting.md")
    commit(folder, "Move", 4, {"labels/production.yaml": "톤: 1\n"})
    return folder


def commit(folder: Path, message: str, day: int, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "-A")
    when = f"2024-01-{day:02}T10:00:00+09:00"
    environment = clean_environment(GIT_AUTHOR_NAME="박 에이다", GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)
    command = ["git", "-C", str(folder), "commit", "-q", "-m", message]
    subprocess.run(command, env=environment, check=True, timeout=60)


def names(document: Any) -> dict[str, list[int]]:
    return {each["name"]: each["versions"] for each in document["prompts"]}


def test_a_repository_comes_with_its_history_once(ask: Run, server: Running, source: Path) -> None:
    done = ask("import", str(source), "--folder", "git", "--json")
    assert (done.code, done.json["written"]) == (0, 5), done.err + done.out
    assert names(done.json) == {"git/side": [1], "git/support/greeting": [1, 2], "git/톤": [1, 2]}
    assert [each["what"] for each in done.json["left_out"]] == ["README.md"]
    assert server.read("git/톤")["source"] == TEMPLATE.format(2)
    assert server.read("git/톤", label="production")["version"] == 1
    assert server.read("git/support/greeting", version="1")["document"]["text"] == "Hi {{ name }}"
    log = git(server.bare, "log", "--format=%an|%ae|%aI%n%B", "main")
    assert "박 에이다|ada@example.com|2024-01-02T01:00:00+00:00" in log
    assert "Templates\n\nBecause" in log
    before = git(server.bare, "rev-parse", "main")
    assert ask("import", str(source), "--folder", "git", "--from", "git", "--json").json["written"] == 0
    assert git(server.bare, "rev-parse", "main") == before
    commit(source, "More", 5, {"side.md": "Side two"})
    more = ask("import", str(source), "--folder", "git", "--json")
    assert (more.json["written"], names(more.json)["git/side"]) == (1, [1, 2])
    server.assert_sound()


def test_a_state_that_fits_only_with_others_of_its_commit_is_told_and_the_last_ones_come(
    ask: Run, server: Running, tmp_path: Path
) -> None:
    folder = tmp_path / "together"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    main = "schema: prompt/v1\ntype: text\n{}text: '{{% include \"tone\" %}} {}'\n"
    tone = "schema: prompt/v1\ntype: text\n{}text: Be {}.\n"
    declared = "variables: {how: {type: string}}\n"
    paths = ("prompts/a-main.prompt.yaml", "prompts/tone.prompt.yaml", "prompts/z-main.prompt.yaml")
    for day, values in enumerate((("", 1, "kind"), (declared, 2, "{{ how }}"), ("", 3, "brief")), 1):
        said, number, text = values
        texts = (main.format(said, number), tone.format(said, text), main.format(said, number))
        commit(folder, f"State {day}", day, dict(zip(paths, texts, strict=True)))
    done = ask("import", str(folder), "--folder", "together", "--json")
    assert done.code == 0, done.err
    told = {each["name"]: (each["written"], each["refused"], each["notes"]) for each in done.json["prompts"]}
    assert server.read("together/a-main")["source"].endswith("3'\n"), told
    assert server.read("together/tone")["source"].endswith("brief.\n"), told
    refused = {name: (refused, json.dumps(notes)) for name, (_, refused, notes) in told.items() if refused}
    assert set(refused) == {"together/tone"}, "its second state fitted only with the others' of that commit"
    assert (refused["together/tone"][0], "how" in refused["together/tone"][1]) == ([2], True)


def test_bundles_bare_repositories_and_branches(run: Run, source: Path, tmp_path: Path) -> None:
    git(source, "bundle", "create", "-q", str(tmp_path / "all.bundle"), "HEAD", "main", "work")
    git(tmp_path, "clone", "-q", "--bare", str(source), "bare")
    for each in ("all.bundle", "bare"):
        done = run("import", str(tmp_path / each), "--dry-run", "--json")
        assert (done.code, set(names(done.json))) == (0, {"side", "support/greeting", "톤"}), done.err
    done = run("import", str(tmp_path / "bare"), "--branch", "work", "--dry-run", "--json")
    assert names(done.json) == {"side": [1], "support/hello": [1, 2], "톤": [1, 2]}
    git(source, "bundle", "create", "-q", str(tmp_path / "headless.bundle"), "work")
    told = run("import", str(tmp_path / "headless.bundle"), "--dry-run")
    assert (told.code, "--branch" in told.err) == (2, True), told.err
    assert run("import", str(tmp_path / "headless.bundle"), "--branch", "work", "--dry-run").code == 0


def test_a_server_s_own_repository_comes_over_http_without_its_key_anywhere(
    ask: Run, run: Run, server: Running, tmp_path: Path
) -> None:
    done = ask("import", server.git_url, "--folder", "again", "--dry-run", "--json")
    assert done.code == 0, done.err
    here = git(server.bare, "ls-tree", "-r", "--name-only", "-z", "main", "prompts").strip("\0").split("\0")
    assert len(done.json["prompts"]) == len(here)
    assert server.key not in done.out + done.err
    refused = run("import", server.git_url.replace(server.key, "pmt_wrong-key-1"), "--dry-run")
    assert (refused.code, "pmt_wrong-key-1" in refused.err, "cannot be read" in refused.err) == (2, False, True), (
        refused.err
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ssh://ada:hush-1@127.0.0.1:9/x.git", "ssh-add"),
        ("git+ssh://ada:hush-1@127.0.0.1/x", "ssh-add"),
        ("git://ada:hush-1@127.0.0.1:9/x.git", "ssh-add"),
        ("ada:hush-1@127.0.0.1:x.git", "ssh-add"),
        ("ssh://ada:hush-1/2@127.0.0.1/x.git", "%2F"),
        ("https://ada:hush-1#2@127.0.0.1/x.git", "%23"),
        ("http://ada:hush-1@[::1/x.git", "is no address"),
        ("http://ada:hush-1@127.0.0.1:9/x.git", "cannot be read as a Git repository"),
    ],
)
def test_a_password_in_an_address_reaches_no_command_line_and_no_message(
    run: Run, tmp_path: Path, source: str, said: str
) -> None:
    seen = tmp_path / "seen"
    with_git_that_tells(tmp_path / "bin", seen)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"  # noqa: TID251  (git itself is found there)
    done = run("import", source, "--dry-run", PATH=path)
    assert (done.code, said in done.err, "hush-1" in done.err + done.out) == (2, True, False), done.err
    assert "hush-1" not in (seen.read_text() if seen.exists() else "")


def with_git_that_tells(folder: Path, seen: Path) -> None:
    """A git before the real one that writes down how it is called."""
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\necho "$*" >> {seen}\nexec {shutil.which("git")} "$@"\n')
    (folder / "git").chmod(0o755)


def test_settings_that_the_caller_gives_git_count(run: Run, source: Path) -> None:
    settings = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{source}.insteadOf",
        "GIT_CONFIG_VALUE_0": "http://127.0.0.1:9/team.git",
    }
    done = run("import", "http://ada:hush-1@127.0.0.1:9/team.git", "--dry-run", "--json", **settings)
    assert (done.code, "side" in names(done.json)) == (0, True), done.err
    odd = run("import", str(source), "--dry-run", **{**settings, "GIT_CONFIG_COUNT": "many"})
    assert (odd.code, "GIT_CONFIG_COUNT" in odd.err) == (2, True), odd.err


def test_an_odd_commit_is_read_as_far_as_it_goes(run: Run, source: Path) -> None:
    tree, parent = git(source, "rev-parse", "HEAD^{tree}").strip(), git(source, "rev-parse", "HEAD").strip()
    blob = git(source, "hash-object", "-w", "--stdin", data=b"Odd").strip()
    lines = git(source, "ls-tree", tree) + f"100644 blob {blob}\todd.md\n"
    tree = git(source, "mktree", data=lines.encode()).strip()
    written = (
        f"tree {tree}\nparent {parent}\nauthor A < 99999999999999999999 +9999\ncommitter A <a> 1 +0000\n\n\x01".encode()
    )
    odd = git(source, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", data=written).strip()
    git(source, "update-ref", "refs/heads/main", odd)
    done = run("import", str(source), "--dry-run", "--json")
    assert (done.code, names(done.json)["odd"]) == (0, [1]), done.err


def test_nothing_of_a_source_is_run(run: Run, source: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for hook in ("post-checkout", "pre-push", "reference-transaction", "post-merge"):
        script = source / ".git" / "hooks" / hook
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\ntouch {mark}\n")
        script.chmod(0o755)
    git(source, "config", "core.fsmonitor", f"touch {mark}")
    git(source, "config", "uploadpack.packObjectsHook", f"touch {mark};")
    (source / "link.md").symlink_to("/etc/passwd")
    commit(source, "Link", 6, {".gitattributes": "*.md filter=x\n"})
    mark.unlink(missing_ok=True)  # the commit itself ran a hook
    done = run("import", str(source), "--dry-run", "--json")
    assert (done.code, mark.exists()) == (0, False), done.err
    assert "link" not in names(done.json)
    told = run("import", f"ext::sh -c touch% {mark}", "--from", "git", "--dry-run")
    assert (told.code, mark.exists()) == (2, False), told.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--from", "git"], "cannot be read as a Git repository"),
        (["--from", "git", "--", "--upload-pack=touch x"], "cannot be read as a Git repository"),
        (["http://127.0.0.1:9/x.git"], "cannot be read as a Git repository"),
        (["x.json", "--branch", "main"], "--branch is one of a Git repository"),
        (["empty"], "nothing to import"),
        (["empty", "--branch", "-x"], "cannot be read as a Git repository"),
    ],
)
def test_what_is_no_repository_is_told(run: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    run_git(tmp_path, "init", "-q", "empty")
    done = run("import", *arguments, "--dry-run") if "--" not in arguments else run("import", "--dry-run", *arguments)
    assert (done.code, said in done.err) == (2, True), done.err
    assert not (tmp_path / "x").exists()


def test_files_of_a_checkout_are_read_as_they_lie_there_when_a_format_is_said(run: Run, source: Path) -> None:
    (source / "new.md").write_text("not committed")
    done = run("import", str(source), "--from", "text", "--dry-run", "--json")
    assert set(names(done.json)) == {"new", "side", "support/greeting"}


def test_the_sample_comes_back_byte_for_byte_with_its_labels(run: Run, tmp_path: Path) -> None:
    sample, empty = started(tmp_path / "sample", sample=True), started(tmp_path / "empty", sample=False)
    try:
        to = {"PROMPTUARY_URL": url_of(empty), "PROMPTUARY_KEY": empty.key}
        done = run("import", sample.git_url, "--json", **to)
        assert done.code == 0, done.err
        assert {each["name"]: each["refused"] for each in done.json["prompts"] if each["refused"]} == {}, done.out
        assert len(blobs(sample)) > 40
        assert blobs(empty) == blobs(sample)
        assert labelled(empty) == labelled(sample)
        assert run("import", sample.git_url, "--json", **to).json["written"] == 0
        empty.assert_sound()
    finally:
        sample.stop()
        empty.stop()


def started(folder: Path, *, sample: bool) -> Running:
    folder.mkdir()
    running = Running(folder / "data", folder / "log", settings={"PROMPTUARY_SAMPLE": str(sample).lower()})
    running.start()
    return running


def blobs(server: Running) -> list[str]:
    return git(server.bare, "ls-tree", "-r", "main", "prompts").splitlines()


def labelled(server: Running) -> dict[str, dict[str, str]]:
    """What each label of each template holds."""
    _, _, answer = server.call("GET", "/api/v1/repositories/default/labels")
    return {
        label: {name: server.read(name, label=label)["source"] for name in sorted(versions)}
        for label, versions in answer["labels"].items()
    }
