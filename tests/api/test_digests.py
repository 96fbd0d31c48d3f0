"""From a logged digest back to template and version."""

import httpx
import pytest

from registry.bootstrap import Registry
from tests.stock import TONE, write_files

TONE_PATH = "prompts/partials/tone.prompt.yaml"


async def test_a_digest_leads_to_its_versions(client: httpx.AsyncClient, stocked: Registry) -> None:
    await write_files(stocked, {TONE_PATH: TONE}, "Back to brief")
    read = (await client.get("/templates/support/triage")).json()
    for text in (read["digest"], read["digest"][:8], read["digest"][:33].upper()):
        answer = await client.get(f"/resolve/{text}")
        assert answer.status_code == 200
        assert len(answer.headers["promptuary-commit"]) == 40
        body = answer.json()
        assert body["digest"] == read["digest"]
        assert [(v["name"], v["version"]) for v in body["versions"]] == [("support/triage", 3), ("support/triage", 1)]
        assert body["versions"][0]["reference"] == read["reference"]
        assert body["versions"][0]["commit"] == read["commit"]


async def test_versions_of_deleted_templates_are_found(client: httpx.AsyncClient, stocked: Registry) -> None:
    digest = (await client.get("/templates/고객지원/환불")).json()["digest"]
    await write_files(stocked, {"prompts/고객지원/환불.prompt.yaml": None}, "Remove it")
    assert (await client.get(f"/resolve/{digest}")).json()["versions"][0]["name"] == "고객지원/환불"


@pytest.mark.parametrize(
    "digest", ["3f9ac1d", "xyzxyzxy", "0" * 65, "3f9ac1d2 ", "%E3%89%9F3f9ac1d", "support@1#3f9ac1d2"]
)
async def test_what_is_no_digest(client: httpx.AsyncClient, digest: str) -> None:
    answer = await client.get("/resolve/" + digest.replace("#", "%23"))
    assert (answer.status_code, "8 to 64" in answer.json()["detail"]) == (400, True), answer.text


async def test_a_digest_that_nothing_has(client: httpx.AsyncClient) -> None:
    answer = await client.get("/resolve/00000000")
    assert (answer.status_code, answer.json()["type"]) == (404, "/docs/errors#version-not-found")


async def test_several_digests_that_begin_so(client: httpx.AsyncClient, stocked: Registry) -> None:
    """The digests of these two names with this text begin with the same eight digits (found by trying)."""
    names = ("many/t60299", "many/t78065")
    await write_files(stocked, {f"prompts/{name}.prompt.yaml": TONE for name in names}, "Add two")
    digests = [(await client.get(f"/templates/{name}")).json()["digest"] for name in names]
    assert digests[0][:8] == digests[1][:8]
    answer = await client.get(f"/resolve/{digests[0][:8]}")
    assert (answer.status_code, answer.json()["type"]) == (409, "/docs/errors#conflict")
    assert all(digest in answer.json()["detail"] for digest in digests)
    for name, digest in zip(names, digests, strict=True):
        (version,) = (await client.get(f"/resolve/{digest[:12]}")).json()["versions"]
        assert version["name"] == name
