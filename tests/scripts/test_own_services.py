"""Servers of a test's own: what the bad-weather tests do to them really happens to them."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis as RedisClient
from redis.exceptions import AuthenticationError, OutOfMemoryError

from scripts.services.postgres import Postgres
from scripts.services.processes import Process
from scripts.services.service import Service
from tests.own_services import fill_up, own_elasticsearch, own_postgres, own_redis, small_disk
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
STARTERS = {"postgres": own_postgres, "redis": own_redis, "elasticsearch": own_elasticsearch}


@pytest.fixture(params=STARTERS)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    async with STARTERS[request.param](tmp_path) as started:
        yield started


async def test_a_server_can_be_killed_stopped_and_started_again_where_it_was(server: Service) -> None:
    url, first = server.url, server.process
    assert await server.answers()

    await server.stop()
    assert not await server.answers(1.0)
    assert server.process == first, "it is stopped, not gone"
    await server.cont()
    assert await server.answers()

    await server.kill()
    assert first is not None
    assert not first.is_alive()
    assert not await server.answers()

    await server.restart()
    assert await server.answers()
    assert server.url == url
    assert server.process != first


async def test_postgres_keeps_what_was_committed_over_a_kill(tmp_path: Path) -> None:
    async with own_postgres(tmp_path, work_mem="7MB") as server:
        client = await asyncpg.connect(server.url)
        assert await client.fetchval("SHOW work_mem") == "7MB"
        assert await client.fetchval("SHOW fsync") == "on"
        assert (await client.fetchrow("SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database")) == (
            "C.UTF-8",
            "UTF8",
        )
        await client.execute("CREATE DATABASE other")
        await client.execute("CREATE TABLE kept AS SELECT 1 AS one")
        asleep = asyncio.ensure_future(client.execute("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.2)
        await server.kill()
        with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
            await asleep
        await server.restart()
        client = await asyncpg.connect(server.url)
        assert await client.fetchval("SELECT one FROM kept") == 1
        await client.close()


async def test_postgres_on_a_full_disk_refuses_and_comes_back_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 128) as disk:
        async with own_postgres(disk, max_wal_size="32MB") as server:
            client = await asyncpg.connect(server.url)
            await client.execute("CREATE TABLE filled AS SELECT 'kept' AS text")
            ballast = fill_up(disk)
            # It refuses, or panics where it is the log that has no room.
            with pytest.raises((asyncpg.DiskFullError, asyncpg.PostgresConnectionError, ConnectionError)):
                await client.execute("INSERT INTO filled SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
            client.terminate()
            ballast.unlink()
            await server.start()
            client = await asyncpg.connect(server.url)
            assert await client.fetchval("SELECT count(*) FROM filled") == 1
            await client.close()


async def test_redis_is_filled_up_and_asks_for_a_password(tmp_path: Path) -> None:
    async with own_redis(tmp_path, maxmemory="2mb", maxmemory_policy="noeviction") as server:
        async with RedisClient.from_url(server.url) as client:
            with pytest.raises(OutOfMemoryError):
                await asyncio.gather(*(client.set(f"key-{number}", b"x" * 100_000) for number in range(100)))
        async with RedisClient.from_url(f"redis://127.0.0.1:{server.port}/0") as stranger:
            with pytest.raises(AuthenticationError):
                await stranger.ping()
        assert server.password not in (Path("/proc") / str(server.process.pid) / "cmdline").read_text()


async def test_postgres_as_another_user_where_namespaces_are_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, whose root may not make one; the folder of the test is closed to all but root."""
    monkeypatch.setattr("scripts.services.postgres._AS_SOMEBODY", ["false"])
    server = Postgres(tmp_path, first_port=free_port(), dies_with_us=True)
    try:
        assert await server.start()
        owner = (Path("/proc") / str(server.process.pid)).stat().st_uid
        assert owner != 0
        assert not (tmp_path / "postgres" / "data").exists()
    finally:
        await server.kill()
        subprocess.run(["rm", "-rf", str(server._home)], check=True)


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.own_services import own_redis

async def main():
    async with own_redis(Path(sys.argv[1])):
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_killed_test_leaves_no_server_behind(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", DYING, tmp_path], cwd=ROOT, check=False)
    assert ran.returncode == -9
    server = Process.remembered(tmp_path / "redis/process.json")
    assert server is not None
    assert await server.wait(5)
