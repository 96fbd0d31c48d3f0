"""A replica that hangs behind nginx, or does not know something: whoever reads is answered by another one soon."""

import asyncio
import socket
import time

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.deploy.composed import running_nginx
from tests.serving import served

BASE = "/api/v1/repositories/default"
READS = (
    ("GET", f"{BASE}/templates/a/b"),
    ("GET", f"{BASE}/search?q=a"),
    ("GET", f"{BASE}/search/suggestions?q=a"),
    ("POST", f"{BASE}/render/a/b"),
)
AT_MOST_SECONDS = 20.0
"""Nginx gives an answer five seconds, and whatever else it may be for ninety."""


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """The replica that lives."""
    await PlainTextResponse("here")(scope, receive, send)


@pytest.mark.e2e
async def test_a_read_is_not_left_with_a_replica_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as hanging:
        async with served(answering) as port, httpx.AsyncClient(timeout=AT_MOST_SECONDS) as client:
            with running_nginx([hanging.getsockname()[1], port]) as front:

                async def ask(method: str, path: str) -> tuple[int, float]:
                    began = time.monotonic()
                    answer = await client.request(method, f"http://127.0.0.1:{front}{path}")
                    return answer.status_code, time.monotonic() - began

                # Of any two, nginx asks each replica one first.
                answers = await asyncio.gather(*(ask(*read) for read in (*READS, *READS)))
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) > 1, "nobody met the one that hangs"


def knowing(*known: str) -> ASGIApp:
    """A replica that answers for some templates, and has to wait for a service with all others."""

    async def replica(scope: Scope, receive: Receive, send: Send) -> None:
        status = 200 if scope["path"].rpartition("/")[2] in known else 503
        await PlainTextResponse("the API's own words", status)(scope, receive, send)

    return replica


@pytest.mark.e2e
async def test_what_no_replica_can_answer_costs_nobody_else_an_answer() -> None:
    """Replicas are not taken out for saying so; one is asked what another did not know."""
    async with (
        served(knowing("both", "one")) as first,
        served(knowing("both")) as second,
        httpx.AsyncClient(timeout=AT_MOST_SECONDS) as client,
    ):
        with running_nginx([first, second]) as front:

            async def ask(name: str) -> httpx.Response:
                return await client.get(f"http://127.0.0.1:{front}{BASE}/templates/{name}")

            refused = await asyncio.gather(*(ask("none") for _ in range(40)))
            assert {(each.status_code, each.text) for each in refused} == {(503, "the API's own words")}
            for name in ("both", "one"):
                assert {(await ask(name)).status_code for _ in range(20)} == {200}, name


async def unready(scope: Scope, receive: Receive, send: Send) -> None:
    """A replica that has to wait for a service."""
    await PlainTextResponse("the API's own words", 503)(scope, receive, send)


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """A replica that makes a bundle of thousands of templates."""
    await asyncio.sleep(5.5)
    await answering(scope, receive, send)


@pytest.mark.e2e
async def test_who_is_asked_instead_has_as_long_as_the_first_one_had() -> None:
    async with (
        served(unready) as first,
        served(slow) as second,
        httpx.AsyncClient(timeout=AT_MOST_SECONDS) as client,
    ):
        with running_nginx([first, second]) as front:
            address = f"http://127.0.0.1:{front}{BASE}/bundle?label=production"
            # One of them is asked of the unready one first; beside another, nginx may ask that a second time, too.
            answers = [await client.get(address) for _ in range(2)]
    assert {(each.status_code, each.text) for each in answers} == {(200, "here")}
