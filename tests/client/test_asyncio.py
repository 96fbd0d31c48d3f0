"""The client of asyncio programs: nothing blocks the loop, whatever the server does."""

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from promptuary_client import AsyncClient, NotFound, Unavailable
from tests.client.nasty import KEY, SOURCE, Handler, Nasty, template

NAME = "support/hello"


@pytest.fixture
async def client(nasty: Nasty) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(nasty.url, KEY, timeout=1.0) as made:
        yield made


class Slow:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, handler: Handler) -> None:
        self.go.wait(5)
        handler.template()


@pytest.fixture
def slow(nasty: Nasty) -> Slow:
    nasty.script = made = Slow()
    return made


async def test_the_loop_lives_while_a_request_waits(client: AsyncClient, slow: Slow) -> None:
    reading = asyncio.ensure_future(client.get(NAME))
    began = time.monotonic()
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert time.monotonic() - began < 0.5
    assert not reading.done()
    slow.go.set()
    assert (await reading).version == 1


async def test_many_share_one_request_and_one_who_leaves_takes_nobody_along(
    client: AsyncClient, nasty: Nasty, slow: Slow
) -> None:
    reading = [asyncio.ensure_future(client.get(NAME)) for _ in range(10)]
    await asyncio.sleep(0.05)
    reading[0].cancel()
    slow.go.set()
    done = await asyncio.gather(*reading, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert len({id(prompt) for prompt in done[1:]}) == 1
    assert len(nasty.asked) == 1


async def test_a_slow_server_takes_no_longer_than_the_time_limit(nasty: Nasty, slow: Slow) -> None:
    async with AsyncClient(nasty.url, KEY, timeout=0.3) as client:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await client.get(NAME)
        assert (await client.render(NAME, {"who": "Kim"}, default="Hello {{ who }}")).text == "Hello Kim"
        assert time.monotonic() - began < 1.2
    slow.go.set()


async def test_the_loop_lives_while_the_bundle_is_read(nasty: Nasty, tmp_path: Path) -> None:
    nasty.stop()
    file = tmp_path / "prompts.json"
    os.mkfifo(file)  # who opens it waits for a writer, which comes after a while
    body = json.dumps({"label": "production", "templates": [template()]})
    threading.Timer(1.5, file.write_text, (body,)).start()
    async with AsyncClient(nasty.url, KEY, timeout=5.0, retries=0, bundle=file) as client:
        reading = asyncio.ensure_future(client.get(NAME, label="production"))
        began = time.monotonic()
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert time.monotonic() - began < 1.0
        assert not reading.done()
        assert (await reading).origin == "bundle"


async def test_errors_and_writes(client: AsyncClient, nasty: Nasty) -> None:
    nasty.script = lambda handler: handler.answer(404, {"type": "#template-not-found", "detail": "no", "nearest": []})
    with pytest.raises(NotFound):
        await client.get(NAME)
    written = {"name": NAME, "version": 1, "commit": "c", "created": True, "changed": True}
    nasty.script = lambda handler: handler.answer(201, written)
    assert (await client.put(NAME, SOURCE)).created
    nasty.script = Handler.template
    assert (await client.get(NAME)).version == 1, "what was written is asked for, whatever was known before"


def test_one_client_serves_one_loop_after_another(nasty: Nasty) -> None:
    client = AsyncClient(nasty.url, KEY, ttl=0.0)
    for _ in range(3):
        assert asyncio.run(client.get(NAME)).version == 1
    asyncio.run(client.close())


def test_a_loop_that_ends_before_the_answer_leaves_no_trace(nasty: Nasty, caplog: pytest.LogCaptureFixture) -> None:
    slow = Slow()
    nasty.script = slow
    client = AsyncClient(nasty.url, KEY, timeout=1.0)

    async def leave() -> None:
        task = asyncio.ensure_future(client.get(NAME))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(leave())
    slow.go.set()
    time.sleep(0.1)
    assert caplog.text == ""
    assert asyncio.run(client.get(NAME)).version == 1
    asyncio.run(client.close())
