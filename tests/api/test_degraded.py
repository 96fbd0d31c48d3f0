"""Reads while the catalogue is away: from memory, marked, by keys that were looked up before; writes have to wait."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from registry.bootstrap import Registry, open_registry
from registry.domain.dependencies import Circuit
from registry.domain.roles import Scope
from registry.services import identification
from registry.settings import Settings
from tests.api.conftest import BASE, running
from tests.own_services import own_postgres, own_redis
from tests.stock import DEFAULT, TONE, TRIAGE, stock, write_files

MARK = "promptuary-degraded"
VARIABLES = {"variables": {"ticket": "My card"}}


class Reader:
    """A registry on a PostgreSQL of its own, and a client with a key that may write."""

    def __init__(self, registry: Registry, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.registry = registry
        self.client = client
        self.keys = keys

    async def get(self, path: str, seconds: float = 3, **headers: str) -> httpx.Response:
        """An answer, which has to come long before a driver of a service that is away gives up by itself."""
        started = time.monotonic()
        answer = await self.client.get(path, headers=headers)
        assert time.monotonic() - started < seconds, f"{path}: {time.monotonic() - started:.1f} s"
        return answer


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Reader]:
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(open_registry(settings))
        await stock(registry)
        keys = {
            scope.value: (await registry.accounts.create_key(user="ada", scope=scope))[1] for scope in reversed(Scope)
        }
        app = create_app(registry)
        await stack.enter_async_context(running(app))
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=f"http://test{BASE}",
            headers={"Authorization": f"Bearer {keys['write']}"},
        )
        yield Reader(registry, await stack.enter_async_context(client), keys)


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[Any]:
    async with own_postgres(tmp_path / "postgres") as server:
        yield server


def settings_of(postgres: Any, tmp_path: Path, **changes: Any) -> Settings:
    url = SecretStr(postgres.url)
    return Settings(data=tmp_path / "data", sample=False, render_workers=1, database_url=url, **changes)


async def recovered(reader: Reader, path: str) -> httpx.Response:
    """The first answer that is not marked any more."""
    async with asyncio.timeout(20):
        while True:
            answer = await reader.client.get(path)
            if answer.status_code == 200 and MARK not in answer.headers:
                return answer
            await asyncio.sleep(0.1)


def away_of(reader: Reader) -> set[str]:
    return {each.name for each in reader.registry.readiness.conditions() if each.circuit is not Circuit.CLOSED}


READ = (
    "/templates/support/triage",
    "/templates/support/triage?label=production",
    "/templates/support/triage?version=1",
)


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_what_was_read_before_goes_on_being_read(postgres: Any, tmp_path: Path, how: str) -> None:
    async with opened(settings_of(postgres, tmp_path)) as reader:
        before = {path: await reader.get(path, 10) for path in (*READ, "/bundle?label=latest")}
        rendered = await reader.client.post("/render/support/triage", json=VARIABLES)
        assert rendered.status_code == 200
        await asyncio.sleep(identification.CACHE_SECONDS + 0.1)  # the key has to be looked up again
        await getattr(postgres, how)()
        for _ in range(6):
            for path, was in before.items():
                now = await reader.get(path)
                assert (now.status_code, now.headers.get(MARK)) == (200, "cache"), now.text
                assert (now.content, now.headers["etag"]) == (was.content, was.headers["etag"])
                again = await reader.get(path, **{"if-none-match": was.headers["etag"]})
                assert (again.status_code, again.headers.get(MARK)) == (304, "cache")
            now = await reader.client.post("/render/support/triage", json=VARIABLES)
            assert (now.status_code, now.headers.get(MARK), now.json()) == (200, "cache", rendered.json())
            await asyncio.sleep(0.2)
        await (postgres.cont() if how == "stop" else postgres.restart())
        for path, was in before.items():
            assert (await recovered(reader, path)).content == was.content


UNREAD = (
    "/templates/support/triage",
    "/templates/support/triage?label=production",
    "/templates/support/triage?label=latest",
    "/templates/support/triage?version=1",
    "/templates/partials/tone",
)


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_what_was_never_read_comes_from_git(postgres: Any, tmp_path: Path, how: str) -> None:
    async with opened(settings_of(postgres, tmp_path)) as reader:
        assert reader.registry.snapshots is not None
        await reader.registry.snapshots.catch_up(DEFAULT)
        await reader.get("/templates/고객지원/환불", 10)  # the key is looked up
        await asyncio.sleep(identification.CACHE_SECONDS + 0.1)
        await getattr(postgres, how)()
        answers = {}
        for path in UNREAD:
            answers[path] = answer = await reader.get(path)
            assert (answer.status_code, answer.headers.get(MARK)) == (200, "git"), answer.text
            again = await reader.get(path, **{"if-none-match": answer.headers["etag"]})
            assert (again.status_code, again.headers.get(MARK)) == (304, "git")
        yaml = await reader.get(UNREAD[0], accept="application/yaml")
        assert (yaml.status_code, yaml.headers.get(MARK), yaml.text) == (200, "git", TRIAGE)
        rendered = await reader.client.post("/render/support/triage?version=1", json=VARIABLES)
        assert (rendered.status_code, rendered.headers.get(MARK)) == (200, "git")
        assert (await reader.get("/templates/support/tirage")).status_code == 404
        assert (await reader.get("/templates/support/triage?label=staging")).status_code == 404
        assert (await reader.get("/templates/support/triage?version=9")).status_code == 404
        await (postgres.cont() if how == "stop" else postgres.restart())
        for path, degraded in answers.items():
            healthy = await recovered(reader, path)
            assert (healthy.content, healthy.headers["etag"]) == (degraded.content, degraded.headers["etag"])
            assert healthy.headers["promptuary-commit"] == degraded.headers["promptuary-commit"]


async def test_a_promotion_that_was_not_read_yet_is_read_from_git(postgres: Any, tmp_path: Path) -> None:
    """What is known to be old is not given while Git can tell what is true."""
    async with opened(settings_of(postgres, tmp_path)) as reader:
        path = "/templates/support/triage?label=production"
        assert (await reader.get(path, 10)).json()["version"] == 1
        render = partial(reader.client.post, "/render/support/triage?label=production", json=VARIABLES)
        assert (await render()).json()["version"] == 1
        await write_files(reader.registry, {"labels/production/support.yaml": "triage: 2\n"}, "Promote")
        assert reader.registry.snapshots is not None
        await reader.registry.snapshots.catch_up(DEFAULT)
        await postgres.kill()
        answer = await reader.get(path)
        assert (answer.json()["version"], answer.headers[MARK]) == (2, "git")
        rendered = await render()
        assert (rendered.json()["version"], rendered.headers[MARK]) == (2, "git")


async def test_writes_and_unknown_keys_have_to_wait(postgres: Any, tmp_path: Path) -> None:
    async with opened(settings_of(postgres, tmp_path)) as reader:
        await reader.get(READ[0], 10)
        await asyncio.sleep(identification.CACHE_SECONDS + 0.1)
        await postgres.kill()
        put = await reader.client.put(
            "/templates/partials/tone",
            content=TONE.replace("brief", "terse").encode(),
            headers={"content-type": "application/yaml", "if-match": "*"},
        )
        assert put.status_code == 503
        assert put.headers["retry-after"]
        label = await reader.client.put("/labels/production/support/triage", json={"version": 2})
        assert label.status_code == 503
        unknown = await reader.client.get(READ[0], headers={"Authorization": f"Bearer {reader.keys['read']}"})
        assert unknown.status_code == 503, "whether it is a key cannot be known now"
        assert (await reader.client.get(READ[0], headers={"Authorization": "Bearer nonsense"})).status_code == 401
        await postgres.restart()
        assert "terse" not in (await recovered(reader, "/templates/partials/tone")).text


async def test_a_known_key_reads_on_for_the_grace_that_is_set(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grace = 1.0
    monkeypatch.setenv("PROMPTUARY_AUTH_GRACE", f"{grace}")
    async with opened(settings_of(postgres, tmp_path)) as reader:
        was = await reader.get(READ[0], 10)
        await asyncio.sleep(identification.CACHE_SECONDS + 0.1)
        await postgres.stop()
        stopped, last = time.monotonic(), 0.0
        while (now := await reader.get(READ[0])).status_code == 200:
            assert (now.content, now.headers[MARK]) == (was.content, "cache")
            last = time.monotonic() - stopped
            assert last < grace + identification.CACHE_SECONDS + 2, "the grace does not end"
            await asyncio.sleep(0.1)
        assert last > grace
        assert (now.status_code, now.json()["type"]) == (503, "/docs/errors#unavailable")
        assert now.headers["retry-after"]
        await postgres.cont()
        assert (await recovered(reader, READ[0])).content == was.content


async def test_all_services_away_at_once(postgres: Any, tmp_path: Path) -> None:
    async with own_redis(tmp_path / "redis") as redis:
        settings = settings_of(postgres, tmp_path, redis_url=SecretStr(redis.url))
        async with opened(settings) as reader:
            assert reader.registry.snapshots is not None
            await reader.registry.snapshots.catch_up(DEFAULT)
            before = await reader.get(READ[0], 10)
            await asyncio.sleep(identification.CACHE_SECONDS + 0.1)
            await postgres.stop()
            await redis.kill()
            for _ in range(5):
                again, new = await reader.get(READ[0]), await reader.get("/templates/partials/tone")
                assert (again.content, again.headers[MARK]) == (before.content, "cache")
                assert (new.status_code, new.headers[MARK]) == (200, "git")
                await asyncio.sleep(0.3)
            async with asyncio.timeout(15):
                while away_of(reader) != {"PostgreSQL", "Redis"}:
                    await asyncio.sleep(0.1)
            await postgres.cont()
            await redis.restart()
            await recovered(reader, "/templates/partials/tone")


async def test_a_damaged_catalogue_of_one_process_is_read_around(tmp_path: Path) -> None:
    async with opened(Settings(data=tmp_path / "data", sample=False, render_workers=1)) as reader:
        before = {path: await reader.get(path, 10) for path in READ}
        await asyncio.sleep(identification.CACHE_SECONDS + 0.1)
        catalogue = reader.registry.settings.catalogue
        kept = tmp_path / "kept"
        shutil.copytree(catalogue.parent, kept)
        for file in catalogue.parent.glob("catalogue.sqlite*"):
            with file.open("r+b") as damaged:
                damaged.write(b"\x00" * file.stat().st_size)
        for path, was in before.items():
            now = await reader.get(path)
            assert (now.status_code, now.content, now.headers.get(MARK)) == (200, was.content, "cache"), now.text
