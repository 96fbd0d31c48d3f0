"""The hot path of bundles gives the same answers as the documented route."""

from typing import Any

import httpx
import pytest

from tests.api.test_hot_reads import shown

PATH = "/api/v1/repositories/default/bundle"
ASKED = [
    "",
    "?label=production",
    "?label=latest",
    "?folder=support/",
    "?label=production&folder=support",
    "?folder=%EA%B3%A0%EA%B0%9D%EC%A7%80%EC%9B%90",
    "?folder=nothing",
    "?label=nightly",
    "?label=Production",
    "?lable=production",
    "?label=production&label=latest",
    "?label=%FF",
    "?min_commit=x",
    f"?min_commit={'0' * 40}",
]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept-Encoding": "gzip"},
        {"Accept-Encoding": "identity"},
        {"If-None-Match": "*"},
        {"If-None-Match": '"other"', "Accept-Encoding": "zstd;q=0.1, br"},
    ],
)
async def test_both_ways_answer_alike(app: Any, keys: dict[str, str], headers: dict[str, str]) -> None:
    sent = {"Authorization": f"Bearer {keys['read']}", **headers}
    renders = app._app._app._app
    bundles = renders._app
    assert type(bundles).__name__ == "HotBundles"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test", headers=sent) as way:
        for path in ASKED:
            made, kept = shown(await way.get(f"{PATH}{path}")), shown(await way.get(f"{PATH}{path}"))
            head = await way.head(f"{PATH}{path}")
            renders._app = bundles._app
            documented, documented_head = shown(await way.get(f"{PATH}{path}")), await way.head(f"{PATH}{path}")
            renders._app = bundles
            assert made == kept == documented, path
            assert shown(head)[:2] == shown(documented_head)[:2], path
        for other in ("/api/v1/repositories/none/bundle", "/api/v1/repositories/a/b/bundle", f"{PATH}/"):
            assert (await way.get(other)).status_code == 404
        assert (await way.post(PATH)).status_code == 405
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as stranger:
        assert (await stranger.get(PATH)).status_code == 401
