"""How many connections to PostgreSQL a process takes at the most: as many as the pages say."""

import asyncio
from math import ceil
from pathlib import Path

import pytest
from pydantic import SecretStr

from registry.settings import Settings
from registry.tiers import open_tier
from tests.databases import fetch_sql

DOCS = Path(__file__).parents[2] / "docs"
BESIDE_THE_POOLS = 2
"""One to listen on, and one that holds the leader's lock or waits for it."""
SESSIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def told(connections: int) -> int:
    """As the page on more than one machine has it."""
    return ceil(1.5 * connections) + 6


@pytest.mark.parametrize("connections", [2, 10, 11])
async def test_a_process_takes_as_many_as_the_arithmetic_says(
    catalogue_url: str, tmp_path: Path, connections: int
) -> None:
    settings = Settings(data=tmp_path, database_url=SecretStr(catalogue_url), database_connections=connections)
    async with open_tier(settings) as tier:
        pools = sum(use.limit for use in tier.pools())
        assert all(use.idle == use.in_use == 0 for use in tier.pools()), "so what is connected is beside them"
        assert tier.leadership is not None
        async with tier.leadership.lead(), asyncio.timeout(10):
            while fetch_sql(SESSIONS, address=catalogue_url)[0][0] != BESIDE_THE_POOLS:
                await asyncio.sleep(0.05)
    assert pools + BESIDE_THE_POOLS == told(connections)


def test_the_pages_say_so() -> None:
    usual = told(Settings().database_connections)
    arithmetic = (DOCS / "past-one-machine.md").read_text()
    assert "*n* × (1.5 × `PROMPTUARY_DATABASE_CONNECTIONS` + 6)" in arithmetic
    assert f"6 × {usual} = {6 * usual}" in arithmetic
    assert f"takes up to {usual}, or what" in (DOCS / "server-tier.md").read_text()
    assert f"leading one: {usual} in all" in (DOCS / "settings.md").read_text()
