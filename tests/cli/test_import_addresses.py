"""``promptuary import`` from an address: of a single file, or of what should be Langfuse."""

import json
import threading
from collections.abc import Callable

import pytest

from api.commands.importing import fetched_file
from tests.cli.conftest import Run
from tests.cli.langfuse import HEALTH, KEYS, langfuse, version
from tests.client.nasty import Handler, Nasty, serving

pytestmark = pytest.mark.e2e

EXPORT = json.dumps([version("a", "Hi {{name}}"), version("a", "Hello {{name}}", 2)]).encode()


def gives(data: bytes, kind: str = "application/octet-stream") -> Callable[[Handler], None]:
    return lambda handler: handler.answer(200, data, Content_Type=kind)


@pytest.mark.parametrize("more", [[], ["--from", "langfuse"]])
def test_an_export_is_fetched_without_any_key(run: Run, more: list[str]) -> None:
    with serving(gives(EXPORT)) as web:
        address = web.url.replace("://", "://ada:hush@") + "/team@2/export.json?token=hush#part"
        done = run("import", address, "--dry-run", "--json", *more, **KEYS)
    assert (done.code, done.json["prompts"][0]["versions"]) == (0, [1, 2]), done.err
    assert done.json["source"] == f"{web.url}/team@2/export.json"
    assert [each.path for each in web.asked] == ["/team@2/export.json?token=hush"]
    assert "authorization" not in web.asked[0].headers


def test_a_file_is_called_by_its_address_and_read_as_its_name_or_from_says(run: Run) -> None:
    with serving(gives("안녕 {{이름}}".encode(), "text/plain")) as web:
        done = run("import", f"{web.url}/raw/인사말.md", "--dry-run", "--json")
        assert [each["name"] for each in done.json["prompts"]] == ["인사말"], done.err
        done = run("import", f"{web.url}/hello.json", "--from", "text", "--dry-run", "--json")
        assert done.json["prompts"][0]["from"]["format"] == "text", done.err


def test_a_redirection_is_followed_to_the_web_only(run: Run) -> None:
    def script(handler: Handler) -> None:
        target = {"/ftp.json": "ftp://127.0.0.1:9/x.json", "/round.json": "/round.json"}
        if handler.path == "/there.json":
            handler.answer(200, EXPORT)
        else:
            handler.answer(302, Location=target.get(handler.path, "/there.json"))

    with serving(script) as web:
        assert run("import", f"{web.url}/here.json", "--dry-run").code == 0
        for path in ("ftp", "round"):
            done = run("import", f"{web.url}/{path}.json", "--dry-run")
            assert (done.code, "neither http nor https (302)" in done.err) == (2, True), done.err


def cut(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (lambda handler: handler.answer(403), "no password is sent: download the file"),
        (lambda handler: handler.answer(404), "the server answered 404"),
        (gives(b"<html>", "text/html; charset=utf-8"), "is a page to look at"),
        (gives(b"[" + b" " * 2000), "has more than 1,000 bytes"),
        (gives(b"[nothing"), "export.json"),
        (cut, "broke off in its answer"),
        (lambda handler: handler.drop(), "gave no answer"),
    ],
)
def test_a_file_that_does_not_come_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, script: Callable[[Handler], None], said: str
) -> None:
    monkeypatch.setattr(fetched_file, "MAX_BYTES", 1000)
    with serving(script) as web:
        done = run("import", f"{web.url}/export.json?token=hush", "--dry-run")
    assert (done.code, said in done.err, "hush" in done.err) == (2, True, False), done.err
    assert done.err.count("\n") == 1


def test_a_server_that_trickles_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched_file, "ANSWER_SECONDS", 0.5)

    def script(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not told.wait(0.1):
            handler.wfile.write(b"x")

    told = threading.Event()
    with serving(script) as web:
        done = run("import", f"{web.url}/export.json", "--dry-run")
        told.set()
    assert (done.code, "is too slow" in done.err) == (2, True), done.err


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999/x.json", "http:///x.json"])
def test_an_address_that_is_none_is_told(run: Run, address: str) -> None:
    done = run("import", address, "--dry-run")
    assert (done.code, done.err.count("\n")) == (2, 1), done.err


def asked_with_keys(web: Nasty) -> list[str]:
    return [each.path for each in web.asked if "authorization" in each.headers]


@pytest.mark.parametrize("answer", [(404, {}), (200, {"status": "OK"}), (200, {"status": "OK", "version": "new"})])
def test_what_does_not_answer_as_langfuse_gets_no_key(run: Run, answer: tuple[int, object]) -> None:
    def script(handler: Handler) -> None:
        handler.answer(*answer, Content_Type="application/json")

    with serving(script) as web:
        done = run("import", f"{web.url}/team/prompts", "--dry-run", **KEYS)
        assert (done.code, "--from git" in done.err, "--from langfuse" in done.err) == (2, True, True), done.err
        assert ([each.path for each in web.asked][-1], asked_with_keys(web)) == (f"/team/prompts{HEALTH}", [])
        run("import", f"{web.url}/team/prompts", "--from", "langfuse", "--dry-run", **KEYS)
        assert len(asked_with_keys(web)) == 1
        run("import", f"{web.url}/team/prompts", "--dry-run", LANGFUSE_HOST=f"{web.url}/team/prompts/", **KEYS)
        assert len(asked_with_keys(web)) == 2
        run("import", f"{web.url}/team/prompts", "--dry-run", LANGFUSE_HOST="http://127.0.0.1:9", **KEYS)
        assert len(asked_with_keys(web)) == 2


def test_what_answers_as_langfuse_is_asked_first_without_the_key(run: Run) -> None:
    with langfuse(version("a", "Hi")) as source:
        done = run("import", source.url, "--dry-run", "--json", **KEYS)
    assert (done.code, len(done.json["prompts"])) == (0, 1), done.err
    assert source.keys_seen[:2] == [None, None], "whether it is MLflow's, and whether it is Langfuse's"
