"""``reference``, the string to log, in every answer about one version."""

from typing import Any

import httpx

from tests.stock import TRIAGE

NAME = "support/triage"
YAML = {"Content-Type": "application/yaml"}


def reference_of(body: dict[str, Any]) -> str:
    return f"{body['name']}@{body['version']}#{body['digest'][:8]}"


async def test_writes_have_the_reference_of_what_they_made(client: httpx.AsyncClient) -> None:
    changed = TRIAGE.replace("You sort", "You order")
    put = (await client.put(f"/templates/{NAME}", content=changed.encode(), headers={**YAML, "If-Match": "*"})).json()
    assert put["reference"] == reference_of(put) == (await client.get(f"/templates/{NAME}")).json()["reference"]
    again = await client.put(f"/templates/{NAME}", content=changed.encode(), headers={**YAML, "If-Match": "*"})
    assert again.json()["reference"] == put["reference"]
    change = {"action": "put", "name": "notes", "source": "schema: prompt/v1\ntype: text\ntext: Hi\n"}
    done = await client.post("/commits", json={"message": "Add notes", "changes": [change]})
    (made,) = done.json()["changes"]
    assert made["reference"] == reference_of(made)
    moved = await client.post("/move/notes", json={"to": "remarks"}, headers={"If-Match": "*"})
    assert moved.json()["reference"] == reference_of(moved.json())
    gone = await client.delete("/templates/remarks", headers={"If-Match": "*"})
    assert (gone.json()["version"], gone.json()["reference"]) == (None, None)


async def test_states_that_are_no_versions_have_the_reference_of_their_commit(client: httpx.AsyncClient) -> None:
    assert (await client.post("/branches", json={"name": "wip"})).status_code == 201
    changed = TRIAGE.replace("You sort", "You order").encode()
    put = await client.put(f"/templates/{NAME}?branch=wip", content=changed, headers={**YAML, "If-Match": "*"})
    read = await client.get(f"/templates/{NAME}?ref=wip")
    rendered = await client.post(f"/render/{NAME}?ref=wip", json={"variables": {"ticket": "x"}})
    compared = (await client.get(f"/diff/{NAME}?from=label:production&to=ref:wip")).json()
    commit, digest = read.json()["commit"], read.json()["digest"]
    said = {each.json()["reference"] for each in (put, read, rendered)} | {compared["to"]["reference"]}
    assert said == {f"{NAME}@{commit[:12]}#{digest[:8]}"}


async def test_labels_have_the_reference_of_where_they_point(client: httpx.AsyncClient) -> None:
    first, second = [(await client.get(f"/versions/{NAME}/{n}")).json()["reference"] for n in (1, 2)]
    assert (await client.get(f"/labels/production/{NAME}")).json()["reference"] == first
    moved = await client.put(f"/labels/production/{NAME}", json={"version": 2}, headers={"Idempotency-Key": "k"})
    repeated = await client.put(f"/labels/production/{NAME}", json={"version": 2}, headers={"Idempotency-Key": "k"})
    assert moved.json()["reference"] == repeated.json()["reference"] == second
    back = await client.post("/rollbacks", json={"label": "production", "name": NAME, "reason": "Worse"})
    assert back.json()["reference"] == first
    dropped = await client.delete(f"/labels/production/{NAME}")
    assert (dropped.json()["version"], dropped.json()["reference"]) == (None, None)
    assert (await client.get(f"/labels/production/{NAME}")).json()["reference"] is None
