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
