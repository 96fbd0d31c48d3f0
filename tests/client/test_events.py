"""Changes that are seen as they happen, and streams that break off, say nothing or do not exist."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from promptuary_client import Client, events
from promptuary_client.events import Told, read_events
from tests.client.conftest import eventually
from tests.client.nasty import SOURCE, Handler, Nasty

NAME = "support/hello"
Connect = Callable[..., Client]


class Stream:
    """The scripted server's event stream; what a test adds to ``frames`` is sent, None ends the connection."""

    def __init__(self, nasty: Nasty) -> None:
        self.nasty = nasty
        self.version = 1
        self.frames: list[bytes | None] = []
        self.more = threading.Condition()
        nasty.script = self

    def __call__(self, handler: Handler) -> None:
        if "/events" not in handler.path:
            handler.template(version=self.version, source=SOURCE + f"# {self.version}\n")
            return
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 2000\nid: 0\n\n")
        while True:
            with self.more:
                while not self.frames:
                    self.more.wait(5)
                frame = self.frames.pop(0)
            if frame is None:
                return
            handler.wfile.write(frame)

    def send(self, frame: bytes | None) -> None:
        with self.more:
            self.frames.append(frame)
            self.more.notify()

    def tell(self, number: int, **data: object) -> None:
        said = json.dumps({"repository": "default", "commit": "c", "name": None, **data})
        self.send(f"id: {number}\nevent: {data['type']}\ndata: {said}\n\n".encode())

    def requests(self, what: str) -> list[dict[str, str]]:
        return [dict(asked.headers) for asked in self.nasty.asked if what in asked.path]


@pytest.fixture
def stream(nasty: Nasty) -> Iterator[Stream]:
    made = Stream(nasty)
    yield made
    made.send(None)


@pytest.fixture
def client(stream: Stream, connect: Connect) -> Client:
    """A client that has read the template, and is following."""
    client = connect(events=True, ttl=1000)
    client.get(NAME)
    # When the stream begins, what was read before is stale: it is read again before a test counts requests.
    stream.tell(40, type="ref_projected")
    engine = client._engine
    eventually(lambda: engine.follower is not None and engine.follower._last_id == "40")
    key = (NAME, None, None, None)
    eventually(lambda: bool(client.get(NAME) and client._entries[key].fresh_until and not engine.reads._flights))
    stream.nasty.asked.clear()
    return client


def test_a_change_is_fetched_before_anybody_asks(stream: Stream, client: Client) -> None:
    stream.version = 3
    stream.tell(1, type="label_moved", name=NAME)
    eventually(lambda: len(stream.requests("/templates")) == 1)
    eventually(lambda: client.get(NAME).version == 3)
    assert len(stream.requests("/templates")) == 1


def test_what_concerns_others_costs_nothing(stream: Stream, client: Client) -> None:
    stream.tell(1, type="template_changed", name="another/one")
    stream.tell(2, type="ref_projected")
    time.sleep(0.1)
    client.get(NAME)
    time.sleep(0.05)
    assert stream.requests("/templates") == []


def test_a_reset_makes_everything_stale(stream: Stream, client: Client) -> None:
    stream.version = 3
    stream.tell(1, type="reset")
    eventually(lambda: client.get(NAME).version == 3)


def test_a_stream_that_broke_off_is_resumed(stream: Stream, client: Client) -> None:
    stream.tell(41, type="ref_projected")
    stream.send(b'id: 42\ndata: {"type": "template_ch')  # the rest never comes
    stream.send(None)
    eventually(lambda: len(stream.requests("/events")) == 1)
    assert stream.requests("/events")[0]["last-event-id"] == "41"
    stream.version = 4
    stream.tell(42, type="template_changed", name=NAME)
    eventually(lambda: client.get(NAME).version == 4)


def test_a_change_while_a_read_is_on_its_way_is_not_lost(stream: Stream, connect: Connect) -> None:
    client = connect(events=True, ttl=1000, timeout=5)
    held, entered = threading.Event(), threading.Event()
    plain = stream.nasty.script

    def hold(handler: Handler) -> None:
        if "/templates" in handler.path and not entered.is_set():
            entered.set()
            old = stream.version
            held.wait(5)
            handler.template(version=old, source=SOURCE + f"# {old}\n")
        else:
            plain(handler)

    stream.nasty.script = hold
    reader = threading.Thread(target=client.get, args=(NAME,))
    reader.start()
    entered.wait(5)
    stream.version = 2
    stream.tell(1, type="label_moved", name=NAME)
    time.sleep(0.1)
    held.set()
    reader.join()
    eventually(lambda: client.get(NAME).version == 2)


@pytest.mark.parametrize(("status", "again"), [(404, False), (503, True)])
def test_a_server_without_a_stream_is_not_pressed_for_one(
    nasty: Nasty, connect: Connect, status: int, again: bool
) -> None:
    nasty.script = lambda handler: handler.answer(status) if "/events" in handler.path else handler.template()
    client = connect(events=True)
    assert client.get(NAME).version == 1

    def times() -> int:
        return sum("/events" in asked.path for asked in nasty.asked)

    eventually(lambda: times() >= 1 + again)
    time.sleep(0.2)
    assert again or times() == 1
    assert client.get(NAME).version == 1


def test_a_stream_that_is_cut_off_soon_is_asked_for_again_soon_while_it_tells_something(
    stream: Stream, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some proxies end every answer after a few seconds."""
    monkeypatch.setattr(events, "_FIRST_PAUSE", 0.01)
    follower = client._engine.follower
    assert follower is not None
    for number in range(41, 47):
        seen = len(stream.requests("/events"))
        stream.tell(number, type="ref_projected")
        stream.send(None)
        eventually(lambda seen=seen: len(stream.requests("/events")) > seen)
        assert follower._failures <= 1


@pytest.mark.parametrize(("steady", "in_a_row"), [(0.02, False), (5.0, True)])
def test_a_silent_stream_that_is_cut_off_is_a_failure_only_if_that_was_at_once(
    stream: Stream, client: Client, monkeypatch: pytest.MonkeyPatch, steady: float, in_a_row: bool
) -> None:
    monkeypatch.setattr(events, "STEADY_SECONDS", steady)
    monkeypatch.setattr(events, "_FIRST_PAUSE", 0.001)
    follower = client._engine.follower
    assert follower is not None
    for _ in range(5):
        seen = len(stream.requests("/events"))
        time.sleep(0.05)
        stream.send(None)
        eventually(lambda seen=seen: len(stream.requests("/events")) > seen)
    assert (follower._failures > 3) == in_a_row


def test_a_stream_that_was_not_there_is_found_later(
    stream: Stream, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy says 404, too, while its server is away."""
    monkeypatch.setattr(events, "REFUSED_PAUSE", 0.1)
    stream.nasty.script = lambda handler: handler.answer(404) if "/events" in handler.path else handler.template()
    client = connect(events=True, ttl=1000)
    client.get(NAME)
    eventually(lambda: len(stream.requests("/events")) > 1)
    stream.nasty.script = stream
    stream.tell(7, type="ref_projected")
    engine = client._engine
    eventually(lambda: engine.follower is not None and engine.follower._last_id == "7")


ROUTE_MISSING = {"type": "/docs/errors#route-not-found", "detail": "There is no route /x"}
NO_REPOSITORY = {"type": "/docs/errors#repository-not-found", "detail": "There is no repository 'nope'"}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, NO_REPOSITORY, "could be followed: There is no repository 'nope'"),
        (404, b"<html>", "no event stream"),
        (404, ROUTE_MISSING, "no event stream"),
        (401, {"type": "/docs/errors#unauthenticated", "detail": "No such key"}, "refused: No such key"),
        (503, {"type": "/docs/errors#too-busy", "detail": "Too many streams"}, "back: Too many streams"),
    ],
)
def test_why_there_is_no_stream_is_told_once_in_the_servers_words(
    nasty: Nasty, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    status: int, body: object, words: str,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(events, "REFUSED_PAUSE", 0.01)
    monkeypatch.setattr(events, "_FIRST_PAUSE", 0.01)
    nasty.script = lambda handler: handler.answer(status, body) if "/events" in handler.path else handler.template()
    connect(events=True).get(NAME)
    eventually(lambda: sum("/events" in asked.path for asked in nasty.asked) > 2)
    assert [words in message for message in caplog.messages] == [True]


def test_a_stream_that_is_away_is_told_once_and_that_it_is_back(
    stream: Stream, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(events, "_FIRST_PAUSE", 0.01)
    follower = client._engine.follower
    assert follower is not None
    stream.nasty.stop()
    for _ in range(2):  # the stream ends; the next ones are refused
        stream.send(None)
    eventually(lambda: follower._failures > 3)
    assert len(caplog.messages) == 1
    assert "The server cannot be reached: Connection refused" in caplog.text
    stream.frames.clear()
    stream.nasty.start()
    eventually(lambda: caplog.messages[1:] == ["The event stream is back"])


def test_lines_are_read_as_the_standard_says() -> None:
    lines = [
        ": a comment", "", "id: 1", "", "id:2", "event: x", "data: {", 'data: "name": "a/b"}', "",
        "data: no JSON", "", 'data: {"type": "ref_projected"}', "", "data: [1]", "", "id: 9", "data: cut off",
    ]  # fmt: skip
    assert list(read_events(iter(lines))) == [
        Told("1", None),
        Told("2", "a/b"),
        Told(None, None, about_all=True),
        Told(None, None),
        Told(None, None, about_all=True),
    ]
