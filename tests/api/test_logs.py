"""What the server writes into its log: the form of a line, the request that it belongs to, and never a secret."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from api.logs import say, set_up_logs
from api.observing import route_of
from api.redaction import Redaction
from api.request_ids import CURRENT
from registry.bootstrap import Registry
from registry.domain.key_secrets import new_secret
from registry.settings import Settings

log = logging.getLogger("api.tests")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The root logger as pytest has it: ``set_up_logs`` takes it over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def set_up(stream: io.StringIO | None = None, **settings: Any) -> io.StringIO:
    stream = stream or io.StringIO()
    set_up_logs(Settings(**settings), stream=stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_for_programs_has_the_names_of_the_elastic_common_schema() -> None:
    stream = set_up()
    log.info("push to %s: %d refs", "고객지원", 2)
    (line,) = lines(stream)
    assert (line["message"], line["log.level"]) == ("push to 고객지원: 2 refs", "info")
    assert line["@timestamp"].endswith("Z")
    assert (line["service"]["name"], line["log"]["logger"]) == ("promptuary", "api.tests")
    assert isinstance(line["process"]["pid"], int)
    assert line["ecs.version"]
    assert "http" not in line
    assert "고객지원" in stream.getvalue(), "readable as it is"


def test_lines_of_both_ways_to_log_have_the_same_form_and_the_requests_id() -> None:
    stream = set_up()
    token = CURRENT.set("mine-1")
    log.warning("by the standard library", extra={"event.duration": 5})
    structlog.stdlib.get_logger("registry.x").warning("by structlog", **{"event.duration": 5})
    CURRENT.reset(token)
    one, other = lines(stream)
    assert one.keys() == other.keys()
    assert [line["http"] for line in (one, other)] == [{"request": {"id": "mine-1"}}] * 2
    assert [line["event"] for line in (one, other)] == [{"duration": 5}] * 2


def test_an_exception_is_told_whole_on_one_line() -> None:
    stream = set_up()
    try:
        raise KeyError("이름")
    except KeyError:
        log.exception("it failed")
        structlog.stdlib.get_logger("api.x").exception("it failed")
    for line in lines(stream):
        assert (line["error"]["type"], line["error"]["message"]) == ("KeyError", "'이름'")
        assert "Traceback" in line["error"]["stack_trace"]
        assert "test_logs.py" in line["error"]["stack_trace"]


@pytest.mark.parametrize(
    ("form", "stream", "as_json"),
    [
        ("auto", Terminal, False),
        ("auto", io.StringIO, True),
        ("text", io.StringIO, False),
        ("json", Terminal, True),
    ],
)
def test_the_form_is_as_set_else_as_the_reader_is(form: str, stream: type[io.StringIO], as_json: bool) -> None:
    written = set_up(stream(), log_format=form)
    log.warning("it is so")
    text = written.getvalue()
    assert text.startswith("{") is as_json
    assert ("\x1b[" in text) is (stream is Terminal and not as_json), "colours on a terminal only"
    assert "it is so" in text


def test_levels() -> None:
    stream = set_up(log_level="warning")
    log.info("ours, too quiet")
    logging.getLogger("uvicorn.error").info("a library's, too quiet")
    logging.getLogger("uvicorn.error").warning("a library's")
    assert [line["message"] for line in lines(stream)] == ["a library's"]


def test_what_is_said_at_the_start_is_a_line_where_all_is_to_be_json(capsys: pytest.CaptureFixture[str]) -> None:
    stream = set_up(log_format="json")
    say("\nPromptuary serves\n  http://127.0.0.1\n")
    assert [line["message"] for line in lines(stream)] == ["Promptuary serves http://127.0.0.1"]
    assert capsys.readouterr().out == ""
    set_up(log_format="auto")
    say("Stopped.")
    assert capsys.readouterr().out == "Stopped.\n"


KEY = "pmt_" + "Qw7-_eR" * 6 + "x0a1b2c3d"
LEAKS = [
    (f"the key {KEY} came", KEY),
    (f"Authorization: Bearer {KEY}", KEY),
    (f"half a key {KEY[:20]}", KEY[4:20]),
    (f"GET /api/v1/x/pms_{KEY[4:]} 404", KEY[4:]),
    (f"refreshed with pmr_{KEY[4:]}", KEY[4:]),
    (f"https://x.example/link/pml_{KEY[4:]}?a=1", KEY[4:]),
    (f"half a session pms_{KEY[4:20]}", KEY[4:20]),
    ("a token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl came", "eyJzdWIiOiJhZGEifQ"),
    ("its head eyJhbGciOiJFZERTQSJ9 alone", "hbGciOiJFZERTQSJ9"),
    ("{'authorization': 'Bearer eyJhbGciOi.J9.x-_y'}", "eyJhbGciOi"),
    ("[(b'authorization', b'Basic YWRhOnNlY3JldA==')]", "YWRhOnNlY3JldA"),
    ("Authorization: s3cr3tvalue", "s3cr3tvalue"),
    ("cannot reach postgresql://app:h%40ter2@db.example:5432/x", "h%40ter2"),
    ("redis://:hunter2@127.0.0.1/0 said no", "hunter2"),
    ("http://a:p@ss/word@host/x", "ss/word"),
    ("dsn host=db password=hunter2 user=app", "hunter2"),
    ("GET /x?a=1&api_key=hunter2&b=2", "hunter2"),
    ("https://s3.example/x?X-Amz-Signature=deadbeef", "deadbeef"),
    ("the driver printed s3t-in-settings alone", "s3t-in-settings"),
]


@pytest.mark.parametrize(("text", "secret"), LEAKS)
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_reaches_the_log(form: str, text: str, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redaction, "of", classmethod(lambda cls, _settings: cls(["s3t-in-settings"])))
    stream = set_up(log_format=form)
    log.warning("%s", text)
    log.warning("a field", extra={"x": text, "listed": [text, {"y": text.encode()}], "odd": ValueError(text)})
    try:
        raise OSError(text)
    except OSError:
        log.exception("it failed")
    assert stream.getvalue().count("***") >= 6
    assert secret not in stream.getvalue()


@pytest.mark.parametrize("name", ["authorization", "password", "client_secret", "api_key", "http.request.cookie"])
def test_a_field_that_is_named_as_a_secret_is_not_shown(name: str) -> None:
    stream = set_up()
    log.warning("x", extra={name: "whatever it is", "headers": {name: "whatever it is"}})
    assert "whatever" not in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "push to default by ada: accepted, 1 refs, 0 diagnostics, 12 ms",
        "http://127.0.0.1:8000/git/default.git",
        "the token count is 12; the basic tier; a bearer of news",
        "rpms_installed_today, the pml_unit and eyJ are words",
        "mail to ada@example.com about https://example.com/x@y",
        "prompts/고객지원/환불.prompt.yaml:3:1: [wrong-type] password: must be a string",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redaction().text(text) == text


@pytest.fixture
async def calling(app: Any, keys: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {keys['read']}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


BASE = "/api/v1/repositories/default"


async def test_with_level_debug_every_request_has_its_line(calling: httpx.AsyncClient, keys: dict[str, str]) -> None:
    stream = set_up(log_level="debug")
    asked = [
        ("GET", f"{BASE}/templates/support/triage", 200, f"{BASE}/templates/{{name}}"),
        ("GET", f"{BASE}/templates/support/triage", 200, f"{BASE}/templates/{{name}}"),
        ("HEAD", f"{BASE}/templates/support/triage", 200, f"{BASE}/templates/{{name}}"),
        ("GET", f"{BASE}/templates/no/such", 404, f"{BASE}/templates/{{name}}"),
        ("GET", f"{BASE}/search?q=pmt_looked_for", 200, f"{BASE}/search"),
        ("GET", f"{BASE}/versions/support/triage/1", 200, f"{BASE}/versions/{{name}}/{{number}}"),
        ("GET", f"{BASE}/bundle", 200, f"{BASE}/bundle"),
        ("POST", f"{BASE}/render/support/triage", 200, f"{BASE}/render/{{name}}"),
        ("POST", f"{BASE}/render/support/triage?strict=x", 400, f"{BASE}/render/{{name}}"),
        ("GET", "/api/v1/key", 200, "/api/v1/key"),
        ("GET", "/livez", 200, "/livez"),
        ("GET", "/no/such", 404, ""),
        ("GET", "/git/default.git/info/refs?service=git-upload-pack", 200, "/git/{repository}.git/info/refs"),
    ]  # fmt: skip
    answers = []
    for method, path, *_ in asked:
        body = {"json": {"variables": {"ticket": "Help"}}} if method == "POST" else {}
        answers.append(await calling.request(method, path, **body))
    told = [line for line in lines(stream) if "url" in line]
    for line, answer, (method, path, status, route) in zip(told, answers, asked, strict=True):
        http = line["http"]
        assert (http["request"]["method"], line["url"]["path"]) == (method, path.partition("?")[0])
        assert http["response"]["status_code"] == answer.status_code == status
        assert http.get("route", "") == route.replace("default", "{repository}")
        assert http["request"]["id"] == answer.headers["x-request-id"]
        assert line["event"]["duration"] > 0
        assert line.get("user", {}).get("name") == (None if path == "/livez" else "ada")
    assert "pmt_looked_for" not in stream.getvalue(), "queries are not shown"
    assert keys["read"] not in stream.getvalue()


async def test_by_default_only_what_is_slow_or_failed_is_told(
    calling: httpx.AsyncClient, stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = set_up()
    for _ in range(2):
        await calling.get(f"{BASE}/templates/support/triage")
    await calling.get(f"{BASE}/templates")
    assert stream.getvalue() == ""
    monkeypatch.setattr("api.request_log.SLOW_SECONDS", 0.0)
    monkeypatch.setattr("api.hot_reads.SLOW_SECONDS", 0.0)
    await calling.get(f"{BASE}/templates/support/triage")
    await calling.get(f"{BASE}/templates")
    assert [line["log.level"] for line in lines(stream)] == ["info", "info"]
    monkeypatch.undo()

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"inside, with {KEY}")

    monkeypatch.setattr(type(stocked.templates), "list_templates", broken)
    answer = await calling.get(f"{BASE}/templates")
    failed, told = lines(stream)[2:]
    assert (failed["log.level"], failed["error"]["type"]) == ("error", "RuntimeError")
    assert (told["log.level"], told["http"]["response"]["status_code"]) == ("warning", 500)
    assert failed["http"]["request"]["id"] == told["http"]["request"]["id"] == answer.headers["x-request-id"]
    assert KEY not in stream.getvalue()


def test_a_key_as_it_is_made_does_not_show() -> None:
    secret = new_secret()
    assert Redaction().text(f"key={secret}!") in {"key=***!", "key=pmt_***!"}


@pytest.mark.parametrize("prefix", ["pmt_", "pms_", "pmr_", "pmd_", "pml_"])
def test_secrets_of_every_kind_do_not_show(prefix: str) -> None:
    secret = new_secret(prefix)
    for text in (f"refused {secret} just now", f"/sign-in/{secret}", f"'{secret[:20]}'"):
        assert Redaction().text(text) == text.replace(secret, f"{prefix}***").replace(secret[:20], f"{prefix}***")


def test_access_tokens_do_not_show() -> None:
    token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJraW0ifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
    assert Redaction().text(f"of {token}: no") == "of eyJ***: no"
    assert Redaction().text(f"of {token.rpartition('.')[0]}: no") == "of eyJ***: no"


async def test_what_is_logged_deep_inside_has_the_requests_id(
    calling: httpx.AsyncClient, stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = stocked.templates.read

    async def telling(*given: Any, **named: Any) -> Any:
        logging.getLogger("registry.deep").warning("late")
        return await read(*given, **named)

    monkeypatch.setattr(type(stocked.templates), "read", lambda _self, *given, **named: telling(*given, **named))
    stream = set_up()
    await calling.get(f"{BASE}/templates/support/triage?label=latest", headers={"X-Request-Id": "mine-2"})
    await calling.get(f"{BASE}/templates/support/triage?ref=main", headers={"X-Request-Id": "mine-3"})
    assert [line["http"]["request"]["id"] for line in lines(stream)] == ["mine-2", "mine-3"]
    log.warning("afterwards")
    assert "http" not in lines(stream)[-1]


def test_a_route_of_nothing() -> None:
    assert route_of({"type": "http", "path": "/x"}) == ""


def test_a_server_tells_in_json_and_shows_no_key(tmp_path: Path) -> None:
    from tests.running import Running

    running = Running(
        tmp_path / "data", tmp_path / "log", settings={"PROMPTUARY_LOG_FORMAT": "json", "PROMPTUARY_LOG_LEVEL": "debug"}
    )
    running.start()
    try:
        assert running.call("GET", "/api/v1/repositories")[0] == 200
        running.call("GET", f"/api/v1/repositories?key={running.key}")
    finally:
        running.stop()
    text = running.log.read_text()
    told = [json.loads(line) for line in text.splitlines()]
    assert any("Promptuary serves" in line["message"] for line in told)
    assert any(line.get("url", {}).get("path") == "/api/v1/repositories" for line in told)
    assert running.key not in text
