"""Requests that are sent again under one Idempotency-Key: done once, answered alike, over a restart too."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.app import create_app
from registry.bootstrap import Registry, open_registry
from registry.domain.rights import Place
from registry.domain.roles import Scope
from registry.settings import Settings
from tests.api.conftest import BASE, CheckedTransport, Documented, running
from tests.stock import DEFAULT, TRIAGE

NOTE = "schema: prompt/v1\ntype: text\ntext: |\n  A note.\n"
YAML = {"Content-Type": "application/yaml"}
KEYED = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
ANY = {"If-Match": "*"}

Send = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def changes(*found: dict[str, Any]) -> dict[str, Any]:
    return {"message": "Several", "changes": list(found)}


WRITES: dict[str, Send] = {
    "put a new one": lambda c: c.put("/templates/new", content=NOTE, headers={**YAML, **KEYED, "If-None-Match": "*"}),
    "put": lambda c: c.put(
        "/templates/support/triage?message=Sort",
        content=TRIAGE.replace("You sort", "Sort"),
        headers={**YAML, **KEYED, **ANY},
    ),
    "delete": lambda c: c.delete("/templates/support/triage?drop_labels=true", headers={**KEYED, **ANY}),
    "move": lambda c: c.post(
        "/move/partials/tone", json={"to": "partials/voice", "update_includes": True}, headers={**KEYED, **ANY}
    ),
    "commits": lambda c: c.post(
        "/commits",
        json=changes(
            {"action": "put", "name": "a", "source": NOTE},
            {"action": "put", "name": "support/triage", "source": TRIAGE.replace("You", "Do"), "if_match": "*"},
            {"action": "move", "name": "partials/tone", "to": "b", "if_match": "*", "update_includes": True},
            {"action": "delete", "name": "고객지원/환불", "if_match": "*"},
        ),
        headers=KEYED,
    ),
    "set a label": lambda c: c.put("/labels/staging/support/triage", json={"version": 2}, headers=KEYED),
    "move a label": lambda c: c.put("/labels/production/support/triage", json={"version": 2}, headers=KEYED),
    "drop a label": lambda c: c.delete("/labels/production/support/triage", headers=KEYED),
    "promote": lambda c: c.post(
        "/promotions",
        json={"label": "production", "versions": {"support/triage": 2, "partials/tone": 1}},
        headers=KEYED,
    ),
    "make a branch": lambda c: c.post("/branches", json={"name": "wip"}, headers=KEYED),
}


async def commits(registry: Registry) -> int:
    with registry.git.open(DEFAULT) as store:
        tip = store.resolve("main")
        assert tip is not None
        return len(store.first_parents(tip) or [])


@asynccontextmanager
async def restarted(settings: Settings, documented: Documented, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of another server on the same data."""
    async with open_registry(settings) as registry:
        app = create_app(registry)
        async with (
            running(app),
            httpx.AsyncClient(
                transport=CheckedTransport(app, documented),
                base_url=f"http://test{BASE}",
                headers={"Authorization": f"Bearer {key}"},
            ) as client,
        ):
            yield client


@pytest.mark.parametrize("write", WRITES)
async def test_a_repeat_gets_the_first_answer_over_a_restart_too(
    client: httpx.AsyncClient, stocked: Registry, documented: Documented, keys: dict[str, str], write: str
) -> None:
    first = await WRITES[write](client)
    assert first.status_code in {200, 201}, first.text
    made = await commits(stocked)
    assert made == (3 if write == "make a branch" else 4)
    again = await WRITES[write](client)
    async with restarted(stocked.settings, documented, keys["write"]) as later:
        third = await WRITES[write](later)
        for repeat in (again, third):
            assert (repeat.status_code, repeat.json()) == (first.status_code, first.json())
            assert repeat.headers.get("etag") == first.headers.get("etag")
        assert await commits(stocked) == made


async def test_a_repeated_roll_back_goes_back_once(
    client: httpx.AsyncClient, stocked: Registry, documented: Documented, keys: dict[str, str]
) -> None:
    path = "/labels/production/support/triage"
    await client.put("/templates/support/triage", content=TRIAGE.replace("You", "Do"), headers={**YAML, **ANY})
    for version in (2, 3):
        await client.put(path, json={"version": version})
    body = {"label": "production", "name": "support/triage", "reason": "Wrong"}
    first = await client.post("/rollbacks", json=body, headers=KEYED)
    assert (first.json()["version"], first.json()["previous"]) == (2, 3)
    assert (await client.post("/rollbacks", json=body, headers=KEYED)).json() == first.json()
    async with restarted(stocked.settings, documented, keys["write"]) as later:
        assert (await later.post("/rollbacks", json=body, headers=KEYED)).json() == first.json()
        other = {**KEYED, "Idempotency-Key": "another"}
        assert (await later.post("/rollbacks", json=body, headers=other)).json()["version"] == 1


async def test_a_repeat_does_not_undo_what_came_between(client: httpx.AsyncClient, stocked: Registry) -> None:
    first = await WRITES["put"](client)
    between = await client.put("/templates/support/triage", content=TRIAGE, headers={**YAML, **ANY})
    again = await WRITES["put"](client)
    assert (again.json(), between.json()["version"]) == (first.json(), 4)
    assert (await client.get("/templates/support/triage")).json()["source"] == TRIAGE


async def test_of_repeats_at_once_one_is_done_and_the_others_wait(client: httpx.AsyncClient, stocked: Registry) -> None:
    answers = await asyncio.gather(*(WRITES["put a new one"](client) for _ in range(8)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert await commits(stocked) == 4


async def test_another_request_under_the_key_is_refused(
    client: httpx.AsyncClient, stocked: Registry, documented: Documented, keys: dict[str, str]
) -> None:
    await WRITES["put a new one"](client)

    async def other(on: httpx.AsyncClient) -> None:
        for answer in (
            await on.put("/templates/new", content=NOTE + "# x\n", headers={**YAML, **KEYED, "If-None-Match": "*"}),
            await on.put("/templates/newer", content=NOTE, headers={**YAML, **KEYED, "If-None-Match": "*"}),
            await WRITES["drop a label"](on),
        ):
            assert answer.status_code == 422
            assert answer.json()["type"].endswith("#idempotency-key-reused")

    await other(client)
    async with restarted(stocked.settings, documented, keys["write"]) as later:
        await other(later)
    assert await commits(stocked) == 4


async def test_the_key_of_another_user_is_another_key(
    client: httpx.AsyncClient, stocked: Registry, app: Any, documented: Documented
) -> None:
    assert (await WRITES["put a new one"](client)).status_code == 201
    _, secret = await stocked.accounts.create_key(user="bo", scope=Scope.WRITE)
    transport = CheckedTransport(app, documented)
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://test{BASE}", headers={"Authorization": f"Bearer {secret}"}
    ) as bo:
        assert (await WRITES["put a new one"](bo)).status_code == 412


async def test_a_narrower_key_is_not_given_the_answer_of_a_wider_one(
    client: httpx.AsyncClient, stocked: Registry, app: Any, documented: Documented
) -> None:
    put = {**YAML, "If-None-Match": "*"}
    for name in ("partials/a", "support/b"):
        assert (await client.put(f"/templates/{name}", content=NOTE, headers=put)).status_code == 201
        assert (await client.put(f"/labels/staging/{name}", json={"version": 1})).status_code == 200
    wide = await client.post("/promotions", json={"label": "production", "from": "staging"}, headers=KEYED)
    assert {move["name"] for move in wide.json()["templates"]} == {"partials/a", "support/b"}
    moving = {**KEYED, "Idempotency-Key": "moving"}
    move = {"to": "support/c", "update_includes": True}
    uses = "schema: prompt/v1\ntype: text\ntext: '{% include \"support/d\" %}'\n"
    assert (await client.put("/templates/support/d", content=NOTE, headers=put)).status_code == 201
    for name in ("partials/uses", "support/uses"):
        assert (await client.put(f"/templates/{name}", content=uses, headers=put)).status_code == 201
    moved = await client.post("/move/support/d", json=move, headers={**moving, **ANY})
    assert moved.json()["includes_updated"] == ["partials/uses", "support/uses"], moved.text
    _, secret = await stocked.accounts.create_key(user="ada", scope=Scope.WRITE, places=[Place(DEFAULT, "support")])
    async with httpx.AsyncClient(
        transport=CheckedTransport(app, documented),
        base_url=f"http://test{BASE}",
        headers={"Authorization": f"Bearer {secret}"},
    ) as narrow:
        again = await narrow.post("/promotions", json={"label": "production", "from": "staging"}, headers=KEYED)
        assert again.status_code == 422, again.text
        assert "partials" not in again.text
        again = await narrow.post("/move/support/d", json=move, headers={**moving, **ANY})
        assert (again.status_code, again.json()["includes_updated"]) == (200, ["support/uses"]), again.text
    assert (await client.post("/move/support/d", json=move, headers={**moving, **ANY})).json() == moved.json()


async def test_what_failed_is_tried_anew(client: httpx.AsyncClient) -> None:
    """Nothing was changed, so there is nothing to answer again."""
    missing = await client.put(
        "/templates/new?branch=wip", content=NOTE, headers={**YAML, **KEYED, "If-None-Match": "*"}
    )
    assert missing.status_code == 404
    await client.post("/branches", json={"name": "wip"})
    made = await client.put("/templates/new?branch=wip", content=NOTE, headers={**YAML, **KEYED, "If-None-Match": "*"})
    assert made.status_code == 201


async def test_a_commit_says_which_key_made_it_and_not_the_key(client: httpx.AsyncClient, stocked: Registry) -> None:
    made = (await WRITES["put"](client)).json()
    with stocked.git.open(DEFAULT) as store:
        message = store.commit(made["commit"]).message
    assert message.startswith("Sort\n\nIdempotency-Key: ")
    assert "8e03978e" not in message
    assert (await client.get("/templates/support/triage")).json()["message"] == "Sort"


@pytest.mark.parametrize("key", ["", '""', "x" * 256])
async def test_what_is_no_key(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.delete("/templates/support/triage", headers={"Idempotency-Key": key, **ANY})
    assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (400, True)
