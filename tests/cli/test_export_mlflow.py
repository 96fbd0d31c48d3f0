"""``promptuary export`` to MLflow: the real server, and back; and to one that fails."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from tests.cli.conftest import Done, Run, url_of
from tests.cli.mlflow_real import ask_mlflow, real_mlflow
from tests.client.nasty import Handler, serving
from tests.running import Running

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real MLflow server."""
    with real_mlflow(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server to import into."""
    folder = tmp_path_factory.mktemp("empty")
    running = Running(folder / "data", folder / "log")
    running.start()
    yield running
    running.stop()


def told(done: Done, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [each for each in done.json["prompts"] if each["name"] == name]
    return found[0]


def versions_at(address: str) -> int:
    prompts = quote("tag.`mlflow.prompt.is_prompt` = 'true'")
    with urlopen(f"{address}/api/2.0/mlflow/model-versions/search?max_results=1000&filter={prompts}") as answer:
        return len(json.loads(answer.read()).get("model_versions", []))


def rendered(server: Running, name: str, values: dict[str, Any], label: str) -> Any:
    where = f"/api/v1/repositories/default/render/{name}?label={label}"
    body = json.dumps({"variables": values})
    status, _, answer = server.call("POST", where, body, {"Content-Type": "application/json"})
    assert status == 200, answer
    return answer["messages"]


def test_every_version_goes_to_a_real_registry_once_and_comes_back(
    ask: Run, run: Run, server: Running, empty: Running, registry: str, tmp_path: Path
) -> None:
    done = ask("export", registry, "--json")
    assert (done.code, done.json["format"], done.json["written"]) == (0, "mlflow", 5), done.err + done.out
    assert [note for each in done.json["prompts"] for note in each["notes"]] == []
    triage = told(done, "support/triage")
    assert (triage["called"], triage["versions"]) == ("support.triage", [1, 2])
    again = ask("export", registry, "--json")
    assert (again.code, again.json["written"], versions_at(registry)) == (0, 0, 5)
    values = {"ticket": "My card was charged twice", "language": "ko"}
    called = told(done, "고객지원/환불")["called"]
    asked = [(f"prompts:/support.triage@{label}", values) for label in ("production", "latest")]
    asked.append((f"prompts:/{called}@latest", {"이름": "박서연"}))
    theirs = ask_mlflow("mlflow_rendering.py", tmp_path, registry, json.dumps(asked))
    assert theirs[:2] == [rendered(server, "support/triage", values, label) for label in ("production", "latest")]
    assert theirs[2] == "박서연 고객님, 환불을 도와드리겠습니다.\n"
    where = {"PROMPTUARY_URL": url_of(empty), "PROMPTUARY_KEY": empty.key}
    back = run("import", registry, "--from", "mlflow", "--json", **where)
    assert (back.code, back.json["written"]) == (0, 5), back.err + back.out
    for name in ("support/triage", "partials/tone", "고객지원/환불"):
        document = empty.read(name)["document"]
        metadata = document.pop("metadata")
        assert (document, metadata.keys()) == (server.read(name)["document"], {"imported"})
    for label in ("production", "latest"):
        assert rendered(empty, "support/triage", values, label) == rendered(server, "support/triage", values, label)


def test_what_is_new_here_goes_there_and_aliases_move(ask: Run, server: Running, registry: str) -> None:
    first = "schema: prompt/v1\ntype: text\ntext: One {{ x }}\nvariables: {x: {type: string}}\n"
    assert ask("put", "more/a", "--new", stdin=first).code == 0
    assert ask("label", "set", "staging", "more/a", "1").code == 0
    assert ask("export", registry, "--folder", "more", "--json").json["written"] == 1
    assert ask("put", "more/a", stdin=first.replace("One", "Two")).code == 0
    assert ask("label", "set", "staging", "more/a", "2").code == 0
    assert ask("export", registry, "--folder", "more", "--json").json["written"] == 1
    with urlopen(f"{registry}/api/2.0/mlflow/registered-models/alias?name=more.a&alias=staging") as answer:
        assert json.loads(answer.read())["model_version"]["version"] == "2"


def test_a_model_that_is_no_prompt_is_left_alone(ask: Run, registry: str, tmp_path: Path) -> None:
    ask_mlflow("mlflow_rendering.py", tmp_path, registry, "model", "taken.b")
    assert ask("put", "taken/b", "--new", stdin="schema: prompt/v1\ntype: text\ntext: One\n").code == 0
    done = ask("export", registry, "taken/b", "--json")
    assert (done.code, done.json["written"]) == (0, 0), done.err
    assert "no prompt" in told(done, "taken/b")["notes"][0]["note"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (0, "gave no answer"),
        (2, "repeat the export"),
        (401, "MLFLOW_TRACKING_USERNAME"),
        (302, "answers from elsewhere"),
    ],
)
def test_a_registry_that_fails_is_told(ask: Run, answers: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    count = [0]

    def script(handler: Handler) -> None:
        count[0] += 1
        if answers > 100:
            handler.answer(answers, {"message": "No"}, Location="http://127.0.0.1:9/")
        elif handler.asked.method == "GET" and answers:
            handler.answer(200, {}, Content_Type="application/json")
        elif count[0] == 3 and answers == 2:
            handler.answer(200, {"registered_model": {}}, Content_Type="application/json")
        else:
            handler.close_connection = True

    with serving(script) as nasty:
        done = ask("export", nasty.url, "support/triage", MLFLOW_TRACKING_USERNAME="ada", MLFLOW_TRACKING_PASSWORD="s3")
    assert (done.code, said in done.err, "s3" in done.err) == (2, True, False), done.err
    posts = [each for each in nasty.asked if each.method == "POST"]
    assert len(posts) == (2 if answers == 2 else 0), "a write without an answer is not sent again"


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({"registered_models": [1]}, "no registered model"),
        ({"registered_models": [{"name": ["a"]}]}, "no registered model"),
        ({"model_versions": ["a"]}, "no model version"),
        ({"model_versions": [{"name": "a", "version": "one", "tags": 1}]}, "no model version"),
        ({"registered_models": [{"name": "support.triage", "tags": 1, "aliases": 1}]}, "tells no number of a version"),
    ],
)
def test_a_registry_that_lists_anything_is_told(ask: Run, listed: dict[str, Any], said: str) -> None:
    with serving(lambda handler: handler.answer(200, listed, Content_Type="application/json")) as nasty:
        done = ask("export", nasty.url, "support/triage")
    assert (done.code, said in done.err, "Traceback" in done.err) == (2, True, False), done.err
