"""The generated Langfuse project is what an importer may expect, and the same for the same seed."""

import json
from pathlib import Path

import httpx

from bench.langfuse import langfuse_app, make_project
from registry.domain.importing.langfuse import gather

PROMPTS, VERSIONS = 40, 150


async def test_a_project(tmp_path: Path) -> None:
    entries = make_project(PROMPTS, VERSIONS, 1)
    assert entries == make_project(PROMPTS, VERSIONS, 1) != make_project(PROMPTS, VERSIONS, 2)
    numbers: dict[str, list[int]] = {}
    for entry in entries:
        numbers.setdefault(entry["name"], []).append(entry["version"])
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
    assert (len(numbers), sum(map(len, numbers.values()))) == (PROMPTS, VERSIONS)
    assert [entry["createdAt"] for entry in entries] == sorted(entry["createdAt"] for entry in entries)
    assert sum("production" in entry["labels"] for entry in entries) == PROMPTS
    gathered = gather(iter(entries), "http://langfuse.example.com")
    assert sum(len(each.versions) for each in gathered) == VERSIONS
    file = tmp_path / "project.json"
    file.write_text(json.dumps(entries))
    transport = httpx.ASGITransport(app=langfuse_app(file))
    async with httpx.AsyncClient(transport=transport, base_url="http://langfuse/api/public/v2") as client:
        pages = [(await client.get(f"/prompts?page={number}&limit=30")).json() for number in (1, 2)]
        assert {each["name"]: each["versions"] for page in pages for each in page["data"]} == numbers
        assert pages[0]["meta"]["totalPages"] == 2
        name = entries[0]["name"].replace("/", "%2F")
        assert (await client.get(f"/prompts/{name}?version=1")).json() == entries[0]
        assert (await client.get(f"/prompts/{name}?version=999")).status_code == 404
