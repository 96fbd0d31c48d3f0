"""``promptuary import`` from a Langfuse that answers what no Langfuse should."""

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from api.commands.importing import source_server
from api.commands.importing.kept_reads import kept_reads
from tests.cli.conftest import Run
from tests.cli.langfuse import KEYS, PROMPTS
from tests.client.nasty import Handler, serving

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "\ud800", "versions": [1]},
        {"name": "a", "versions": ["\ud800"]},
        {"name": "a", "versions": [{"number": 1}]},
        {"name": "a", "versions": [int("9" * 4000)]},
    ],
)
def test_a_prompt_that_cannot_be_asked_for_is_told(ask: Run, entry: dict[str, Any]) -> None:
    answer = {"data": [entry], "meta": {"totalPages": 1}}
    with serving(lambda handler: handler.answer(200, answer, Content_Type="application/json")) as nasty:
        done = ask("import", nasty.url, "--from", "langfuse", "--dry-run", **KEYS)
    assert (done.code, "cannot be asked for" in done.err, "Traceback" in done.err) == (2, True, False), done.err
    assert len(done.err) < 500


def test_pages_end_with_an_empty_one_whatever_their_number_is_said_to_be(ask: Run) -> None:
    def script(handler: Handler) -> None:
        if len([each for each in nasty.asked if each.path.startswith(PROMPTS)]) > 3:
            handler.close_connection = True
        else:
            handler.answer(200, {"data": [], "meta": {"totalPages": 10**9}}, Content_Type="application/json")

    with serving(script) as nasty:
        ask("import", nasty.url, "--from", "langfuse", "--dry-run", **KEYS)
    assert len([each for each in nasty.asked if each.path.startswith(PROMPTS)]) == 1


def test_a_page_that_comes_again_and_again_is_noticed(ask: Run) -> None:
    prompts = [{"name": f"p{index}", "versions": [1], "lastUpdatedAt": None, "labels": []} for index in range(100)]

    def script(handler: Handler) -> None:
        listed = [each for each in nasty.asked if each.path.startswith(f"{PROMPTS}?")]
        if len(listed) > 5:
            handler.answer(403)
        else:
            answer = {"data": prompts, "meta": {"totalPages": 10**9}}
            handler.answer(200, answer, Content_Type="application/json")

    with serving(script) as nasty:
        done = ask("import", nasty.url, "--from", "langfuse", "--dry-run", **KEYS)
    assert (done.code, "page 2 only what it listed before" in done.err) == (2, True), done.err


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_a_server_that_trickles_is_asked_what_it_is_for_some_seconds_only(
    monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(source_server, "PROBE_SECONDS", 0.5)
    told = threading.Event()
    ended: list[bool] = []

    def script(handler: Handler) -> None:
        handler.wfile.write(begin)
        for _ in range(50):
            handler.wfile.write(b"3")
            if told.wait(0.2):
                return
        ended.append(True)

    with serving(script) as nasty:
        assert not source_server.looks_like_mlflow(nasty.url)
        told.set()
    assert not ended, "it was not waited for the end"


@pytest.mark.parametrize("line", ["1", "null", '["a"]', "[" * 100_000, '{"a": 1}', "[1, 2]"])
def test_a_line_of_kept_answers_that_is_none_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = hashlib.sha256(b"source").hexdigest()[:32]
    file = tmp_path / "promptuary" / "imports" / f"{name}.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(f"{line}\n{json.dumps(['asked', {'name': 'a'}])}\n")
    with kept_reads("source") as kept:
        assert kept.get("asked", dict) == {"name": "a"}
