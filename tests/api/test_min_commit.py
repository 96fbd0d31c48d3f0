"""``min_commit`` on every read: the answer has seen the commit, or is a problem."""

import asyncio

import httpx
import pytest

from registry.adapters.sql.feeding import FED_AT_ONCE
from registry.bootstrap import Registry
from registry.domain.ids import CommitId
from registry.domain.refs import RefUpdate
from registry.services.search_feed import SearchFeed
from tests.api.conftest import Documented
from tests.pushing import MAIN, REPOSITORY, Pusher
from tests.stock import TRIAGE

NAME = "support/triage"
WITHOUT = {"events", "branches", "reads"}
"""What is no read of the default branch's state: a stream, Git's refs, counts."""

READS = [
    f"/templates/{NAME}?",
    f"/templates/{NAME}?label=latest&",
    "/templates?",
    "/search?q=everything&",
    f"/versions/{NAME}?",
    f"/versions/{NAME}/3?",
    "/labels?",
    "/labels/production?",
    f"/labels/production/{NAME}?",
    f"/diff/{NAME}?",
    f"/blame/{NAME}?",
    "/bundle?",
    "/index?",
]


def land_unseen(registry: Registry, files: dict[str, str] | None = None) -> CommitId:
    """A third version of the template, or other files, on main but told to nobody."""
    pusher = Pusher(registry)
    tip = pusher.tip()
    assert tip is not None
    text = TRIAGE.replace("You sort support tickets", "You sort everything")
    commit = pusher.commit(files or {f"prompts/{NAME}.prompt.yaml": text}, parent=tip)
    with registry.git.open(REPOSITORY) as store:
        store.move(RefUpdate(MAIN, tip, commit))
    return commit


@pytest.mark.parametrize("path", READS)
async def test_a_read_sees_the_commit_that_it_names(client: httpx.AsyncClient, stocked: Registry, path: str) -> None:
    if "/versions/" not in path:
        assert (await client.get(path.rstrip("?&"))).status_code == 200  # what is kept of it is older
    commit = land_unseen(stocked)
    answer = await client.get(f"{path}min_commit={commit}")
    assert (answer.status_code, answer.headers["promptuary-commit"]) == (200, commit), answer.text
    assert "everything" in answer.text or path in {"/templates?", *READS[4:9], "/index?"}


@pytest.mark.parametrize(("path", "key"), [("/search", "hits"), ("/search/suggestions", "suggestions")])
async def test_what_is_found_was_fed_before(
    client: httpx.AsyncClient, stocked: Registry, monkeypatch: pytest.MonkeyPatch, path: str, key: str
) -> None:
    drain = SearchFeed.drain

    async def slow(feed: SearchFeed) -> int:
        await asyncio.sleep(0.3)
        return await drain(feed)

    monkeypatch.setattr(SearchFeed, "drain", slow)
    many = FED_AT_ONCE + 1  # too many to be fed with the batch
    commit = land_unseen(stocked, {f"prompts/heron/t{n}.prompt.yaml": TRIAGE for n in range(many)})
    found = (await client.get(f"{path}?q=heron&limit=50&min_commit={commit}")).json()
    assert len(found[key]) == many


async def test_a_rendering_sees_the_commit_that_it_names(client: httpx.AsyncClient, stocked: Registry) -> None:
    body = {"variables": {"ticket": "x"}}
    assert (await client.post(f"/render/{NAME}", json=body)).json()["version"] == 2
    commit = land_unseen(stocked)
    answer = await client.post(f"/render/{NAME}?min%5Fcommit={commit}", json=body)
    assert (answer.json()["version"], answer.headers["promptuary-commit"]) == (3, commit)


async def test_a_digest_of_the_commit_is_found(client: httpx.AsyncClient, stocked: Registry) -> None:
    commit = land_unseen(stocked)
    digest = (await client.get(f"/templates/{NAME}?ref={commit}")).json()["digest"]
    assert (await client.get(f"/resolve/{digest}")).status_code == 404
    assert (await client.get(f"/resolve/{digest}?min_commit={commit}")).json()["versions"][0]["version"] == 3


@pytest.mark.parametrize("path", READS)
async def test_what_is_no_commit(client: httpx.AsyncClient, path: str) -> None:
    unknown = await client.get(f"{path}min_commit={'1' * 40}")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/docs/errors#revision-not-found")
    for text in ("main", "", "1" * 39, "A" * 40):
        broken = await client.get(f"{path}min_commit={text}")
        assert (broken.status_code, "40 hexadecimal digits" in broken.json()["detail"]) == (400, True), broken.text


async def test_every_read_takes_it(documented: Documented) -> None:
    for path, operations in documented.document["paths"].items():
        noun = path.removeprefix("/api/v1/repositories/{repository}").strip("/").partition("/")[0]
        if "{repository}" not in path or noun in WITHOUT:
            continue
        for method, operation in operations.items():
            if method == "get" or noun == "render":
                assert "min_commit" in {each["name"] for each in operation.get("parameters", [])}, path
                assert "revision-not-found" in str(operation["responses"]["404"]), path
