"""The hot path gives the same answers as the documented route, and never an old one."""

import asyncio
import shutil
import time
from typing import Any

import httpx
import pytest

from registry.bootstrap import Registry, open_registry
from tests.stock import ADA, DEFAULT, TRIAGE, write_files

PATH = "/api/v1/repositories/default/templates"
PLAIN = [
    "/support/triage",
    "/support/triage?label=production",
    "/support/triage?label=latest",
    "/support/triage?version=1",
    "/support/triage?ref=main",
    "/support/triage?ref=main&label=production",
    "/%EA%B3%A0%EA%B0%9D%EC%A7%80%EC%9B%90/%ED%99%98%EB%B6%88",
    "/support/triage?label=nightly",
    "/support/triage?version=77",
    "/support/triage?version=1&version=2",
    "/support/triage?unknown=1",
    "/support/triage?label=%FF",
    "/%FF",
    "/nothing",
    "/",
]


def shown(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Everything but the request's id."""
    varying = {"x-request-id", "content-length"}  # a problem's body holds the id
    headers = {name: value for name, value in answer.headers.items() if name not in varying}
    body = (
        {k: v for k, v in answer.json().items() if k != "request_id"} if answer.content[:1] == b"{" else answer.content
    )
    return answer.status_code, headers, str(body).encode()


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/yaml"}, {"If-None-Match": "*"}])
async def test_both_ways_answer_alike(app: Any, keys: dict[str, str], headers: dict[str, str]) -> None:
    sent = {"Authorization": f"Bearer {keys['read']}", **headers}
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test", headers=sent) as hot,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app._app), base_url="http://test", headers=sent) as slow,
    ):
        for path in PLAIN:
            documented = shown(await slow.get(f"{PATH}{path}"))
            made, kept = shown(await hot.get(f"{PATH}{path}")), shown(await hot.get(f"{PATH}{path}"))
            assert made == kept == documented, path


async def test_what_nobody_expected_is_a_problem_and_tried_once_more(
    client: httpx.AsyncClient, stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = 0

    async def read(*asked: Any) -> Any:
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise RuntimeError("the handler is closed")
        return await kept(*asked)

    kept = stocked.templates.read
    monkeypatch.setattr(stocked.templates, "read", read)
    assert (await client.get("/templates/support/triage")).status_code == 200  # the key is known to the hot path now
    fails = 1
    assert (await client.get("/templates/support/triage?label=latest")).status_code == 200
    fails = 2
    answer = await client.get("/templates/support/triage?version=1")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "handler" not in answer.text


async def test_answers_are_kept(app: Any, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/templates/support/triage")
    assert len(app._cache) == 1


async def test_a_ref_is_never_answered_from_memory(client: httpx.AsyncClient, stocked: Registry) -> None:
    before = (await client.get("/templates/support/triage?ref=main")).json()
    await write_files(stocked, {"prompts/support/triage.prompt.yaml": TRIAGE.replace("Sorts", "Files")}, "Change")
    after = (await client.get("/templates/support/triage?ref=main")).json()
    assert before["source"] != after["source"]


async def test_a_change_by_another_process_is_seen_within_the_backstop(
    client: httpx.AsyncClient, stocked: Registry
) -> None:
    assert (await client.get("/templates/support/triage?label=production")).json()["version"] == 1
    async with open_registry(stocked.settings) as other:
        await other.labels.move(DEFAULT, "production", "support/triage", 2, actor=ADA)
    changed = time.monotonic()
    while (await client.get("/templates/support/triage?label=production")).json()["version"] == 1:
        assert time.monotonic() - changed < 10
        await asyncio.sleep(0.02)


async def test_a_repository_that_is_gone_is_gone_within_the_backstop(
    client: httpx.AsyncClient, stocked: Registry
) -> None:
    assert (await client.get("/templates/support/triage")).status_code == 200
    shutil.rmtree(stocked.git.path(DEFAULT))
    assert (await client.get("/templates/support/triage?version=1")).status_code == 404


async def test_readers_never_see_an_older_state_while_it_changes(client: httpx.AsyncClient, stocked: Registry) -> None:
    seen: list[int] = []
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            seen.append((await client.get("/templates/support/triage")).json()["version"])
            await asyncio.sleep(0.01)

    reader = asyncio.create_task(read())
    for number in range(3, 8):
        text = TRIAGE.replace("into a queue", f"into queue {number}")
        await write_files(stocked, {"prompts/support/triage.prompt.yaml": text}, f"Change {number}")
        assert (await client.get("/templates/support/triage")).json()["version"] == number
    done.set()
    await reader
    assert seen == sorted(seen)
