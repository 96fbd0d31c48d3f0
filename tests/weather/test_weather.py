"""Bad weather: each part of the server tier killed, stopped, restarted and filled up under load, one and several at once.

Reads by name go on, writes are done durably or refused with 503, and soon afterwards the projections are Git's.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.weather.conditions import Weather, fair_weather

PARTS = ("postgres", "elasticsearch", "redis", "indexer", "git", "api")
WAYS = ("killed", "stopped")
BROKEN_SECONDS = 3.0
LOSS_SECONDS = 15.0
"""What is lost is looked for every five seconds; the machine may be busy."""

# A service that is asked whether it answers, and does not, leaves its driver's socket to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Condition = Sequence[tuple[str, str]]
ONE_AT_A_TIME = [((part, how),) for part in PARTS for how in (*WAYS, "restarted")]
FILLED = [((part, "filled"),) for part in ("postgres", "elasticsearch", "redis", "git")]
ALL_STORES = (("postgres", "killed"), ("elasticsearch", "killed"), ("redis", "killed"))
SHORT: list[Condition] = [
    (("postgres", "restarted"), ("git", "restarted"), ("api", "restarted")),
    (("postgres", "stopped"),),
    (("elasticsearch", "stopped"), ("redis", "stopped")),
    (("indexer", "stopped"), ("api", "stopped")),
    (("git", "killed"),),
    (("postgres", "filled"),),
    (("elasticsearch", "filled"), ("redis", "filled"), ("git", "filled")),
    ALL_STORES,
]


async def endure(weather: Weather, condition: Condition) -> None:
    """Breaks what the condition names, waits, mends it, and looks whether all is well."""
    parts = {part for part, how in condition if how != "restarted"}  # which is one after the other
    weather.readers.cold = not {"postgres", "git"} <= parts  # with both away only memory is left
    mends = []
    for part, how in condition:
        mends.append(await weather.break_(part, how))
        if how == "restarted":
            await weather.writes_again()  # before the next one, as whoever restarts all of them would wait
    await asyncio.sleep(BROKEN_SECONDS)
    for mend in mends:  # services before processes, which end at their start where PostgreSQL is away
        await mend()
    await weather.writes_again()
    weather.readers.cold = True
    await weather.verified()
    weather.assert_kept()


async def lose(weather: Weather) -> None:
    """Takes what the services hold, and looks whether the running indexers make it anew, nobody telling them to."""
    await weather.lose("elasticsearch")
    await weather.lose("redis")
    await weather.writes_again()
    weather.load.pausing.set()  # what is written would show the loss: the timers alone have to find it
    await weather.verified(LOSS_SECONDS)
    weather.readers.pausing.set()
    await weather.lose("postgres")
    await weather.verified(LOSS_SECONDS)
    weather.load.pausing.clear()
    weather.readers.pausing.clear()
    await weather.writes_again()


async def run_through(folder: Path, conditions: Sequence[Condition]) -> None:
    async with fair_weather(folder, minutes=max(5.0, len(conditions) / 2)) as weather:
        weather.begin()
        try:
            await weather.writes_again()
            for condition in conditions:
                print(condition, flush=True)  # noqa: T201 - a failure names where it was
                began = time.monotonic()
                await endure(weather, condition)
                print(f"  {time.monotonic() - began:.1f} s", flush=True)  # noqa: T201
            await lose(weather)
        finally:
            weather.end()
        weather.assert_kept()
        assert weather.readers.answers > 100
        print(f"{weather.readers.answers} reads, the slowest took {weather.readers.slowest:.2f} s")  # noqa: T201
        weather.cluster.git.assert_sound()


@pytest.mark.crash
@pytest.mark.timeout(900)
async def test_reads_go_on_and_nothing_is_lost_whatever_is_away(tmp_path: Path) -> None:
    await run_through(tmp_path, SHORT)


@pytest.mark.soak
@pytest.mark.crash
async def test_reads_go_on_and_nothing_is_lost_in_all_kinds_of_weather(tmp_path: Path) -> None:
    pairs = [
        ((one, how), (other, also)) for one, other in itertools.combinations(PARTS, 2) for how in WAYS for also in WAYS
    ]
    await run_through(tmp_path, [*ONE_AT_A_TIME, *FILLED, *pairs, ALL_STORES])
