"""Differences over HTTP: two states named in one parameter each, and what the answer says of them."""

import asyncio

import httpx
import pytest

from registry.bootstrap import Registry
from tests.stock import TRIAGE, write_files

TRIAGE_PATH = "prompts/support/triage.prompt.yaml"
CHANGED = TRIAGE.replace("You sort support tickets", "You sort all tickets").replace("temperature: 0.2", "seed: 123")


async def test_a_version_is_compared_with_the_one_before_it(client: httpx.AsyncClient, stocked: Registry) -> None:
    await write_files(stocked, {TRIAGE_PATH: CHANGED}, "Sort all tickets")
    body = (await client.get("/diff/support/triage")).json()
    assert (body["name"], body["from"]["version"], body["to"]["version"]) == ("support/triage", 2, 3)
    assert body["to"]["reference"] == f"support/triage@3#{body['to']['digest'][:8]}"
    assert body["fields"] == [
        {"field": "model.parameters.temperature", "old": 0.2},
        {"field": "model.parameters.seed", "new": 123},
    ]
    (message,) = body["messages"]
    words = message["parts"][0]["words"]["text"]
    assert [each["text"].strip() for each in words if each["kind"] != "equal"] == ["support", "all"]
    assert "-      You sort support tickets." in body["text"]
    assert body["text"].startswith(f"--- a/{TRIAGE_PATH}\n+++ b/{TRIAGE_PATH}\n@@ ")
    assert body["partials"] == []


async def test_a_version_that_a_partial_made_shows_the_partial(client: httpx.AsyncClient) -> None:
    body = (await client.get("/diff/support/triage?from=version:1&to=version:2")).json()
    assert (body["fields"], body["variables"], body["messages"], body["text"]) == ([], [], [], "")
    (partial,) = body["partials"]
    assert (partial["name"], partial["change"]) == ("partials/tone", "changed")
    assert "-  Be brief and kind.\n+  Be short and kind.\n" in partial["text"]


async def test_any_two_states(client: httpx.AsyncClient) -> None:
    async def versions(query: str) -> tuple[int | None, int | None]:
        body = (await client.get(f"/diff/support/triage?{query}")).json()
        return body["from"] and body["from"]["version"], body["to"]["version"]

    assert await versions("from=label:production") == (1, 2)
    assert await versions("from=label:latest&to=label:production") == (2, 1)
    assert await versions("from=version:2&to=version:2") == (2, 2)
    assert await versions("from=label:production,ref:main&to=ref:main") == (1, None)
    assert await versions("to=version:1") == (None, 1)


async def test_the_first_version_is_all_new(client: httpx.AsyncClient) -> None:
    body = (await client.get("/diff/partials/tone?to=version:1")).json()
    assert body["from"] is None
    assert body["text"].startswith("--- /dev/null\n+++ b/prompts/partials/tone.prompt.yaml\n")
    assert body["messages"][0]["change"] == "added"


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("from=1", 400, "version:12"),
        ("from=", 400, "names no state"),
        ("from=label:production,", 400, "names no state"),
        ("to=version:0", 400, "version"),
        ("to=label:production,version:1", 400, "version"),
        ("from=ref:main~1", 400, "revision"),
        ("base=version:1", 400, "spelling"),
        ("from=version:99", 404, "version"),
        ("to=label:nightly", 404, "label"),
        ("from=ref:nowhere", 404, "nowhere"),
    ],
)
async def test_a_state_that_is_not_there_is_named(
    client: httpx.AsyncClient, query: str, status: int, word: str
) -> None:
    answer = await client.get(f"/diff/support/triage?{query}")
    assert (answer.status_code, word in answer.json()["detail"]) == (status, True), answer.text


async def test_the_names_of_templates_that_are_not_there(client: httpx.AsyncClient, stocked: Registry) -> None:
    assert (await client.get("/diff/support/traige")).json()["nearest"] == ["support/triage"]
    await write_files(stocked, {"prompts/고객지원/환불.prompt.yaml": None}, "Remove it")
    assert (await client.get("/diff/고객지원/환불")).status_code == 410
    assert (await client.get("/diff/고객지원/환불?to=version:1")).json()["to"]["version"] == 1


async def test_the_largest_files_do_not_hold_other_requests(client: httpx.AsyncClient, stocked: Registry) -> None:
    def large(word: str) -> str:
        lines = "".join(f"  {word}{n % 997} stands {n * 31 % 1009} {word} there\n" for n in range(3_500))
        return f"schema: prompt/v1\ntype: text\ntext: |\n{lines}"

    path = "prompts/large.prompt.yaml"
    await write_files(stocked, {path: large("red")}, "Add it")
    await write_files(stocked, {path: large("blue")}, "Change every line")
    await client.get("/templates/large?version=1")
    comparing = asyncio.create_task(client.get("/diff/large"))
    turns = 0
    while not comparing.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert (await comparing).json()["to"]["version"] == 2
    assert turns > 10, "the comparison left the loop no turns"
