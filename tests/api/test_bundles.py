"""Bundles over HTTP."""

import asyncio
import gzip
import time
from typing import Any

import httpx
import pytest

from api.bundle_answers import takes_gzip
from registry.bootstrap import Registry
from registry.services.bundles import Bundle, Bundles
from tests.stock import TRIAGE, write_files

MANY = 400


async def test_each_entry_is_what_a_read_answers(client: httpx.AsyncClient) -> None:
    for query in ("label=production", "label=latest", ""):
        body = (await client.get(f"/bundle?{query}")).json()
        assert body["templates"]
        for entry in body["templates"]:
            assert entry == (await client.get(f"/templates/{entry['name']}?{query}")).json()
    assert [entry["name"] for entry in body["templates"]] == ["partials/tone", "support/triage", "고객지원/환불"]
    assert (await client.get("/bundle?label=production")).json()["label"] == "production"


async def test_a_bundle_is_asked_for_again(client: httpx.AsyncClient, stocked: Registry) -> None:
    first = await client.get("/bundle?label=production")
    etag = {"If-None-Match": first.headers["etag"]}
    again = await client.get("/bundle?label=production", headers=etag)
    assert (again.status_code, again.content) == (304, b"")
    await write_files(stocked, {"README.md": "elsewhere\n"}, "Elsewhere")
    later = await client.get("/bundle?label=production", headers=etag)
    assert (later.status_code, later.headers["etag"]) == (304, first.headers["etag"])
    assert later.headers["promptuary-commit"] != first.headers["promptuary-commit"]
    plain = await client.get("/bundle?label=production")
    assert plain.json()["commit"] == plain.headers["promptuary-commit"] == later.headers["promptuary-commit"]
    await client.put("/labels/production/support/triage", json={"version": 2})
    moved = await client.get("/bundle?label=production", headers=etag)
    assert (moved.status_code, moved.json()["templates"][0]["version"]) == (200, 2)


async def test_a_bundle_is_made_once(
    client: httpx.AsyncClient, stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    find = Bundles.find

    async def noted(*asked: Any) -> Bundle:
        made.append(asked)
        return await find(*asked)

    monkeypatch.setattr(Bundles, "find", noted)
    answers = await asyncio.gather(*(client.get("/bundle") for _ in range(5)))
    assert (len({answer.content for answer in answers}), len(made)) == (1, 1)
    for _ in range(3):
        assert (await client.get("/bundle")).content == answers[0].content
        etag = {"If-None-Match": answers[0].headers["etag"]}
        assert (await client.get("/bundle", headers=etag)).status_code == 304
    assert len(made) == 2  # the second for the ETag alone


async def test_compressed_and_plain(client: httpx.AsyncClient) -> None:
    plain = await client.get("/bundle", headers={"Accept-Encoding": "identity"})
    small = await client.get("/bundle", headers={"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert (small.headers["content-encoding"], small.headers["vary"]) == ("gzip", "accept-encoding")
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
    assert small.json() == plain.json()  # the client unpacks it
    assert gzip.compress(plain.content, 5, mtime=0)[:4] == b"\x1f\x8b\x08\x00"


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("br, gzip;q=1.0, *;q=0", True),
        ("x-gzip", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("gzipped", False),
        ("br;q=1, zstd", False),
    ],
)
def test_who_takes_gzip(header: str, taken: bool) -> None:
    assert takes_gzip(header) is taken


async def test_folders_labels_and_what_is_not_there(client: httpx.AsyncClient) -> None:
    assert [e["name"] for e in (await client.get("/bundle?folder=support/")).json()["templates"]] == ["support/triage"]
    assert (await client.get("/bundle?folder=sup")).json()["templates"] == []
    assert (await client.get("/bundle?label=nightly")).json()["type"] == "/docs/errors#label-not-found"
    assert (await client.get("/bundle?label=Production")).status_code == 400
    assert (await client.get("/bundle?lable=production")).status_code == 400


async def test_a_large_bundle_holds_nobody_up(client: httpx.AsyncClient, stocked: Registry) -> None:
    files = {f"prompts/many/t{n}.prompt.yaml": TRIAGE.replace("one ticket", f"ticket {n}") for n in range(MANY)}
    await write_files(stocked, files, "Add many")
    stocked.bundles._source._loaded.clear()
    started, longest = time.perf_counter(), 0.0
    reading = asyncio.create_task(client.get("/bundle?folder=many"))
    while not reading.done():
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - begun)
    took = time.perf_counter() - started
    assert len((await reading).json()["templates"]) == MANY
    assert longest < max(0.15, took / 2), f"the loop stood still for {longest:.3f} s of {took:.3f} s"
