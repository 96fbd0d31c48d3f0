"""Read counts over HTTP: who reads what, on both ways to an answer, over restarts and rebuilds."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.bootstrap import Registry
from tests.running import REPOSITORY, Running, template_path, text_template
from tests.stock import DEFAULT

TRIAGE = "/templates/support/triage"
VALUES = {"variables": {"ticket": "x"}}


async def counted(client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/reads?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["reads"]
    return found


async def test_reads_and_renderings_are_counted_by_what_was_read(client: httpx.AsyncClient) -> None:
    for _ in range(3):  # the first by the documented route, the others from memory
        etag = (await client.get(f"{TRIAGE}?label=production")).headers["etag"]
    assert (await client.get(f"{TRIAGE}?label=production", headers={"If-None-Match": etag})).status_code == 304
    await client.get(TRIAGE)
    await client.get(f"{TRIAGE}?ref=main", headers={"Accept": "application/yaml"})
    await client.post("/render/support/triage?label=production", json=VALUES)
    await client.post(
        "/render/support/triage?label=production",
        content=json.dumps(VALUES).encode(),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert await counted(client, "by=name,version,label") == [
        {"name": "support/triage", "version": 1, "label": "production", "reads": 6},
        {"name": "support/triage", "version": None, "label": None, "reads": 1},
        {"name": "support/triage", "version": 2, "label": None, "reads": 1},
    ]


async def test_what_is_no_read_is_not_counted(client: httpx.AsyncClient) -> None:
    await client.get(f"{TRIAGE}?label=nightly")
    await client.get("/templates/nothing")
    assert (await client.head(TRIAGE)).status_code == 200
    await client.get("/templates")
    await client.get("/versions/support/triage")
    await client.post("/render/support/triage", json={})
    answer = (await client.get("/reads")).json()
    today = datetime.now(UTC).date().isoformat()
    assert (answer["to"], answer["total"], answer["more"], answer["reads"]) == (today, 0, False, [])


async def test_days_names_and_limits(client: httpx.AsyncClient) -> None:
    today = datetime.now(UTC).date().isoformat()
    for name in ("support/triage", "support/triage", "고객지원/환불"):
        await client.get(f"/templates/{name}")
    assert await counted(client) == [{"day": today, "reads": 3}]
    assert await counted(client, "name=고객지원/환불&by=name") == [{"name": "고객지원/환불", "reads": 1}]
    assert await counted(client, f"from={today}&to={today}&by=day,version")
    assert await counted(client, "from=2020-01-01&to=2020-12-31") == []
    first = (await client.get("/reads?by=name&limit=1")).json()
    assert (first["reads"], first["total"], first["more"]) == ([{"name": "support/triage", "reads": 2}], 3, True)


@pytest.mark.parametrize(
    "query",
    [
        "by=week",
        "by=",
        "by=day,",
        "from=0",
        "from=2026-13-01",
        "from=2026-02-02&to=2026-02-01",
        "since=1",
        "limit=0",
        "name=/",
    ],
)
async def test_what_cannot_be_asked(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/reads?{query}")).status_code == 400


async def test_the_first_days_of_all_can_be_asked_for(client: httpx.AsyncClient) -> None:
    assert (await client.get("/reads?to=0001-01-02")).status_code == 200
    assert (await client.get("/reads?from=0001-01-01&to=9999-12-31")).status_code == 200


async def test_a_name_that_never_was_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.get("/reads?name=support/traige")
    assert (answer.status_code, answer.json()["nearest"]) == (404, ["support/triage"])


async def test_keys_are_shown_to_administrators_alone(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, keys: dict[str, str], stocked: Registry
) -> None:
    await client.get(TRIAGE)
    assert (await client.get("/reads?by=key")).status_code == 403
    ids = {key.scope.value: key.id for key in await stocked.accounts.list_keys("ada")}
    admin = {"Authorization": f"Bearer {keys['admin']}"}
    answer = await anonymous.get("/api/v1/repositories/default/reads?by=key", headers=admin)
    assert answer.json()["reads"] == [{"key": ids["write"], "reads": 1}]
    assert (await anonymous.get("/api/v1/repositories/default/reads")).status_code == 401
    assert (await anonymous.get("/api/v1/repositories/none/reads", headers=admin)).status_code == 404


async def test_a_rebuild_keeps_the_counts(client: httpx.AsyncClient, stocked: Registry) -> None:
    await client.get(TRIAGE)
    await stocked.indexing.rebuild(DEFAULT)
    await client.get(TRIAGE)
    assert [found["reads"] for found in await counted(client)] == [2]


async def test_many_readers_at_once_are_all_counted(client: httpx.AsyncClient) -> None:
    await asyncio.gather(*(client.get(TRIAGE) for _ in range(200)))
    assert [found["reads"] for found in await counted(client)] == [200]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "data", tmp_path / "log")
    running.start()
    yield running
    running.stop()


def reads_of(server: Running) -> int:
    status, _, answer = server.call("GET", f"/api/v1/repositories/{REPOSITORY}/reads")
    assert status == 200, answer
    return int(answer["total"])


def saved_by(server: Running) -> int:
    """What lies in the catalogue."""
    with closing(sqlite3.connect(server.data / "catalogue.sqlite")) as connection:
        return int(connection.execute("SELECT coalesce(sum(reads), 0) FROM read_counts").fetchone()[0])


def test_a_stop_loses_nothing_and_a_kill_only_the_last_seconds(server: Running) -> None:
    server.put("support/triage", text_template("x"), If_None_Match="*")
    for _ in range(5):
        server.read("support/triage")
    server.stop()
    server.start()
    assert reads_of(server) == 5
    for _ in range(5):
        server.read("support/triage")
    until = time.monotonic() + 30
    while saved_by(server) < 10:  # without asking, which would save them
        assert time.monotonic() < until
        time.sleep(0.2)
    server.call("GET", template_path("support/triage"))
    server.kill()
    server.start()
    assert reads_of(server) in {10, 11}
