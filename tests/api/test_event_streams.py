"""What ends a stream, and what is sent while nothing happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from api import event_streams
from api.cookies import NAME as COOKIE
from registry.bootstrap import Registry
from registry.domain.events import Event, LabelMoved, Position
from registry.domain.ids import CommitId, LabelName, RepositoryName, TemplateName, UserName
from registry.domain.key_secrets import SESSION_PREFIX
from registry.domain.roles import Scope
from registry.services.event_feed import Notice, Told
from tests.api.test_permissions import ADMIN
from tests.stock import DEFAULT, TONE, write_files

PATH = "/api/v1/repositories/default/events"


class Open:
    """A stream of the application itself, without a socket between."""

    def __init__(self, app: Any, secret: str, query: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()
        scope = {
            "type": "http",
            "method": "GET",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": query.encode(),
            "headers": [
                (b"cookie", f"{COOKIE}={secret}".encode())
                if secret.startswith(SESSION_PREFIX)
                else (b"authorization", f"Bearer {secret}".encode())
            ],
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    async def until(self, text: str) -> None:
        async with asyncio.timeout(5):
            while text not in self.text:
                await asyncio.sleep(0.01)

    async def ended(self) -> bool:
        """Whether the answer is whole."""
        await asyncio.wait_for(self.task, 5)
        return not self.sent[-1].get("more_body", False)

    async def _receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.takes.wait()
        self.sent.append(message)


@asynccontextmanager
async def opened(app: Any, secret: str, query: str = "") -> AsyncIterator[Open]:
    stream = Open(app, secret, query)
    try:
        await stream.until("retry: ")
        yield stream
    finally:
        stream.left.set()
        await asyncio.wait_for(stream.task, 5)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.05)


async def test_silence_is_broken_by_comments(app: Any, keys: dict[str, str], often: None) -> None:
    async with opened(app, keys["read"]) as stream:
        await stream.until("\n\n:\n\n:\n\n")
        assert stream.text.startswith("retry: 2000\nid: 3-")
        assert "data" not in stream.text


async def test_a_comment_carries_the_place_past_what_is_not_wanted(
    app: Any, keys: dict[str, str], stocked: Registry, often: None
) -> None:
    async with opened(app, keys["read"], "type=label") as stream:
        await write_files(stocked, {"prompts/partials/tone.prompt.yaml": TONE.replace("brief", "calm")}, "Calm down")
        await stream.until("\n\n:\nid: 4-")
        assert "event" not in stream.text


async def test_a_revoked_key_ends_its_streams(app: Any, keys: dict[str, str], stocked: Registry, often: None) -> None:
    async with opened(app, keys["read"]) as stream, opened(app, keys["write"]) as other:
        (key,) = [key for key in await stocked.accounts.list_keys("ada") if key.scope.value == "read"]
        await stocked.accounts.revoke_key(key.id)
        assert await stream.ended()
        assert not other.task.done()


async def test_with_a_revoked_key_end_the_streams_of_what_it_made(
    app: Any, keys: dict[str, str], stocked: Registry, often: None
) -> None:
    actor = await stocked.identification.authenticate(keys["write"])
    _, child = await stocked.api_keys.create(actor, Scope.READ)
    async with opened(app, child) as stream:
        await stocked.accounts.revoke_key(actor.key_id or "")
        assert await stream.ended()


async def test_a_session_that_ends_ends_its_streams(app: Any, stocked: Registry, often: None) -> None:
    await stocked.accounts.create_key(user="kim", scope=Scope.READ)
    kim = (await stocked.access.find_user(UserName("kim"), ADMIN)).user
    session, secret = await stocked.signing_in.sessions.begin(kim, "password", "a browser")
    async with opened(app, secret) as stream:
        actor = await stocked.identification.authenticate(secret)
        await stocked.signing_in.sessions.revoke(session.id, actor)
        assert await stream.ended()


async def test_a_client_that_leaves_leaves_nothing_behind(app: Any, keys: dict[str, str], stocked: Registry) -> None:
    before = len(asyncio.all_tasks())
    async with opened(app, keys["read"]) as stream:
        assert len(asyncio.all_tasks()) > before
        stream.left.set()
        await asyncio.wait_for(stream.task, 5)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before


async def test_stopping_ends_streams_as_answers_end(app: Any, keys: dict[str, str], stocked: Registry) -> None:
    async with opened(app, keys["read"]) as stream:
        stocked.event_streams.close()
        assert await stream.ended()


async def test_a_client_that_takes_nothing_does_not_hold_the_stop_up(
    app: Any, keys: dict[str, str], stocked: Registry
) -> None:
    async with opened(app, keys["read"]) as stream:
        stream.takes.clear()
        await write_files(stocked, {"prompts/partials/tone.prompt.yaml": TONE.replace("brief", "calm")}, "Calm down")
        await asyncio.sleep(0.1)
        stocked.event_streams.close()
        await asyncio.wait_for(stream.task, 5)


def test_the_bytes_of_an_event_are_made_once_for_each_place() -> None:
    def told(what: Event | Notice, commit: str, ordinal: int = 7) -> Told:
        return Told(Position(ordinal, commit=commit * 40), what)

    one, other = DEFAULT, RepositoryName("other")
    moved = LabelMoved(one, CommitId("a" * 40), LabelName("production"), TemplateName("support/triage"), 1, 2)
    assert event_streams.frame(one, told(moved, "a")) is event_streams.frame(one, told(replace(moved), "a"))
    # Places are equal whatever their commit: after a branch was rewritten the id is another all the same.
    assert told(Notice.RESET, "a") == told(Notice.RESET, "b")
    asked = [(one, told(Notice.RESET, "a")), (one, told(Notice.RESET, "b")), (other, told(Notice.RESET, "a"))]
    asked += [(one, told(moved, "a")), (one, told(replace(moved, new=3), "a")), (one, told(moved, "a", 8))]
    frames = [event_streams.frame(*each) for each in asked]
    assert len(set(frames)) == len(asked)
    assert b"id: 7-bbbbbbbbbbbb\n" in frames[1]
