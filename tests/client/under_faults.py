"""A program of a user, run by every Python that there is: a server that dies, comes back, changes and lies.

The test on the other side of standard input and output plays the server: it does what a line says, and answers "done".
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import warnings
from collections.abc import Callable

from promptuary_client import AsyncClient, Client, NotFound, RenderMissing, Unavailable, Untrustworthy, can_render

URL, KEY, BUNDLE = sys.argv[1:]
NAME = "support/hello"


def server(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()
    assert sys.stdin.readline() == "done\n"


def eventually(seen: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not seen():
        assert time.monotonic() < until, "it never came so"
        time.sleep(0.01)


def with_threads() -> None:
    client = Client(URL, KEY, ttl=0.0, timeout=1.0, retries=0, bundle=BUNDLE, events=True)
    known = client.get(NAME, label="production")
    server("kill")
    assert all(client.get(NAME, label="production") is known for _ in range(100))
    assert client.render("support/unread", {"who": "Kim"}, default="Hello").text.startswith("Hello")
    try:
        client.get("support/unread")
    except Unavailable:
        pass
    else:
        raise AssertionError
    client.close()
    with Client(URL, KEY, retries=0, bundle=BUNDLE) as late:
        assert late.get(NAME, label="production").origin == "bundle"
    server("change")
    with Client(URL, KEY, ttl=0.0, bundle=BUNDLE) as late:
        assert late.get(NAME, label="production").version == 2
        child = os.fork()
        if child == 0:
            os._exit(0 if late.get(NAME, label="production").version == 2 else 1)
        assert os.waitpid(child, 0)[1] == 0
        server("lie")
        try:
            late.get(NAME, version=7)
        except Untrustworthy:
            pass
        else:
            raise AssertionError
        assert late.get(NAME, label="production").version == 2
        server("delete")
        eventually(lambda: is_gone(late))


def is_gone(client: Client) -> bool:
    try:
        client.get(NAME, label="production")
    except NotFound:
        return True
    return False


async def with_asyncio() -> None:
    server("change")
    async with AsyncClient(URL, KEY, ttl=0.0, timeout=0.5, retries=0, events=True) as client:
        first = await asyncio.gather(*(client.get(NAME) for _ in range(20)))
        assert len({id(each) for each in first}) == 1
        server("hang")
        leaver = asyncio.ensure_future(client.get("support/unread"))
        await asyncio.sleep(0.05)
        leaver.cancel()
        began = time.monotonic()
        for result in await asyncio.gather(leaver, client.get("support/unread"), return_exceptions=True):
            assert isinstance(result, (asyncio.CancelledError, Unavailable)), result
        assert await client.get(NAME) is first[0]
        assert time.monotonic() - began < 2.0
        try:
            await client.render(NAME, {"who": "Kim"}, local=True)
            assert can_render()
        except RenderMissing:
            assert not can_render()


if __name__ == "__main__":
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
    with_threads()
    asyncio.run(with_asyncio())
    sys.stdout.write("well\n")
