"""Bundles over HTTP."""

import asyncio
import subprocess
from itertools import pairwise
from typing import Any

import httpx
import pytest
import yaml

from registry.bootstrap import Registry
from registry.services.bundles import TURN, Bundle, Bundles
from tests.pushing import text_template
from tests.stock import DEFAULT, TRIAGE, write_files

MANY = 400
CODINGS = ("zstd", "gzip", "identity")


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


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
async def test_compressed_and_plain(client: httpx.AsyncClient, coding: str) -> None:
    plain = await client.get("/bundle", headers={"Accept-Encoding": "identity"})
    small = await client.get("/bundle", headers={"Accept-Encoding": f"br, {coding}"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == coding
    assert plain.headers["vary"] == small.headers["vary"] == "accept-encoding"
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
    assert small.json() == plain.json()  # the client unpacks it
    assert small.content == plain.content


async def test_one_etag_for_all_codings(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/bundle", headers={"Accept-Encoding": coding}) for coding in CODINGS]
    assert [answer.headers.get("content-encoding") for answer in answers] == ["zstd", "gzip", None]
    (etag,) = {answer.headers["etag"] for answer in answers}
    assert etag.startswith("W/"), "only a weak one may be that of several representations"
    for coding in CODINGS:
        for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
            again = await client.get("/bundle", headers={"Accept-Encoding": coding, "If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
            assert again.headers["vary"] == "accept-encoding"
            assert "content-encoding" not in again.headers
        other = await client.get("/bundle", headers={"Accept-Encoding": coding, "If-None-Match": '"other"'})
        assert other.json() == answers[0].json()


async def test_headers_on_several_lines_count_together(client: httpx.AsyncClient) -> None:
    lines = [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip;q=0.5"), ("Accept-Encoding", "zstd;q=0.2")]
    answer = await client.get("/bundle", headers=httpx.Headers(lines))
    assert answer.headers["content-encoding"] == "gzip"
    etags = [("If-None-Match", '"other"'), ("If-None-Match", answer.headers["etag"])]
    assert (await client.get("/bundle", headers=httpx.Headers(etags))).status_code == 304


async def test_folders_labels_and_what_is_not_there(client: httpx.AsyncClient) -> None:
    assert [e["name"] for e in (await client.get("/bundle?folder=support/")).json()["templates"]] == ["support/triage"]
    assert (await client.get("/bundle?folder=sup")).json()["templates"] == []
    assert (await client.get("/bundle?label=nightly")).json()["type"] == "/docs/errors#label-not-found"
    assert (await client.get("/bundle?label=Production")).status_code == 400
    assert (await client.get("/bundle?lable=production")).status_code == 400


MOVED = [f"moved/t{number}" for number in range(6)]


async def test_bundles_are_of_the_commit_that_they_name_while_labels_move(
    client: httpx.AsyncClient, stocked: Registry
) -> None:
    for word in ("one", "two"):
        await write_files(stocked, {f"prompts/{n}.prompt.yaml": text_template(f"{n} {word}") for n in MOVED}, word)
    rules = "schema: registry/v1\ndefault_label: production\n"
    labels = "".join(f"{name.partition('/')[2]}: 1\n" for name in MOVED)
    await write_files(stocked, {".registry.yaml": rules, "labels/production/moved.yaml": labels}, "Promote all")
    answers: list[httpx.Response] = []

    async def move(names: list[str]) -> None:
        for turn in range(4):
            for name in names:
                moved = await client.put(f"/labels/production/{name}", json={"version": 2 - turn % 2})
                assert moved.status_code == 200

    async def read(query: str, coding: str) -> None:
        while not moving.done():
            answers.append(await client.get(f"/bundle?{query}", headers={"Accept-Encoding": coding}))
            await asyncio.sleep(0.01)

    moving = asyncio.gather(*(move(MOVED[start::3]) for start in range(3)))
    queries = ("label=production", "label=production&folder=moved", "folder=moved")
    await asyncio.gather(*(read(query, coding) for query, coding in zip(queries, CODINGS, strict=True)), moving)
    assert {answer.headers.get("content-encoding") for answer in answers} == {"zstd", "gzip", None}
    bodies = [answer.json() for answer in answers]
    path, states = stocked.git.path(DEFAULT), {}
    for commit in {body["commit"] for body in bodies}:
        command = ["git", "-C", str(path), "show", f"{commit}:labels/production/moved.yaml"]
        said = yaml.safe_load(subprocess.run(command, capture_output=True, check=True).stdout)
        states[commit] = {f"moved/{name}": version for name, version in said.items()}
    for answer, body in zip(answers, bodies, strict=True):
        moved = {each["name"]: each["version"] for each in body["templates"] if each["name"].startswith("moved/")}
        assert moved == states[body["commit"]]
        assert body["commit"] == answer.headers["promptuary-commit"]
    assert len(states) > 5, "hardly a bundle was read while labels moved"


async def test_a_large_bundle_holds_nobody_up(client: httpx.AsyncClient, stocked: Registry) -> None:
    files = {f"prompts/many/t{n}.prompt.yaml": TRIAGE.replace("one ticket", f"ticket {n}") for n in range(MANY)}
    await write_files(stocked, files, "Add many")
    kept = stocked.bundles._documents._kept
    kept.clear()
    reading = asyncio.create_task(client.get("/bundle?folder=many"))
    read = [0]
    while not reading.done():
        await asyncio.sleep(0)  # anybody else's turn
        read.append(len(kept))
    assert len((await reading).json()["templates"]) == MANY == read[-1]
    assert max(later - before for before, later in pairwise(read)) <= TURN
