"""``POST promotions``: one label moved for many templates, in one commit or not at all."""

from typing import Any

import httpx
import pytest

from registry.bootstrap import Registry
from tests.running import REPOSITORY

TRIAGE, TONE = "support/triage", "partials/tone"


async def staged(client: httpx.AsyncClient) -> None:
    """``staging`` names two templates; ``production`` names one of them, at version 1."""
    for name, version in ((TRIAGE, 2), (TONE, 1)):
        answer = await client.put(f"/labels/staging/{name}", json={"version": version})
        assert answer.status_code == 200, answer.text


async def labelled(client: httpx.AsyncClient, label: str = "production") -> dict[str, int]:
    found: dict[str, int] = (await client.get(f"/labels/{label}")).json()["templates"]
    return found


def commits(registry: Registry) -> int:
    with registry.git.open(REPOSITORY) as store:
        tip = store.resolve("main")
        assert tip is not None
        return len(store.first_parents(tip) or [])


async def test_many_templates_move_in_one_commit(client: httpx.AsyncClient, stocked: Registry) -> None:
    before = commits(stocked)
    body = {"label": "production", "versions": {TRIAGE: 2, TONE: 1}, "message": "Release"}
    answer = await client.post("/promotions", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [(each["name"], each["version"], each["previous"]) for each in told["templates"]] == [
        (TONE, 1, None),
        (TRIAGE, 2, 1),
    ]
    assert told["templates"][1]["reference"].startswith(f"{TRIAGE}@2#")
    assert (commits(stocked), await labelled(client)) == (before + 1, {TRIAGE: 2, TONE: 1})
    for name in (TRIAGE, TONE):
        last = (await client.get(f"/labels/production/{name}")).json()["history"][0]
        assert (last["commit"], last["subject"]) == (told["commit"], "Release")
    again = await client.post("/promotions", json=body)
    assert [each["previous"] for each in again.json()["templates"]] == [1, 2]
    assert commits(stocked) == before + 1


async def test_what_another_label_names_is_taken_over(client: httpx.AsyncClient) -> None:
    await staged(client)
    answer = await client.post("/promotions", json={"label": "production", "from": "staging", "folder": "partials"})
    assert (answer.status_code, await labelled(client)) == (200, {TRIAGE: 1, TONE: 1})
    assert (await client.post("/promotions", json={"label": "production", "from": "staging"})).status_code == 200
    assert await labelled(client) == await labelled(client, "staging") == {TRIAGE: 2, TONE: 1}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"versions": {TRIAGE: 2, TONE: 9}}, 404),
        ({"versions": {TRIAGE: 2, "support/nothing": 1}}, 404),
        ({"versions": {TRIAGE: 2}, "from": "staging"}, 422),
        ({"versions": {TRIAGE: 2}, "folder": "support"}, 422),
        ({"versions": {}}, 422),
        ({}, 422),
        ({"from": "nightly"}, 404),
        ({"from": "staging", "folder": "billing"}, 404),
        ({"versions": {"caf\u00e9": 1, "cafe\u0301": 2}}, 400),
        ({"label": "latest", "versions": {TRIAGE: 2}}, 400),
    ],
)
async def test_all_of_it_or_nothing(client: httpx.AsyncClient, body: dict[str, Any], status: int) -> None:
    await staged(client)
    answer = await client.post("/promotions", json={"label": "production", **body})
    assert answer.status_code == status, answer.text
    assert await labelled(client) == {TRIAGE: 1}


async def test_a_key_that_reads_promotes_nothing(read_only: httpx.AsyncClient) -> None:
    answer = await read_only.post("/promotions", json={"label": "production", "versions": {TRIAGE: 2}})
    assert answer.status_code == 403
