"""What a server refuses of an import: told once, with its place, and by a dry run beforehand."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.langfuse import version
from tests.running import Running, commit, git, run_git

pytestmark = pytest.mark.e2e

RULES = "schema: registry/v1\nmodels: {allow: ['openai/*']}\n"


@pytest.fixture(scope="module")
def strict(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """The server, where only OpenAI's models are allowed."""
    clone = tmp_path_factory.mktemp("clone") / "bare"
    git(clone.parent, "clone", "-q", "--bare", server.git_url, str(clone))
    made = commit(clone, "main", {".registry.yaml": RULES})
    pushed = run_git(clone, "push", server.git_url, f"{made}:refs/heads/main")
    assert pushed.returncode == 0, pushed.stderr
    return server


def test_a_refusal_is_told_once_and_where(ask: Run, strict: Running, tmp_path: Path) -> None:
    place = tmp_path / "e.json"
    place.write_text(json.dumps([version("a", "x", config={"model": "claude-3-haiku"})]))
    done = ask("import", str(place), "--folder", "once")
    assert (done.code, done.err.count("is not among those")) == (0, 1), done.err
    source = "schema: prompt/v1\ntype: text\ntext: x\nmodel: {provider: acme, id: m1}\n"
    done = ask("put", "once/b", "--new", stdin=source)
    assert (done.code, done.err.count("is not among those")) == (1, 1), done.err
    assert done.err.startswith(
        "promptuary: The change was refused\nprompts/once/b.prompt.yaml:4:29: [model-not-allowed] "
    )


def test_a_dry_run_says_what_the_server_would_refuse(ask: Run, strict: Running, tmp_path: Path) -> None:
    entries = [
        version("a-b", "Hi {{user-name}}", config={"model": "gpt-4o"}),
        version("a-b", "Hello {{user-name}}", 2, config={"model": "claude-3-haiku"}, labels=["staging"]),
        version("odd", [], tags=["a,b"]),
    ]
    place = tmp_path / "e.json"
    place.write_text(json.dumps(entries))
    before = strict.main()
    reader = json.loads(strict.command("key", "create", "--scope", "read", "--json").stdout)["key"]
    (tmp_path / "reader").write_text(reader)
    told = ask("import", str(place), "--folder", "dry", "--dry-run", "--json", "--key-file", str(tmp_path / "reader"))
    assert (told.code, strict.main()) == (0, before), told.err
    counts = {key: told.json[key] for key in ("written", "refused", "labels_not_set", "dry_run")}
    assert counts == {"written": 1, "refused": 2, "labels_not_set": 1, "dry_run": True}
    shown = ask("import", str(place), "--folder", "dry", "--dry-run")
    lines = shown.err.splitlines()
    assert "[model-not-allowed]" in lines[0]
    assert lines[0].startswith("dry/a-b version 2: prompts/dry/a-b.prompt.yaml:")
    assert lines[1] == "dry/a-b version 2: the label staging is not set: the version that it names did not come"
    assert lines[2].startswith("dry/odd version 1: no template can be made of it")
    assert all(line.endswith(" here") for line in lines[3:-1])
    assert lines[-1] == "1 version would be written, 2 versions would be refused, 1 label would be left unset"
    done = ask("import", str(place), "--folder", "dry", "--json")
    assert {**done.json, "dry_run": True} == told.json


def test_a_dry_run_without_a_key_says_that_nobody_was_asked(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "e.json"
    place.write_text(json.dumps([version("a", "x")]))
    done = run("import", str(place), "--dry-run", PROMPTUARY_URL="http://127.0.0.1:9")
    assert (done.code, "no server is asked" in done.err) == (0, True), done.err
    unset = run("import", str(place), "--dry-run", PROMPTUARY_KEY="")
    assert (unset.code, unset.err) == (0, done.err), "CI sets secrets that there are not to nothing"
    asked = run("import", str(place), "--dry-run", PROMPTUARY_URL="http://127.0.0.1:9", PROMPTUARY_KEY="pmt_x")
    assert (asked.code, "cannot be asked" in asked.err) == (2, True), asked.err


def test_old_names_lead_on_whatever_they_look_like(ask: Run, strict: Running, tmp_path: Path) -> None:
    place = tmp_path / "e.json"
    place.write_text(json.dumps([version("My: Prompt?.json", "Hi {{user-name}}"), version("chat/Greeter", "x")]))
    assert ask("import", str(place), "--folder", "old").code == 0
    for old, new in (("My: Prompt?.json", "old/My"), ("chat/Greeter", "old/chat/Greeter")):
        for command in (["get", old], ["log", old], ["render", old, "--var", "user_name=Ada"]):
            done = ask(*command)
            assert (done.code, f" is called {new}" in done.err) == (1, True), done.err
    new = strict.call("GET", "/api/v1/repositories/default/templates?folder=old")[2]["templates"][-1]["name"]
    done = ask("render", new)
    assert (done.code, 'user_name is missing (before the import it was "user-name")' in done.err) == (1, True), done.err
    assert done.err.count("is missing") == 1, done.err
    for nothing in ("", "/", "a//b"):
        assert ask("get", nothing).code == 2, nothing
