"""Reads by way of memory, with servers that are slow, die, lie and come back."""

import enum
import http
import json
import logging
import os
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import pytest

from promptuary_client import (
    BadRequest,
    Client,
    Denied,
    Gone,
    Moved,
    NotFound,
    Prompt,
    Unauthorized,
    Unavailable,
    Untrustworthy,
    VariablesInvalid,
)
from tests.client.conftest import eventually
from tests.client.nasty import KEY, SOURCE, Handler, Nasty, serving, template

Connect = Callable[..., Client]
NAME = "support/hello"
FOLDER = "/api/v1/repositories/default/templates/"
OTHER = SOURCE.replace("Hello", "Welcome")


def problem(name: str, status: int, **members: Any) -> dict[str, Any]:
    return {"type": f"/docs/errors#{name}", "title": "No", "status": status, "detail": f"{name}!", **members}


def test_what_is_fresh_is_answered_without_the_network(nasty: Nasty, connect: Connect) -> None:
    client = connect(ttl=60)
    first = client.get(NAME, label="production")
    assert client.get(NAME, label="production") is first
    assert (first.reference, first.origin) == (template()["reference"], "server")
    assert len(nasty.asked) == 1
    asked = nasty.asked[0]
    assert asked.path == "/api/v1/repositories/default/templates/support/hello?label=production"
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_what_is_stale_is_answered_at_once_while_one_request_refreshes_it(nasty: Nasty, connect: Connect) -> None:
    client = connect(ttl=0.0)
    old = client.get(NAME)
    released = threading.Event()

    def slowly(handler: Handler) -> None:
        released.wait(5)
        handler.template(source=OTHER, version=2)

    nasty.script = slowly
    began = time.monotonic()
    assert all(client.get(NAME) is old for _ in range(50))
    assert time.monotonic() - began < 0.2
    eventually(lambda: len(nasty.asked) == 2)
    released.set()
    eventually(lambda: client.get(NAME).version == 2)
    assert nasty.asked[1].headers["if-none-match"] == old.etag


def test_an_unchanged_template_costs_a_304_and_is_fresh_again(nasty: Nasty, connect: Connect) -> None:
    client = connect(ttl=0.2)
    first = client.get(NAME)
    time.sleep(0.25)
    client.get(NAME)
    eventually(lambda: len(nasty.asked) == 2)
    time.sleep(0.05)
    assert client.get(NAME) is first
    assert len(nasty.asked) == 2


def test_many_who_ask_for_the_same_share_one_request(nasty: Nasty, connect: Connect) -> None:
    def slowly(handler: Handler) -> None:
        time.sleep(0.2)
        handler.template()

    nasty.script = slowly
    client = connect()
    with ThreadPoolExecutor(20) as threads:
        prompts = list(threads.map(lambda _: client.get(NAME), range(20)))
    assert len({id(prompt) for prompt in prompts}) == 1
    assert len(nasty.asked) == 1


def dribble(handler: Handler) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def silence(_handler: Handler) -> None:
    time.sleep(3)


def endless(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(b" " * 100)
        time.sleep(0.01)


@pytest.mark.parametrize("script", [dribble, silence, endless])
def test_a_slow_server_takes_no_longer_than_the_time_limit(
    nasty: Nasty, connect: Connect, script: Callable[[Handler], None]
) -> None:
    nasty.script = script
    client = connect(timeout=0.4)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        client.get(NAME)
    assert time.monotonic() - began < 1.2
    began = time.monotonic()
    assert client.get(NAME, default="Hi").origin == "default"
    assert time.monotonic() - began < 0.1, "a server that was away a moment ago is not waited for"
    eventually(lambda: not client._engine.reads._flights, 1.0)  # its thread has given up, too


def test_a_name_server_that_hangs_takes_no_longer_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2))
    with Client("http://registry.example", KEY, timeout=0.2) as client:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            client.get(NAME)
        assert time.monotonic() - began < 1.0


def broken_off(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{")
    handler.drop()


def garbage(handler: Handler) -> None:
    handler.wfile.write(b"\x00\xff no HTTP at all\r\n\r\n")
    handler.drop()


@pytest.mark.parametrize("script", [broken_off, garbage, Handler.drop])
def test_a_dying_server_is_asked_again(nasty: Nasty, connect: Connect, script: Callable[[Handler], None]) -> None:
    def once(handler: Handler) -> None:
        nasty.script = Handler.template
        script(handler)

    nasty.script = once
    assert connect().get(NAME).version == 1
    assert len(nasty.asked) == 2


LIES = {
    "digest": {"digest": "0" * 64, "reference": f"{NAME}@1#00000000"},
    "text": {"source": OTHER, "digest": template()["digest"]},
    "reference": {"reference": f"{NAME}@7#{template()['digest'][:8]}"},
    "partial": {"partials": {}, "source": SOURCE + '# {% include "p/q" %}\n', "digest": template()["digest"]},
    "name": {"name": "support/other"},
    "form": {"partials": {"a": 1}},
    "no object": {"source": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_server_is_found_out(nasty: Nasty, connect: Connect, lie: str) -> None:
    body = {**template(), **LIES[lie]}
    if lie == "name":
        body = template(**LIES[lie])
    nasty.script = lambda handler: handler.answer(200, body, ETag='"x"')
    client = connect()
    with pytest.raises(Untrustworthy):
        client.get(NAME)
    assert client.get(NAME, default="Hi").origin == "default"


def test_an_answer_to_another_question_is_found_out(nasty: Nasty, connect: Connect) -> None:
    client = connect()
    with pytest.raises(Untrustworthy):
        client.get(NAME, version=2)
    with pytest.raises(Untrustworthy):
        client.get(NAME, label="staging")


def test_a_server_that_begins_to_lie_changes_nothing(nasty: Nasty, connect: Connect) -> None:
    client = connect(ttl=0.0)
    good = client.get(NAME)
    nasty.script = lambda handler: handler.answer(200, {**template(source=OTHER), "digest": "1" * 64})
    client.get(NAME)
    eventually(lambda: len(nasty.asked) > 1)
    time.sleep(0.05)
    assert client.get(NAME) is good


def test_the_digest_covers_partials_and_what_is_missing(nasty: Nasty, connect: Connect) -> None:
    source = SOURCE + "# {% include \"p/b\" %} {%- include 'p/a' %}\n"
    partials = {"p/a": "text: \"{% include 'p/b' %}\"\n", "p/b": "text: 한글\r\n"}
    nasty.script = lambda handler: handler.template(source=source, partials=partials)
    assert connect().get(NAME).partials == partials


def test_a_killed_server_breaks_nothing_and_is_found_again(nasty: Nasty, connect: Connect) -> None:
    client = connect(ttl=0.0, retries=0)
    old = client.get(NAME)
    nasty.stop()
    nasty.script = Handler.drop  # for the connection that is still open
    began = time.monotonic()
    for _ in range(100):
        assert client.get(NAME) is old
        time.sleep(0.002)
    assert time.monotonic() - began < 1.0
    nasty.script = lambda handler: handler.template(source=OTHER, version=2)
    nasty.start()
    eventually(lambda: client.get(NAME).version == 2)


def test_many_stale_prompts_wait_for_a_dead_server_once(nasty: Nasty, connect: Connect) -> None:
    nasty.script = lambda handler: handler.template(name=handler.path.rpartition("/")[2])
    client = connect(ttl=0.0, retries=0, timeout=0.4)
    names = [f"p{number}" for number in range(40)]
    for name in names:
        client.get(name)
    nasty.script = silence
    for name in names:
        client.get(name)
    time.sleep(0.8)
    assert client._engine.reads._flights == {}, "all have given up after the first two"


def test_one_caller_tries_a_hanging_server_and_the_others_do_not_wait(nasty: Nasty, connect: Connect) -> None:
    nasty.script = silence
    client = connect(retries=0, timeout=1.0)
    assert client.render(NAME, default="Hi").text == "Hi"
    asked, reads = len(nasty.asked), client._engine.reads

    def seconds(_: int) -> float:
        began = time.monotonic()
        assert client.render(NAME, default="Hi").text == "Hi"
        return time.monotonic() - began

    for _ in range(2):  # a trial that fails is followed by another
        reads._away_until = 0.0  # its pause is over
        with ThreadPoolExecutor(10) as threads:
            waited = sorted(threads.map(seconds, range(10)))
        assert waited[-2] < 0.8 < waited[-1]
        assert reads._away_until < time.monotonic() + 5, "the trial has ended, and a pause as usual begun"
    assert len(nasty.asked) == asked + 2
    nasty.script = lambda handler: handler.answer(422, problem("variables-invalid", 422))
    reads._away_until = 0.0
    with pytest.raises(VariablesInvalid):
        client.render(NAME, default="Hi")
    assert reads._away_until == 0.0, "it has answered, whatever it said"


def test_a_refused_key_leaves_what_is_known(nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    client = connect(ttl=0.0)
    known = client.get(NAME)
    nasty.script = lambda handler: handler.answer(401, problem("unauthenticated", 401))
    with caplog.at_level(logging.WARNING):
        client.get(NAME)
        eventually(lambda: "unauthenticated!" in caplog.text)
    assert client.get(NAME) is known
    with pytest.raises(Unauthorized):
        client.get("another/one")


def test_retry_after_is_respected(nasty: Nasty, connect: Connect) -> None:
    def first_busy(handler: Handler) -> None:
        nasty.script = Handler.template
        handler.answer(503, problem("unavailable", 503), Retry_After="1")

    nasty.script = first_busy
    began = time.monotonic()
    assert connect(timeout=5).get(NAME).version == 1
    assert 1.0 <= time.monotonic() - began < 2.5


def test_who_asks_for_more_time_than_there_is_gets_none(nasty: Nasty, connect: Connect) -> None:
    nasty.script = lambda handler: handler.answer(503, problem("unavailable", 503), Retry_After="3600")
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        connect().get(NAME)
    assert time.monotonic() - began < 0.5
    assert (caught.value.retry_after, caught.value.status, len(nasty.asked)) == (3600.0, 503, 1)


def test_what_is_not_there_is_told_with_what_is_like_it_and_kept_for_a_while(nasty: Nasty, connect: Connect) -> None:
    nasty.script = lambda handler: handler.answer(404, problem("template-not-found", 404, nearest=["a/b"]))
    client = connect()
    for _ in range(3):
        with pytest.raises(NotFound, match="template-not-found") as caught:
            client.get(NAME)
        assert caught.value.nearest == ("a/b",)
    assert len(nasty.asked) == 1
    assert client.get(NAME, default="Hi").document["text"] == "Hi"


def test_what_was_deleted_is_no_longer_answered(nasty: Nasty, connect: Connect) -> None:
    client = connect(ttl=0.0)
    client.get(NAME)
    nasty.script = lambda handler: handler.answer(410, problem("template-gone", 410, last_version=3))
    client.get(NAME)

    def is_gone() -> bool:
        try:
            client.get(NAME)
        except Gone as gone:
            return gone.last_version == 3
        return False

    eventually(is_gone)


def test_a_renamed_template_is_followed_within_the_origin(nasty: Nasty, connect: Connect) -> None:
    def moved(handler: Handler) -> None:
        if "new" in handler.path:
            handler.template(name="support/new")
        else:
            handler.answer(308, problem("template-moved", 308), Location=handler.path.replace("hello", "new"))

    nasty.script = moved
    assert connect().get(NAME, label="production").name == "support/new"
    assert [asked.path.rpartition("/")[2] for asked in nasty.asked] == [
        "hello?label=production",
        "new?label=production",
    ]


@pytest.mark.parametrize("form", ["http://127.0.0.1:{port}/x", "//127.0.0.1:{port}/x", "http://a:b@127.0.0.1:{own}/x"])
def test_no_other_origin_gets_the_key(nasty: Nasty, connect: Connect, form: str) -> None:
    with serving(Handler.template) as other:
        where = form.format(port=other.port, own=nasty.port)
        nasty.script = lambda handler: handler.answer(308, Location=where)
        with pytest.raises(Unavailable, match="another origin"):
            connect().get(NAME)
        assert other.asked == []


def test_redirects_in_a_circle_end(nasty: Nasty, connect: Connect) -> None:
    nasty.script = lambda handler: handler.answer(308, Location=handler.path)
    with pytest.raises(Unavailable, match="more than 3 times"):
        connect(retries=0).get(NAME)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(302, Untrustworthy), (400, Untrustworthy), (401, Unauthorized), (403, Denied), (404, Untrustworthy),
     (410, Untrustworthy), (500, Unavailable)],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"<html>", b'{"detail": "Not Found"}', b'{"type": "https://else.example/not-found"}'])
def test_what_a_proxy_says_is_an_error_too_but_no_word_of_promptuary(
    nasty: Nasty, connect: Connect, status: int, kind: type[Exception], body: bytes
) -> None:
    nasty.script = lambda handler: handler.answer(status, body)
    with pytest.raises(kind) as caught:
        connect().get(NAME)
    assert type(caught.value) is kind
    assert connect().get(NAME, default="Hi").origin == "default"


@pytest.mark.parametrize("status", [404, 410])
def test_a_proxy_whose_server_has_gone_changes_nothing(
    nasty: Nasty, connect: Connect, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(ttl=0.0)
    known = client.get(NAME)
    nasty.script = lambda handler: handler.answer(status, b"<html>no backend</html>")
    with caplog.at_level(logging.WARNING):
        client.get(NAME)
        eventually(lambda: f"answered {status}" in caplog.text)
    assert client.get(NAME) is known


ODD_NAMES = [
    "it's \"quoted\"", " before", "after ", ".hidden", "a.json", "Support/Triage", "a%2Fb", "a?b#c", "/a//b/", "a\\b",
    "a\nb", "..", "x" * 500, "상품", "a+b&c=d;e",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_the_servers_to_judge(nasty: Nasty, connect: Connect, name: str) -> None:
    """After an import it may answer an old name, which could not be given today, with where it is now."""

    def moved(handler: Handler) -> None:
        if handler.path.endswith("new?label=production"):
            handler.template(name="support/new")
        else:
            handler.answer(308, problem("template-moved", 308), Location=f"{FOLDER}support/new?label=production")

    nasty.script = moved
    assert connect().get(name, label="production").name == "support/new"
    asked = nasty.asked[0].path.removeprefix(FOLDER).removesuffix("?label=production")
    assert (unquote(asked), "?" in asked) == (name, False)


@pytest.mark.parametrize("default", [{"role": "user", "content": "Hi"}, ["Hi"], 5, b"Hi"])
def test_a_default_that_is_none_is_told_before_it_is_needed(connect: Connect, default: Any) -> None:
    client = connect()
    for call in (client.get, client.render):
        with pytest.raises(TypeError, match="default= is a text, a list of messages or a Prompt, not"):
            call(NAME, default=default)
    assert client.get(NAME, default=()).origin == "server"


def test_a_page_of_another_server_is_no_template(nasty: Nasty, connect: Connect) -> None:
    nasty.script = lambda handler: handler.answer(200, b"<html>")
    with pytest.raises(Untrustworthy, match="Promptuary server"):
        connect().get(NAME)


def test_a_write_whose_answer_was_lost_is_sent_again_under_its_key(nasty: Nasty, connect: Connect) -> None:
    written = {"name": NAME, "version": 2, "commit": "c", "digest": "d", "etag": "e", "created": False, "changed": True}

    def once(handler: Handler) -> None:
        nasty.script = lambda again: again.answer(200, written)
        handler.drop()

    nasty.script = once
    client = connect()
    assert client.put(NAME, SOURCE, etag='"v1"', message="한글").version == 2
    keys = [asked.headers["idempotency-key"] for asked in nasty.asked]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert (nasty.asked[1].headers["if-match"], nasty.asked[1].body) == ('"v1"', SOURCE.encode())
    client.put(NAME, SOURCE)
    assert nasty.asked[2].headers["idempotency-key"] != keys[0]
    assert nasty.asked[2].headers["if-none-match"] == "*"


def test_a_write_is_not_followed_elsewhere(nasty: Nasty, connect: Connect) -> None:
    nasty.script = lambda handler: handler.answer(308, problem("template-moved", 308, to="a/new"), Location="/x")
    with pytest.raises(Moved) as caught:
        connect().put(NAME, SOURCE, etag="*")
    assert caught.value.to == "a/new"
    assert len(nasty.asked) == 1


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(nasty: Nasty, connect: Connect) -> None:
    def and_close(handler: Handler) -> None:
        handler.template()
        handler.close_connection = True  # without saying so in the answer

    nasty.script = and_close
    client = connect(retries=0)
    for label in ("a", "b", "c"):
        with pytest.raises(Untrustworthy):  # it does not carry these labels; but it answers
            client.get(NAME, label=label)


def test_memory_is_bounded_and_keeps_what_is_used(nasty: Nasty, connect: Connect) -> None:
    nasty.script = lambda handler: handler.template(name=handler.path.rpartition("/")[2])
    client = connect(cache_bytes=20_000)
    client.get("used")
    for number in range(60):
        client.get(f"other-{number}")
        client.get("used")
    names = [asked.path.rpartition("/")[2] for asked in nasty.asked]
    assert names.count("used") == 1
    client.get("other-0")
    assert len(nasty.asked) == 62, "the oldest had to go"


def test_a_fork_has_threads_and_connections_of_its_own(nasty: Nasty, connect: Connect) -> None:
    client = connect()
    client.get(NAME)
    child = os.fork()
    if child == 0:
        try:
            stale, fresh = client.get(NAME), client.get("support/hello", version=1)
            os._exit(0 if stale.version == fresh.version == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.get(NAME, version=1).version == 1


def test_the_key_is_nowhere_to_be_seen(nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    client = connect(ttl=0.0, retries=0)
    client.get(NAME)
    shown = [repr(client), repr(client._engine), repr(vars(client._engine.transport)), str(client._engine.options)]
    with caplog.at_level(logging.DEBUG):
        nasty.stop()
        nasty.script = Handler.drop
        for ask in (lambda: client.get("a/b"), lambda: client.put(NAME, SOURCE), lambda: client.render(NAME)):
            with pytest.raises(Exception) as caught:
                ask()
            shown += [repr(caught.value), str(caught.value), repr(caught.value.__dict__)]
    assert not any(KEY in each for each in [*shown, caplog.text])


@pytest.mark.parametrize(
    "url", ["http://me:pk_1@host", "http://pk_1@host", "ftp://host", "host:8000", "http://", "http://host:99999",
            "http://host/?a=1"],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        Client(url, KEY)
    assert "pk_1" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX: y", "열쇠"])
def test_keys_that_are_none_are_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="The key") as caught:
        Client("http://host", key)
    assert not key or key not in str(caught.value)


def test_selectors_that_do_not_go_together(nasty: Nasty, connect: Connect) -> None:
    client = connect()
    for wrong in ({"version": 1, "label": "a"}, {"version": 0}):
        with pytest.raises(BadRequest):
            client.get(NAME, default="x", **wrong)
    for ask in (
        lambda: client.get(""),
        lambda: client.get("half\ud800"),
        lambda: client.get(NAME, label="half\ud800"),
        lambda: client.label(NAME, ""),
        lambda: client.label(NAME, "a/b"),
        lambda: client.move_label("", "staging", 1),
        lambda: client.put("", SOURCE),
        lambda: client.put(NAME, "half\ud800"),
        lambda: client.put(NAME, {"text": object()}),
        lambda: client.put(NAME, {"text": float("nan")}),
        lambda: client.put(NAME, SOURCE, etag="a\r\nX: y"),
        lambda: client.put(NAME, SOURCE, etag="한"),
        lambda: client.roll_back(NAME, "staging", reason="half\ud800"),
    ):
        with pytest.raises(BadRequest):
            ask()
    assert nasty.asked == []


def test_values_that_are_no_json_are_named_before_anything_is_asked(nasty: Nasty, connect: Connect) -> None:
    client = connect()
    for wrong in (object(), {"when": {1, 2}}, float("inf"), "\ud800", {1: 2}, 2**64):
        for ask in (
            lambda: client.render(NAME, {"who": wrong}, default="Hi"),  # noqa: B023 - called at once
            lambda: client.request_body(NAME, {"who": wrong}, provider="openai", default="Hi"),  # noqa: B023
        ):
            with pytest.raises(VariablesInvalid, match="who") as caught:
                ask()
            assert caught.value.names == ("who",)
    assert nasty.asked == []


class Mood(str, enum.Enum):  # noqa: UP042 - what programs for older Pythons have
    GLAD = "glad"


def test_values_are_the_same_wherever_they_are_rendered(nasty: Nasty, connect: Connect) -> None:
    values = {"who": Mood.GLAD, "list": ("a", 1), "n": http.HTTPStatus.OK, "map": OrderedDict(a=(True, None))}
    rendered = {"name": NAME, "version": 1, "reference": "r", "text": "t", "messages": None, "ignored_variables": []}
    nasty.script = lambda handler: handler.answer(200, rendered)
    client = connect(retries=0)
    client.render(NAME, values)
    plain = {"who": "glad", "list": ["a", 1], "n": 200, "map": {"a": [True, None]}}
    assert json.loads(nasty.asked[0].body) == {"variables": plain}
    nasty.stop()
    text = "{{ who }} {{ list }} {{ n }} {{ map }}"
    there = connect(retries=0).render(NAME, values, default=text).text
    assert there == 'glad ["a",1] 200 {"a":[true,null]}'


def test_a_default_may_be_a_prompt_that_was_kept(nasty: Nasty, connect: Connect) -> None:
    kept: Prompt = connect().get(NAME)
    nasty.stop()
    assert connect(retries=0).get("gone/away", default=kept) is kept


def test_options_that_make_no_sense() -> None:
    for wrong in ({"ttl": -1}, {"timeout": 0}, {"timeout": float("nan")}):
        with pytest.raises(ValueError, match="must be a number"):
            Client("http://host", KEY, **wrong)
