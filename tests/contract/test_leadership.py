"""One process leads; another takes over when it is killed, stopped or done."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import asyncpg
import pytest

from registry.adapters.sql.leadership import PostgresLeadership
from tests.backing import postgres_url

TAKEOVER_SECONDS = 5.0

PROGRAM = """
import asyncio, sys
from registry.adapters.sql.leadership import PostgresLeadership

async def main():
    async with PostgresLeadership(sys.argv[1]).lead() as lost:
        print("leads", flush=True)
        await lost.wait()
        print("lost", flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def database() -> AsyncIterator[str]:
    """A database of the test's own: the lock is one a database."""
    name = f"leadership_{os.getpid()}"
    connection = await asyncpg.connect(postgres_url())
    await connection.execute(f"CREATE DATABASE {name}")
    yield postgres_url().rpartition("/")[0] + f"/{name}"
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@contextmanager
def leader(url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, url], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "leads\n"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def seconds_until_led(url: str) -> float:
    started = time.monotonic()
    async with asyncio.timeout(20), PostgresLeadership(url).lead():
        return time.monotonic() - started


async def test_only_one_leads_at_a_time(database: str) -> None:
    async with PostgresLeadership(database).lead():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), PostgresLeadership(database).lead():
                pass


async def test_who_leaves_gives_way_at_once(database: str) -> None:
    async with PostgresLeadership(database).lead():
        waiting = asyncio.create_task(seconds_until_led(database))
        await asyncio.sleep(0.5)
    assert await waiting < 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_leader_that_is_killed_or_stopped_is_followed(database: str, how: signal.Signals) -> None:
    with leader(database) as process:
        waiting = asyncio.create_task(seconds_until_led(database))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        process.send_signal(how)
        started = time.monotonic()
        await waiting
        assert time.monotonic() - started < TAKEOVER_SECONDS
        if how is signal.SIGSTOP:
            process.send_signal(signal.SIGCONT)
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "lost\n"


async def test_who_is_cut_off_learns_that_it_leads_no_longer(database: str) -> None:
    async with PostgresLeadership(database).lead() as lost:
        connection = await asyncpg.connect(database)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'promptuary leader' "
            "AND datname = current_database()"
        )
        await connection.close()
        async with asyncio.timeout(2):
            await lost.wait()
