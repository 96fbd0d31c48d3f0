"""Two processes over one catalogue and one Redis: what one writes the other tells and serves at once."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from api import answer_cache
from api.app import create_app
from registry.adapters.redis.server import RedisServer
from registry.bootstrap import Registry, open_registry
from registry.domain.roles import Scope
from registry.services import events as event_streams
from registry.settings import Settings
from tests.api.conftest import BASE, running
from tests.api.test_event_streams import opened
from tests.backing import redis_url
from tests.own_services import own_redis
from tests.stock import TONE, stock, write_files


@dataclass
class Replica:
    """One process: its registry, its application and a client of it."""

    registry: Registry
    app: Any
    client: httpx.AsyncClient


@pytest.fixture(autouse=True)
def no_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives arrives by Redis."""
    monkeypatch.setattr(answer_cache, "BACKSTOP_SECONDS", 60.0)
    monkeypatch.setattr(event_streams, "LOOK_SECONDS", 60.0)


@pytest.fixture
def patient_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis has the time that a busy machine takes."""
    monkeypatch.setitem(RedisServer.__init__.__kwdefaults__, "seconds", 5.0)


async def replica(stack: AsyncExitStack, settings: Settings, secret: str) -> Replica:
    registry = await stack.enter_async_context(open_registry(settings))
    app = create_app(registry)
    await stack.enter_async_context(running(app))
    client = await stack.enter_async_context(
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=f"http://test{BASE}",
            headers={"Authorization": f"Bearer {secret}"},
        )
    )
    return Replica(registry, app, client)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path / "data",
        sample=False,
        render_workers=1,
        redis_url=SecretStr(redis_url()),
        namespace=f"t-{secrets.token_hex(6)}",
    )


async def two(stack: AsyncExitStack, settings: Settings) -> tuple[Replica, Replica, str]:
    """Two replicas that hear of each other, with the small repository, and a key."""
    async with open_registry(settings) as first:
        await stock(first)
        _, secret = await first.accounts.create_key(user="ada", scope=Scope.WRITE)
    here, there = await replica(stack, settings, secret), await replica(stack, settings, secret)
    async with asyncio.timeout(10):
        for each in (here, there):
            await each.registry.events.connected.wait()  # type: ignore[attr-defined]
    return here, there, secret


async def until_text(client: httpx.AsyncClient, path: str, text: str, seconds: float = 5) -> float:
    """How long it takes until an answer has the text."""
    started = time.monotonic()
    while text not in (await client.get(path)).text:
        assert time.monotonic() - started < seconds
        await asyncio.sleep(0.01)
    return time.monotonic() - started


async def test_a_stream_on_any_replica_tells_what_another_one_wrote(stack: AsyncExitStack, settings: Settings) -> None:
    here, there, secret = await two(stack, settings)
    async with opened(there.app, secret, "type=template") as stream:
        text = TONE.replace("brief", "terse")
        await write_files(here.registry, {"prompts/partials/tone.prompt.yaml": text}, "Shorter")
        await stream.until('"name":"partials/tone"')
        await stream.until('"name":"support/triage"')
        told = [line.removeprefix("id: ") for line in stream.text.splitlines() if line.startswith("id: ")]
    # The client goes on elsewhere, from the middle of that commit.
    again = await _resumed(here, secret, told[-2], '"name":"support/triage"')
    assert f"id: {told[-1]}\n" in again
    assert f"id: {told[-2]}\n" not in again


async def _resumed(replica: Replica, secret: str, after: str, wanted: str) -> str:
    async with opened(replica.app, secret, f"type=template&after={after}") as stream:
        await stream.until(wanted)
        return stream.text


async def test_an_answer_that_another_replica_made_old_is_not_given(stack: AsyncExitStack, settings: Settings) -> None:
    here, there, _ = await two(stack, settings)
    for each in (here, there):
        assert "short" in (await each.client.get("/templates/partials/tone")).text
    text = TONE.replace("brief", "terse")
    await write_files(here.registry, {"prompts/partials/tone.prompt.yaml": text}, "Shorter")
    assert "terse" in (await here.client.get("/templates/partials/tone")).text
    assert await until_text(there.client, "/templates/partials/tone", "terse") < 2


@pytest.mark.usefixtures("patient_redis")
async def test_what_one_has_parsed_another_one_need_not(stack: AsyncExitStack, settings: Settings) -> None:
    here, there, _ = await two(stack, settings)
    first = await here.client.get("/templates/support/triage?label=latest")
    async with Redis.from_url(redis_url()) as client:
        (key,) = await _keys(client, f"{settings.namespace}:cache:*:document:*")
        kept = await client.get(key)
        assert b"Sorts one ticket" in kept
        await client.set(key, kept.replace(b"Sorts one ticket", b"Out of the cache"), px=60_000)
        second = await there.client.get("/templates/support/triage?label=latest")
        assert second.json()["document"]["description"] == "Out of the cache into a queue."
        assert second.headers["etag"] == first.headers["etag"]
        ttl = await client.pttl(key)
        assert 0 < ttl <= 86_400_000


@pytest.mark.usefixtures("patient_redis")
async def test_what_nobody_here_has_written_is_not_believed(stack: AsyncExitStack, settings: Settings) -> None:
    here, there, _ = await two(stack, settings)
    first = await here.client.get("/templates/support/triage")
    async with Redis.from_url(redis_url()) as client:
        (key,) = await _keys(client, f"{settings.namespace}:cache:*:document:*")
        await client.set(key, b'{"source": 1', px=60_000)
    second = await there.client.get("/templates/support/triage")
    assert (second.status_code, second.content) == (200, first.content)


async def _keys(client: Redis, pattern: str, seconds: float = 5) -> list[bytes]:
    """What is kept by then: nobody waits for it to be."""
    until = time.monotonic() + seconds
    while not (found := await client.keys(pattern)):
        assert time.monotonic() < until, "nothing is kept"
        await asyncio.sleep(0.01)
    return found


async def test_one_replica_makes_a_bundle_for_all(stack: AsyncExitStack, settings: Settings) -> None:
    here, there, _ = await two(stack, settings)
    asked = [each.client.get("/bundle?label=latest") for each in (here, there) for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    async with Redis.from_url(redis_url()) as client:
        assert len(await _keys(client, f"{settings.namespace}:cache:*:bundle:*")) == 1
        assert await client.keys(f"{settings.namespace}:lease:*") == []


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_reads_writes_and_streams_go_on_without_redis(
    stack: AsyncExitStack, settings: Settings, tmp_path: Path, how: str
) -> None:
    redis = await stack.enter_async_context(own_redis(tmp_path / "redis"))
    here, there, secret = await two(stack, settings.model_copy(update={"redis_url": SecretStr(redis.url)}))
    async with opened(here.app, secret, "type=template") as stream:
        await getattr(redis, how)()
        for number in range(8):
            started = time.monotonic()
            text = TONE.replace("brief", f"brief {number}")
            name = f"prompts/a/n{number}.prompt.yaml"
            await write_files(here.registry, {name: text}, f"Number {number}")
            answer = await here.client.get(f"/templates/a/n{number}")
            assert (answer.status_code, f"brief {number}" in answer.text) == (200, True)
            assert (await there.client.get(f"/templates/a/n{number}")).status_code in {200, 404}
            assert (await there.client.get("/bundle")).status_code == 200
            await stream.until(f'"name":"a/n{number}"')
            assert time.monotonic() - started < 3
        assert [(each.name, each.reason != "") for each in here.registry.readiness.conditions()] == [("Redis", True)]
    await (redis.cont() if how == "stop" else redis.restart())
    assert await until_text(there.client, "/templates/a/n7", "brief 7", seconds=20) < 20, "what was missed is made up"
