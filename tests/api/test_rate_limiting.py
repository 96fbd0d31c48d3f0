"""Limits as callers meet them: headers, refusals, who is counted with whom, and what is never limited."""

import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.addresses import TrustedProxies
from api.app import create_app
from api.edge import Edge
from api.rate_limiting import kind_of
from registry.bootstrap import Registry, open_registry
from registry.domain.rate_limits import LimitKind
from registry.domain.roles import Scope
from registry.settings import Settings
from tests.api.conftest import BASE, running
from tests.running import clean_environment
from tests.serving import served

READ = f"{BASE}/templates/support/triage"
RENDER = f"{BASE}/render/support/triage"
PROXIES = Edge(proxies=TrustedProxies([ip_network("127.0.0.0/8")]))
VARIABLES = {"variables": {"ticket": "My card"}}


@dataclass
class Limited:
    """A registry with limits, behind a socket and a trusted proxy."""

    registry: Registry
    address: str
    keys: Sequence[str]

    async def ask(
        self, method: str, path: str, *, key: str | None = "", client: str = "192.0.2.1", **more: Any
    ) -> httpx.Response:
        """The answer to one with the first key (or another, or none), at an address."""
        headers = {"X-Forwarded-For": client, **more.pop("headers", {})}
        if key is not None:
            headers["Authorization"] = f"Bearer {key or self.keys[0]}"
        async with httpx.AsyncClient() as asking:
            return await asking.request(method, f"{self.address}{path}", headers=headers, **more)

    async def statuses(self, times: int, method: str, path: str, **more: Any) -> list[int]:
        return [(await self.ask(method, path, **more)).status_code for _ in range(times)]


@asynccontextmanager
async def limited(folder: Path, stocked_folder: Path, **rates: str) -> AsyncIterator[Limited]:
    shutil.copytree(stocked_folder, folder / "data")
    settings = Settings(data=folder / "data", sample=False, render_workers=1, **rates)
    async with open_registry(settings) as registry:
        keys = [
            (await registry.accounts.create_key(user=user, scope=Scope.ADMIN))[1] for user in ("ada", "ada", "hana")
        ]
        app = create_app(registry)
        async with running(app), served(app, PROXIES) as port:
            yield Limited(registry, f"http://127.0.0.1:{port}", keys)


async def test_answers_tell_the_limit_and_what_is_left(tmp_path: Path, stocked_folder: Path) -> None:
    async with limited(tmp_path, stocked_folder, rate_renders="3/600") as server:
        first = await server.ask("POST", RENDER, json=VARIABLES)
        assert (first.status_code, first.headers["ratelimit-policy"]) == (200, '"renders";q=3;w=600')
        assert first.headers["ratelimit"] == '"renders";r=2;t=200'
        assert await server.statuses(2, "POST", RENDER, json=VARIABLES) == [200, 200]
        refused = await server.ask("POST", RENDER, json=VARIABLES)
        assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
        assert 195 <= int(refused.headers["retry-after"]) <= 200
        assert re.fullmatch(r'"renders";r=0;t=(600|59\d)', refused.headers["ratelimit"])
        problem = refused.json()
        assert problem["type"] == "/docs/errors#too-many-requests"
        assert "3 renderings, searches, diffs, checks and bundles by one user are allowed in 600 s" in problem["detail"]
        assert server.registry.meters.refused == {"rate_renders": 1}
        assert (await server.ask("GET", f"{BASE}/search?q=x")).status_code == 429, "it is the same limit"
        assert "ratelimit" not in (await server.ask("GET", READ)).headers, "reads have none"
        assert await server.statuses(1, "POST", RENDER, json=VARIABLES, key=server.keys[1]) == [429], "nor another key"
        assert await server.statuses(1, "POST", RENDER, json=VARIABLES, key=server.keys[2]) == [200], "another user"


async def test_hot_reads_are_limited_where_that_is_wanted(tmp_path: Path, stocked_folder: Path) -> None:
    async with limited(tmp_path, stocked_folder, rate_reads="4/600") as server:
        answers = [await server.ask("GET", READ) for _ in range(4)]
        assert [(each.status_code, each.headers["ratelimit"][:11]) for each in answers] == [
            (200, f'"reads";r={left}') for left in (3, 2, 1, 0)
        ]
        etag = answers[0].headers["etag"]
        assert await server.statuses(2, "GET", READ, headers={"If-None-Match": etag}) == [429, 429]
        assert await server.statuses(1, "GET", f"{BASE}/templates") == [429]
        assert await server.statuses(1, "GET", READ, key=server.keys[2]) == [200]


async def test_a_read_that_is_handed_on_counts_once(tmp_path: Path, stocked_folder: Path) -> None:
    async with limited(tmp_path, stocked_folder, rate_reads="4/600") as server:
        answer = await server.ask("GET", f"{BASE}/templates/nothing")
        assert (answer.status_code, answer.headers["ratelimit"]) == (404, '"reads";r=3;t=150')


async def test_who_guesses_keys_is_stopped_and_his_neighbours_are_not(
    tmp_path: Path, stocked_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.services.identification.CACHE_SECONDS", 0.0)  # each is looked up
    async with limited(tmp_path, stocked_folder, rate_failures="3/600") as server:
        known, unknown = server.keys[0], server.keys[2]
        assert await server.statuses(1, "GET", READ, key=known) == [200]
        assert await server.statuses(1, "GET", READ, key=server.keys[1]) == [200]
        wrong = "pmt_" + "x" * 43 + "00000000"
        assert await server.statuses(5, "GET", READ, key=wrong) == [401, 401, 401, 429, 429]
        guess = await server.ask("GET", READ, key=unknown)
        assert (guess.status_code, guess.headers["ratelimit"][:14]) == (429, '"failures";r=0'), "it could be one"
        assert await server.statuses(1, "GET", READ, key=known) == [200]
        assert await server.statuses(1, "POST", RENDER, key=known, json=VARIABLES) == [200]
        assert await server.statuses(1, "GET", READ, key=unknown, client="192.0.2.2") == [200]
        assert await server.statuses(1, "GET", "/git/default.git/info/refs?service=git-upload-pack", key=wrong) == [429]
        assert await server.statuses(1, "GET", READ, key=None) == [401], "no key is no guess"
        assert server.registry.meters.refused == {"rate_failures": 4}
        await server.registry.accounts.revoke_key((await server.registry.accounts.list_keys("ada"))[0].id)
        found = [await server.statuses(2, "GET", READ, key=key) for key in server.keys[:2]]
        assert sorted(found) == [[200, 200], [401, 429]], "a key that was revoked is good no more"


async def test_who_has_no_key_is_limited_by_address(tmp_path: Path, stocked_folder: Path) -> None:
    async with limited(tmp_path, stocked_folder, rate_anonymous="3/600") as server:
        one = {"key": None, "client": "2001:db8::1"}
        assert await server.statuses(1, "GET", "/openapi.json", **one) == [200]
        assert await server.statuses(1, "GET", READ, **one) == [401]
        assert await server.statuses(1, "GET", "/git/default.git/info/refs?service=git-upload-pack", **one) == [401]
        assert await server.statuses(1, "GET", "/docs", key=None, client="2001:db8::2") == [429], "the same /64"
        assert await server.statuses(1, "GET", "/docs", key=None, client="2001:db8:0:1::1") == [200]
        refused = await server.ask("GET", "/docs/errors", **one)
        assert (refused.status_code, refused.headers["ratelimit"][:15]) == (429, '"anonymous";r=0')
        assert await server.statuses(3, "GET", "/livez", **one) == [200] * 3
        odd = {**one, "headers": {"Authorization": "Token x"}}
        assert await server.statuses(1, "GET", READ, **odd) == [429], "a header that holds no key is no way around"
        assert await server.statuses(1, "GET", "/git/default.git/info/refs?service=git-upload-pack", **odd) == [429]
        assert await server.statuses(1, "GET", READ, client="2001:db8::1") == [200], "with a key it is another limit"


async def test_what_a_client_says_of_its_address_counts_for_nothing(tmp_path: Path, stocked_folder: Path) -> None:
    async with limited(tmp_path, stocked_folder, rate_anonymous="3/600") as server:
        clients = [f"198.51.100.{number}, 192.0.2.7" for number in range(4)]
        found = [(await server.ask("GET", "/docs", key=None, client=client)).status_code for client in clients]
        assert found == [200, 200, 200, 429]


async def test_git_says_why(tmp_path: Path, stocked_folder: Path) -> None:
    async with limited(tmp_path, stocked_folder, rate_git="3/600") as server:
        address = server.address.replace("http://", f"http://ada:{server.keys[0]}@")

        def clone(name: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                ["git", "clone", "-q", f"{address}/git/default.git", name],
                cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False,
            )  # fmt: skip

        import asyncio

        refs = await server.ask("GET", "/git/default.git/info/refs?service=git-upload-pack", key=server.keys[2])
        assert (refs.status_code, refs.headers["ratelimit"]) == (200, '"git";r=2;t=200')
        assert (await asyncio.to_thread(clone, "one")).returncode == 0
        refused = await asyncio.to_thread(clone, "two")
    assert refused.returncode == 128
    assert "429" in refused.stderr
    assert "remote: Too many requests: 3 requests of Git by one user are allowed in 600 s." in refused.stderr


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", READ, LimitKind.READS),
        ("HEAD", f"{BASE}/labels", LimitKind.READS),
        ("GET", "/api/v1/repositories", LimitKind.READS),
        ("GET", f"{BASE}/search", LimitKind.RENDERS),
        ("GET", f"{BASE}/templates/search", LimitKind.READS),
        ("GET", f"{BASE}/bundle", LimitKind.RENDERS),
        ("POST", RENDER, LimitKind.RENDERS),
        ("POST", f"{BASE}/check", LimitKind.RENDERS),
        ("POST", f"{BASE}/imports", LimitKind.WRITES),
        ("PUT", READ, LimitKind.WRITES),
        ("DELETE", f"{BASE}/search", LimitKind.WRITES),
        ("POST", "/api/v1/repositories", LimitKind.WRITES),
    ],
)
def test_what_counts_as_what(method: str, path: str, kind: LimitKind) -> None:
    assert kind_of(method, path) is kind


@pytest.mark.parametrize("text", ["", "0/60", "10", "10/0", "10/60s", "-1/60", "none", "1e3/60"])
def test_rates_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"so many requests in so many seconds, as 600/60, or off"):
        Settings(rate_writes=text)


def test_a_rate_can_be_switched_off() -> None:
    limits = Settings(rate_writes="off", rate_git="7/30").rate_limits
    assert LimitKind.WRITES not in limits
    assert LimitKind.READS not in limits, "which there is no limit of by default"
    assert (limits[LimitKind.GIT].quota, limits[LimitKind.GIT].seconds) == (7, 30.0)
