"""Where lines come from, over HTTP."""

import httpx

from registry.bootstrap import Registry
from tests.stock import TRIAGE, write_files

NAME = "support/triage"


async def test_all_lines_with_who_brought_them(client: httpx.AsyncClient, stocked: Registry) -> None:
    changed = TRIAGE.replace("You sort support tickets", "You sort all tickets")
    await write_files(stocked, {f"prompts/{NAME}.prompt.yaml": changed}, "Sort all")
    body = (await client.get(f"/blame/{NAME}")).json()
    assert (body["version"], body["reference"]) == (3, f"{NAME}@3#{body['digest'][:8]}")
    assert "\n".join(line for each in body["ranges"] for line in each["lines"]) + "\n" == changed
    first, second, third = body["ranges"]
    assert (first["version"], second["version"], third["version"]) == (1, 3, 1)
    assert (second["author"]["name"], second["subject"]) == ("Ada Park", "Sort all")
    assert second["reference"] == body["reference"]
    assert second["first"] == len(first["lines"]) + 1


async def test_states_and_what_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/blame/{NAME}?label=production")).json()["version"] == 1
    assert (await client.get(f"/blame/{NAME}?ref=main")).json()["version"] is None
    assert (await client.get("/blame/고객지원/환불")).status_code == 200
    assert (await client.get(f"/blame/{NAME}?version=9")).json()["type"].endswith("#version-not-found")
    assert (await client.get(f"/blame/{NAME}?line=1")).status_code == 400
    assert (await client.get("/blame/support/traige")).json()["nearest"] == [NAME]
