"""The hot path of searches gives the same answers as the documented route."""

from typing import Any

import httpx

from tests.api.test_hot_reads import shown

PATH = "/api/v1/repositories/default/search"
ASKED = [
    "",
    "?q=ticket",
    "?q=%ED%99%98%EB%B6%88",
    "?q=ticket&limit=2",
    "?q=ticket&limit=0",
    "?q=ticket&limit=many",
    "?q=ticket&limit=2&limit=3",
    "?q=ticket&tag=support&folder=support/",
    "?q=ticket&type=chat&status=active&label=production",
    "?q=ticket&type=none",
    "?q=ticket&label=Production",
    "?q=ticket&cursor=none",
    "?like=support/triage",
    "?like=support/triage&q=ticket",
    "?like=..",
    "?versions=all&q=ticket",
    "?versions=some",
    f"?q={'x' * 1001}",
    "?q=%FF",
    "?query=ticket",
    "?q",
    "?min_commit=x",
    f"?min_commit={'0' * 40}",
]


async def test_both_ways_answer_alike(app: Any, keys: dict[str, str]) -> None:
    sent = {"Authorization": f"Bearer {keys['read']}"}
    bundles = app._app._app._app._app
    searches = bundles._app
    assert type(searches).__name__ == "HotSearches"
    found = 0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test", headers=sent) as way:
        for path in ASKED:
            made = await way.get(f"{PATH}{path}")
            head = await way.head(f"{PATH}{path}")
            bundles._app = searches._app
            documented, documented_head = shown(await way.get(f"{PATH}{path}")), await way.head(f"{PATH}{path}")
            bundles._app = searches
            assert shown(made) == documented, path
            assert shown(head)[:2] == shown(documented_head)[:2], path
            found += bool(made.status_code == 200 and made.json()["hits"])
        for other in ("/api/v1/repositories/none/search", "/api/v1/repositories/a/b/search", f"{PATH}/"):
            assert (await way.get(other)).status_code == 404
        assert (await way.post(PATH)).status_code == 405
    assert found >= 5, "searches that find something are compared"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as stranger:
        assert (await stranger.get(PATH)).status_code == 401


async def test_a_page_goes_on_where_it_ended(app: Any, keys: dict[str, str]) -> None:
    sent = {"Authorization": f"Bearer {keys['read']}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test", headers=sent) as way:
        first = (await way.get(PATH, params={"limit": 1})).json()
        second = (await way.get(PATH, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert first["total"] == second["total"] > 1
    assert first["hits"][0]["name"] < second["hits"][0]["name"]
