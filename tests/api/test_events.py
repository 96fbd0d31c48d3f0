"""The stream of events of a real server: in order, resumable over restarts, filtered, for those who may."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.running import REPOSITORY, Running, commit, git, text_template
from tests.streams import Received, streaming

REFUND = "고객지원/환불"
EVENTS = f"/api/v1/repositories/{REPOSITORY}/events"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "data", tmp_path / "log")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for those who do not mind what others did."""
    folder = tmp_path_factory.mktemp("shared")
    running = Running(folder / "data", folder / "log")
    running.start()
    yield running
    running.stop()


def put(server: Running, name: str, text: str) -> str:
    """Writes a template, new or not; the commit."""
    status, _, answer = server.put(name, text_template(text), If_Match="*")
    if status in {404, 412}:
        status, _, answer = server.put(name, text_template(text), If_None_Match="*")
    assert status in {200, 201}, answer
    return str(answer["commit"])


def move(server: Running, label: str, name: str, version: int) -> str:
    path = f"/api/v1/repositories/{REPOSITORY}/labels/{label}/{quote(name)}"
    status, _, answer = server.call("PUT", path, json.dumps({"version": version}), {"Content-Type": "application/json"})
    assert status == 200, answer
    return str(answer["commit"])


def shown(events: list[Received]) -> list[tuple[str, str | None]]:
    return [(each.event, each.data["name"]) for each in events]


def test_what_happens_is_told_in_order_and_whole(server: Running) -> None:
    with streaming(server) as stream:
        first = put(server, REFUND, "one")
        second = move(server, "production", REFUND, 1)
        changed, reached, moved, reached_again = stream.take(4)
    assert changed.data == {
        "type": "template_changed",
        "repository": REPOSITORY,
        "name": REFUND,
        "commit": first,
        "version": 1,
        "valid": True,
        "cause": None,
        "moved_from": None,
    }
    assert reached.data | {"commit": None} == {
        "type": "ref_projected",
        "repository": REPOSITORY,
        "name": None,
        "commit": None,
        "ref": "refs/heads/main",
    }
    assert moved.data == {
        "type": "label_moved",
        "repository": REPOSITORY,
        "name": REFUND,
        "commit": second,
        "label": "production",
        "version": 1,
        "previous": None,
    }
    assert [each.event for each in (changed, reached, moved, reached_again)] == [
        each.data["type"] for each in (changed, reached, moved, reached_again)
    ]
    assert [each.id for each in (changed, reached)] == [f"1.1-{first[:12]}", f"1-{first[:12]}"]


def test_a_push_tells_of_removals_renames_and_dependents(server: Running, tmp_path: Path) -> None:
    put(server, "partials/tone", "Be kind.")
    put(server, "support/triage", '{% include "partials/tone" %}')
    put(server, "support/old", "Something long enough to be found again")
    put(server, "support/gone", "Another text")
    clone = tmp_path / "clone.git"
    git(tmp_path, "clone", "-q", "--bare", server.git_url, str(clone))
    files = {
        "prompts/partials/tone.prompt.yaml": text_template("Be brief."),
        "prompts/support/old.prompt.yaml": None,
        "prompts/support/new.prompt.yaml": text_template("Something long enough to be found again"),
        "prompts/support/gone.prompt.yaml": None,
    }
    tip = git(clone, "rev-parse", "main").strip()
    with streaming(server, type="template") as stream:
        git(clone, "push", "-q", server.git_url, f"{commit(clone, tip, files)}:main")
        events = stream.take(5)
    assert shown(events) == [
        ("template_removed", "support/gone"),
        ("template_moved", "support/old"),
        ("template_changed", "partials/tone"),
        ("template_changed", "support/new"),
        ("template_changed", "support/triage"),
    ]
    assert (events[1].data["moved_to"], events[1].data["version"]) == ("support/new", 1)
    assert events[3].data["moved_from"] == "support/old"
    assert (events[4].data["cause"], events[4].data["version"]) == ("partials/tone", 2)


def test_nothing_is_lost_or_doubled_over_connections_restarts_and_kills(server: Running) -> None:
    """Reads a few events a connection, while templates and labels change and the server comes and goes."""
    received: list[Received] = []
    with streaming(server) as stream:
        last = stream.last_id
    assert last == "0"
    for number in range(1, 7):
        put(server, REFUND, f"text {number}")
        move(server, "production", REFUND, number)
        if number == 2:
            server.stop()
            server.start()
        if number == 4:
            server.kill()
            server.start()
            server.wait_until_projected()
        with streaming(server, last) as stream:
            received += stream.take(3)  # of four: the rest comes with the next connection
            last = received[-1].id
    with streaming(server, last) as stream:
        received += stream.take(6)
        assert stream.none_for(0.3)
    with streaming(server, "0") as stream:
        assert stream.take(24) == received
    assert len({each.id for each in received}) == 24
    assert [each.data["version"] for each in received if each.event == "template_changed"] == [1, 2, 3, 4, 5, 6]
    assert [each.data["version"] for each in received if each.event == "label_moved"] == [1, 2, 3, 4, 5, 6]


def test_a_client_that_reconnects_while_things_happen_misses_nothing(server: Running) -> None:
    put(server, REFUND, "text 0")
    received: list[Received] = []
    last = "0"
    for number in range(1, 16):
        with streaming(server, last) as stream:
            put(server, REFUND, f"text {number}")
            received += stream.take(1)
            last = received[-1].id
    with streaming(server, last) as stream:
        received += stream.take(32 - len(received))
    versions = [each.data["version"] for each in received if each.event == "template_changed"]
    assert versions == list(range(1, 17))


def test_a_stream_ends_with_the_server_at_once_and_goes_on_after_it(server: Running) -> None:
    put(server, REFUND, "one")
    with streaming(server) as stream:
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 5
        assert stream.ended.wait(1)
        assert stream.last_id is not None
    server.start()
    put(server, REFUND, "two")
    with streaming(server, stream.last_id) as again:
        assert shown(again.take(2)) == [("template_changed", REFUND), ("ref_projected", None)]


def test_a_rebuild_keeps_every_id(server: Running) -> None:
    put(server, REFUND, "one")
    put(server, REFUND, "two")
    with streaming(server, "0") as stream:
        before = stream.take(4)
    server.stop()
    assert server.command("index", "rebuild").returncode == 0
    server.start()
    with streaming(server, before[0].id) as stream:
        assert stream.take(3) == before[1:]
        assert stream.none_for(0.2)


def test_after_the_branch_was_rewritten_everything_is_to_be_read_again(server: Running, tmp_path: Path) -> None:
    put(server, REFUND, "one")
    put(server, REFUND, "two")
    with streaming(server) as live:
        last = live.last_id
        assert last is not None
        tip = git(server.bare, "rev-parse", "main~1").strip()
        other = commit(server.bare, tip, {"README.md": "rewritten\n"})
        git(server.bare, "update-ref", "refs/heads/main", other)
        (reset,) = live.take(1, 60)
        assert (reset.event, reset.data["type"], reset.data["repository"]) == ("reset", "reset", REPOSITORY)
        put(server, REFUND, "three")
        assert live.take(1)[0].data["version"] == 2
    with streaming(server, last) as stream:
        (reset,) = stream.take(1)
        assert reset.event == "reset"
        assert stream.none_for(0.2), "what was there before the reset is read, not told"
    with streaming(server, reset.id) as stream:
        assert stream.none_for(0.2)


@pytest.mark.parametrize("unknown", ["nonsense", "99-9c1f0a6d3b7e", "1-000000000000", ""])
def test_an_id_that_is_not_of_this_history_gives_a_reset(shared: Running, unknown: str) -> None:
    name = f"unknown/id-{len(unknown)}"
    put(shared, name, "one")
    with streaming(shared, unknown) as stream:
        assert [each.event for each in stream.take(1)] == ["reset"]
        put(shared, name, "two")
        assert shown(stream.take(1)) == [("template_changed", name)]


def test_filters(server: Running) -> None:
    put(server, REFUND, "one")
    put(server, "support/triage", "one")
    put(server, "support/deep/er", "one")
    put(server, "supporting", "one")
    move(server, "production", "support/triage", 1)

    def found(count: int, **query: str) -> list[tuple[str, str | None]]:
        with streaming(server, "0", **query) as stream:
            events = stream.take(count)
            assert stream.none_for(0.2)
            return shown(events)

    below = [("template_changed", "support/triage"), ("template_changed", "support/deep/er")]
    assert found(3, folder="support") == [*below, ("label_moved", "support/triage")]
    assert found(2, folder="/support/", type="template") == below
    assert found(1, folder="고객지원") == [("template_changed", REFUND)]
    assert found(1, type="label_moved,label_dropped") == [("label_moved", "support/triage")]
    assert found(5, type="index") == [("ref_projected", None)] * 5
    assert len(found(6, type="index,label")) == 6


def test_after_in_the_query_is_the_same_as_the_header(server: Running) -> None:
    put(server, REFUND, "one")
    with streaming(server, after="0", type="template") as stream:
        assert shown(stream.take(1)) == [("template_changed", REFUND)]


def test_many_may_listen(server: Running) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(streaming(server, type="label")) for _ in range(50)]
        put(server, REFUND, "one")
        move(server, "production", REFUND, 1)
        assert len({stream.take(1)[0].id for stream in streams}) == 1
        server.stop()
        assert all(stream.ended.wait(2) for stream in streams)


def test_who_may_not_read_gets_no_stream(shared: Running) -> None:
    assert shared.call("GET", EVENTS, headers={"Authorization": "Bearer pmt_nothing"})[0] == 401
    assert shared.call("GET", EVENTS.replace("default", "other"))[0] == 404
    assert shared.call("GET", f"{EVENTS}?type=templates")[0] == 400
    assert shared.call("GET", f"{EVENTS}?since=0")[0] == 400
    reader = shared.command("key", "create", "--scope", "read", "--json")
    secret = json.loads(reader.stdout)["key"]
    with socket.create_connection(("127.0.0.1", shared.port)) as plain:
        plain.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n".encode())
        assert plain.recv(100).startswith(b"HTTP/1.1 200")


async def test_only_the_head_of_a_stream_can_be_asked_for(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(5):
        answer = await client.head("/events")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
