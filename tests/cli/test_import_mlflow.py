"""``promptuary import`` from MLflow: from the real server, and from one that fails in every way."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Done, Run
from tests.cli.mlflow_peer import mlflow, model, version
from tests.cli.mlflow_real import ask_mlflow, real_mlflow
from tests.running import Running, git

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a real MLflow server with prompts, and how MLflow renders some of them."""
    folder = tmp_path_factory.mktemp("mlflow")
    with real_mlflow(folder) as address:
        yield address, ask_mlflow("mlflow_prompts.py", folder, address)


def prompt(done: Done, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [each for each in done.json["prompts"] if each["from"]["name"] == name]
    return found[0]


def test_a_real_registry_comes_over_once_and_renders_alike(
    ask: Run, server: Running, registry: tuple[str, list[dict[str, Any]]]
) -> None:
    address, rendered = registry
    done = ask("import", address, "--folder", "ml", "--json")
    assert (done.code, done.json["written"], done.json["left_out"]) == (0, 4, []), done.err + done.out
    triage = prompt(done, "triage")
    assert (triage["written"], sorted(triage["labels"])) == ([1, 2], ["production", "stage-2"])
    assert server.read("ml/triage", label="production")["version"] == 1
    second = server.read("ml/triage", label="stage-2")
    document = second["document"]
    assert second["version"] == 2
    assert document["model"] == {
        "provider": "openai", "id": "gpt-4o", "parameters": {"temperature": 0.2, "max_tokens": 9},
    }  # fmt: skip
    assert document["output"]["name"] == "Queue"
    assert document["output"]["schema"]["properties"] == {"queue": {"type": "string"}}
    assert document["metadata"]["config"] == {"extra": "kept"}
    assert sorted(document["tags"]) == ["team:support", "분류:고객"]
    assert "Begin\n\n환불부터" in git(server.bare, "log", "--format=%B", "main")
    for each in rendered:
        assert rendering(server, f"ml/{each['name']}", each["version"], each["values"]) == each["rendered"]
    before = git(server.bare, "rev-parse", "main")
    again = ask("import", address, "--folder", "ml", "--json", "--from", "mlflow")
    assert (again.code, again.json["written"]) == (0, 0), again.err
    assert git(server.bare, "rev-parse", "main") == before


def rendering(server: Running, name: str, version: int, values: dict[str, Any]) -> Any:
    body = json.dumps({"variables": values})
    path = f"/api/v1/repositories/default/render/{name}?version={version}"
    status, _, answer = server.call("POST", path, body, {"Content-Type": "application/json"})
    assert status == 200, answer
    return answer.get("text") or answer["messages"]


def test_every_page_is_read_and_a_busy_server_waited_for(ask: Run) -> None:
    many = [version(f"p{index:03}", f"Text {index}") for index in range(130)]
    with mlflow(*many, busy=2, breaks=1) as source:
        done = ask("import", source.url, "--folder", "pages", "--json", "--dry-run")
        assert (done.code, len(done.json["prompts"])) == (0, 130), done.err
        assert len(source.asked) == 2 + 1 + 2 + 2, "two refusals, one that broke off, two pages each"


def test_what_cannot_be_read_is_left_out_and_told(ask: Run) -> None:
    broken = [
        version("a", "[1", 1, tags={"_mlflow_prompt_type": "chat"}),
        version("a", "Fine", 2, user_id="ada@example.com"),
        version("b", "x", tags={"_mlflow_prompt_model_config": "{"}),
        version("c", "{{x}}", tags={"_mlflow_prompt_response_format": '"yes"', "note": "long " * 20}),
        version("d", '[{"role": "user", "content": [{"type": "text", "text": "T"}, {"type": "image_url"}]}]',
                tags={"_mlflow_prompt_type": "chat"}),
    ]  # fmt: skip
    with mlflow(*broken) as source:
        source.models += [model("empty"), {"name": "a model", "tags": []}]
        source.versions.append(version("a model", "no prompt"))
        done = ask("import", source.url, "--json", "--dry-run")
    assert done.code == 0, done.err
    assert [each["what"] for each in done.json["left_out"]] == ["a version 1", "b version 1", "b", "empty"]
    assert [(each["name"], each["versions"]) for each in done.json["prompts"]] == [("a", [2]), ("c", [1]), ("d", [1])]
    assert "no JSON Schema" in json.dumps(prompt(done, "c")["notes"])
    assert "no text are left out" in json.dumps(prompt(done, "d")["notes"])


def test_keys_are_sent_and_refusals_told_without_them(ask: Run) -> None:
    keys = {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "secret-1"}
    with mlflow(version("a", "x"), authorization="Basic YWRhOnNlY3JldC0x") as source:
        assert ask("import", source.url, "--dry-run", **keys).code == 0
        assert source.keys_seen[0] is None, "a probe is asked without a key"
        done = ask("import", source.url, "--dry-run", **{**keys, "MLFLOW_TRACKING_PASSWORD": "wrong-2"})
        assert (done.code, "MLFLOW_TRACKING_PASSWORD" in done.err, "wrong-2" in done.err) == (2, True, False)
        source.authorization = "Bearer token-3"
        assert ask("import", source.url, "--dry-run", MLFLOW_TRACKING_TOKEN="token-3").code == 0
        done = ask("import", source.url, "--dry-run", MLFLOW_TRACKING_TOKEN="환불")
        assert (done.code, "MLFLOW_TRACKING_TOKEN" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"dies_after": 1}, "nothing was written, and what was read is kept"),
        ({"breaks": 99}, "broke off in its answer"),
        ({"round": True}, "circle"),
        ({"fresh": True}, "circle"),
        ({"moved": "http://127.0.0.1:9"}, "answers from elsewhere (307)"),
    ],
)
def test_a_server_that_fails_is_told(ask: Run, server: Running, faults: dict[str, Any], said: str) -> None:
    before = git(server.bare, "rev-parse", "main")
    with mlflow(*(version(f"p{index}", "x") for index in range(101)), **faults) as source:
        done = ask("import", source.url, "--folder", "failing")
    assert (done.code, said in done.err, git(server.bare, "rev-parse", "main")) == (2, True, before), done.err


def test_a_source_that_dies_half_way_is_taken_up_again_unless_it_changed(ask: Run) -> None:
    def versions_asked() -> int:
        return sum("/model-versions/" in path for path in source.asked)

    with mlflow(*(version(f"p{index:03}", "x") for index in range(330)), dies_after=4 + 2) as source:
        assert ask("import", source.url, "--dry-run").code == 2
        source.dies_after, source.asked = None, []
        done = ask("import", source.url, "--dry-run", "--json")
        assert (done.code, len(done.json["prompts"]), versions_asked()) == (0, 330, 2), done.err
        source.asked = []
        assert ask("import", source.url, "--dry-run").code == 0
        assert versions_asked() == 4, "what came to its end is not kept"
        source.dies_after, source.asked = 4 + 3, []
        assert ask("import", source.url, "--dry-run").code == 2
        source.dies_after, source.asked = None, []
        source.models[0]["last_updated_timestamp"] = 1
        assert ask("import", source.url, "--dry-run").code == 0
        assert versions_asked() == 4, "what changed since is read again"


@pytest.mark.parametrize("address", ["http://", "http://127.0.0.1:x", "https://a b/", "http://[::1", "http://환불:1"])
def test_an_address_that_is_none_is_told(run: Run, address: str) -> None:
    done = run("import", address, "--from", "mlflow", "--dry-run")
    assert (done.code, "no address" in done.err) == (2, True), done.err


def test_a_server_that_is_not_mlflow_is_told(run: Run) -> None:
    with mlflow() as source:
        done = run("import", f"{source.url}/elsewhere", "--from", "mlflow", "--dry-run")
    assert (done.code, "check that it is a server of MLflow's" in done.err) == (2, True), done.err
