"""Bad weather: each part of the server tier killed, stopped, restarted and filled up under load, one and several at once.

Reads by name go on, writes are done durably or refused with 503, and soon afterwards the projections are Git's.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.backing import LeftOutWarning, left_out
from tests.load import Late
from tests.own_services import small_disk_or_folder
from tests.weather.conditions import Mend, Weather, fair_weather
from tests.weather.effects import Effects
from tests.weather.matrix import GROUPS, INDEXERS, NEED_A_SMALL_DISK, PARTS, STORES, SUDDEN, Condition, ways
from tests.weather.readers import Kind

BROKEN_SECONDS = 3.0
WAIT_SECONDS, SLACK_SECONDS = 10.0, 4.0
"""How long writes and pushes wait for an indexer, and what else they take."""
YIELD_SECONDS = 1.0
PUSHED_SECONDS = 2.0
"""For so long only pushes come first: behind a write over REST they would wait for it, too."""
TOLD_SECONDS = 15.0
"""How long it may take until each kind of answer has said that something is away: the first ones take a second each."""
FULL_SECONDS = 45.0
"""For longer than Elasticsearch waits for a new index to find its place."""
PLACING_SECONDS = 150.0
"""Elasticsearch looks for a place once a minute, and whoever writes to what has none waits for a minute."""
LOSS_SECONDS = 15.0
"""What is lost is looked for every five seconds; the machine may be busy."""

# A service that is asked whether it answers, and does not, leaves its driver's socket to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("default::tests.backing.LeftOutWarning"),
]

SHORT: list[Condition] = [
    (("postgres", "restarted"), ("git", "restarted"), ("api", "restarted")),
    (("postgres", "stopped"),),
    (("elasticsearch", "stopped"), ("redis", "stopped")),
    (("indexer", "stopped"), ("api", "stopped")),
    (("indexers", "killed"),),
    (("git", "killed"),),
    (("postgres", "filled"),),
    (("elasticsearch", "filled"), ("redis", "filled"), ("git", "filled")),
    (("postgres", "killed"), ("elasticsearch", "killed"), ("redis", "killed")),
]


async def endure(weather: Weather, condition: Condition) -> None:
    """Breaks what the condition names, waits, mends it, and looks whether all is well."""
    away = {part: how for part, how in condition if how != "restarted"}
    # With both away only memory is left; a full disk can be read.
    away_for_reads = {part for part, how in condition if (part, how) != ("git", "filled")}
    weather.readers.cold = not (away and {"postgres", "git"} <= away_for_reads)
    weather.readers.searched = not {"postgres", "elasticsearch"} <= {part for part, _ in condition}
    if set(away) == {INDEXERS}:
        weather.load.yielding.set()
        await asyncio.sleep(YIELD_SECONDS)  # what has begun ends
    effects = Effects(weather, condition)
    mends: list[tuple[int, Mend]] = []
    for part, how in sorted(condition, key=lambda each: each[1] == "restarted"):
        mend = await weather.break_(part, how)
        if away:
            mends.append((_turn(part, how), mend))
        else:  # before the next one, as whoever restarts all of them would wait
            await mend()
            await weather.writes_again()
            await weather.undegraded(time.monotonic())  # else a replica may still ask the Git node for what it reads
    if set(away) == {INDEXERS}:
        await unprojected(weather, effects.broke)
    else:
        await asyncio.sleep(BROKEN_SECONDS)
    await told(weather, condition, effects.broke)
    await felt(effects)
    for _, mend in sorted(mends, key=lambda each: each[0]):
        await mend()
    mended = time.monotonic()
    await weather.writes_again()
    wrote = time.monotonic() - mended
    weather.readers.cold = True
    equal = await weather.verified(since=mended)
    calm = await weather.undegraded(since=mended)
    weather.readers.searched = True
    print(f"  writes after {wrote:.1f} s, equal to Git after {equal:.1f} s, undegraded after {calm:.1f} s", flush=True)  # noqa: T201
    weather.assert_kept()


async def unprojected(weather: Weather, broke: float) -> None:
    """Without an indexer a push is in, but not live, or refused, and says so; a write over REST is in without a number.

    Either is answered after ten seconds, where it need not wait for another one.
    """
    await asyncio.sleep(PUSHED_SECONDS)
    weather.load.yielding.clear()
    until = time.monotonic() + WAIT_SECONDS + SLACK_SECONDS
    while {each.way for each in _late(weather, broke)} != {"pushed", "api"}:
        assert time.monotonic() < until, f"{_late(weather, broke)}\n{weather.tails()}"
        await asyncio.sleep(0.1)
    for way in ("pushed", "api"):
        took = min(each.seconds for each in _late(weather, broke) if each.way == way)
        print(f"  {way} was answered after {took:.1f} s", flush=True)  # noqa: T201
        assert WAIT_SECONDS - 0.5 < took < WAIT_SECONDS + SLACK_SECONDS, way


def _late(weather: Weather, broke: float) -> list[Late]:
    """Also who began in the second before: the wait is for the projection, which comes last."""
    return [each for each in list(weather.load.late) if each.began >= broke - YIELD_SECONDS]


async def told(weather: Weather, condition: Condition, broke: float) -> None:
    """Waits until what is asked for while it is away has said so: each kind that has to."""
    sudden = {part for part, how in condition if how in SUDDEN}
    kinds = set[Kind]()
    if "postgres" in sudden:
        kinds |= {Kind.HOT, Kind.COLD} if weather.readers.cold else {Kind.HOT}
    if weather.readers.searched and {"postgres", "elasticsearch"} & sudden:
        kinds |= {Kind.SEARCH}
    while missing := kinds - {each.kind for each in weather.readers.since(broke) if each.degraded}:
        said = f"{missing} did not say so: {weather.readers.since(broke)}"
        assert time.monotonic() < broke + TOLD_SECONDS, said
        await asyncio.sleep(0.1)


async def felt(effects: Effects) -> None:
    """Waits until what is away has shown that it is."""
    while missing := await asyncio.to_thread(effects.missing):
        assert time.monotonic() < effects.broke + TOLD_SECONDS, missing
        await asyncio.sleep(0.1)


def _turn(part: str, how: str) -> int:
    """When a part is mended: room comes first, and services before processes, which need them at their start."""
    return 0 if how == "filled" else 1 + PARTS.index(part)


def fitting(conditions: Sequence[Condition], *, small_disks: bool) -> list[Condition]:
    """The conditions without what only a small disk can do, for who may not mount one."""
    left_out = () if small_disks else NEED_A_SMALL_DISK
    kept = [tuple(each for each in condition if tuple(each) not in left_out) for condition in conditions]
    return [condition for condition in kept if condition]


async def lose(weather: Weather) -> None:
    """Takes what the services hold, and looks whether the running indexers make it anew, nobody telling them to."""
    await weather.lose("elasticsearch")
    await weather.lose("redis")
    await weather.writes_again()
    weather.load.pausing.set()  # what is written would show the loss: the timers alone have to find it
    await weather.verified(time.monotonic(), LOSS_SECONDS)
    weather.readers.searched = False  # who misses the index asks the catalogue, which has nothing yet
    await weather.lose("postgres")
    await weather.verified(time.monotonic(), LOSS_SECONDS)
    weather.load.pausing.clear()
    await weather.writes_again()
    await weather.undegraded(time.monotonic())
    weather.readers.searched = True


async def run_through(folder: Path, conditions: Sequence[Condition], *, losing: bool = True) -> None:
    async with fair_weather(folder, minutes=max(5.0, len(conditions) / 2)) as weather:
        weather.begin()
        try:
            await weather.writes_again()
            for condition in fitting(conditions, small_disks=weather.small_disks):
                print(condition, flush=True)  # noqa: T201 - a failure names where it was
                began = time.monotonic()
                await endure(weather, condition)
                print(f"  {time.monotonic() - began:.1f} s", flush=True)  # noqa: T201
            if losing:
                await lose(weather)
        finally:
            weather.end()
        weather.assert_kept()
        assert len(weather.readers.seen) > 100
        print(f"{len(weather.readers.seen)} reads, the slowest took {weather.readers.slowest:.2f} s")  # noqa: T201
        weather.cluster.git.assert_sound()


@pytest.mark.crash
@pytest.mark.timeout(900)
async def test_reads_go_on_and_nothing_is_lost_whatever_is_away(tmp_path: Path) -> None:
    await run_through(tmp_path, SHORT)


@pytest.mark.soak
@pytest.mark.crash
@pytest.mark.parametrize("group", GROUPS)
async def test_reads_go_on_and_nothing_is_lost_in_all_kinds_of_weather(tmp_path: Path, group: str) -> None:
    await run_through(tmp_path, GROUPS[group], losing=group == "one")


@pytest.mark.soak
@pytest.mark.crash
async def test_an_elasticsearch_that_loses_its_index_while_it_is_full(tmp_path: Path) -> None:
    """It takes a new one then, but finds no place for it until there is room."""
    async with fair_weather(tmp_path) as weather:
        weather.begin()
        try:
            await weather.writes_again()
            mend = await weather.break_("elasticsearch", "filled")
            await weather.lose("elasticsearch")
            await weather.writes_again()
            await asyncio.sleep(FULL_SECONDS)
            await mend()
            equal = await weather.verified(time.monotonic(), PLACING_SECONDS)
            print(f"equal to Git {equal:.1f} s after there was room")  # noqa: T201
        finally:
            weather.end()
        weather.assert_kept()


def test_all_kinds_of_weather_are_tried() -> None:
    tried = {frozenset(condition) for conditions in GROUPS.values() for condition in conditions}
    assert {(part, how) for condition in tried if len(condition) == 1 for part, how in condition} == {
        (part, how) for part in PARTS for how in (*ways(part), "restarted")
    }
    away = [(part, how) for part in PARTS if part != INDEXERS for how in ways(part)]
    pairs = {frozenset(pair) for pair in itertools.combinations(away, 2) if pair[0][0] != pair[1][0]}
    assert pairs <= tried
    beside = [{how: part for part, how in pair} for pair in tried if len(pair) == 2]
    restarted = [pair["restarted"] for pair in beside if "restarted" in pair]
    assert {part for part in PARTS if part != INDEXERS and restarted.count(part) < 2} == set()
    for store, how in itertools.product(STORES, SUDDEN):
        assert any((INDEXERS, how) in pair and store in dict(pair) for pair in tried if len(pair) == 2)
    for how in ("killed", "stopped"):
        for parts in (STORES, (*STORES, "git"), (*STORES, "git", "api")):
            assert {(part, how) for part in parts} in tried
    assert len(tried) == sum(map(len, GROUPS.values())) < 175, "a soak takes less than an hour"


def test_who_may_mount_nothing_leaves_out_full_disks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with small_disk_or_folder(tmp_path / "disk", 1) as is_small:
        assert not is_small
        (tmp_path / "disk" / "file").write_bytes(b"x" * 2_000_000)
    kept = fitting(SHORT, small_disks=False)
    assert kept[:6] == SHORT[:6]
    assert kept[6:] == [(("elasticsearch", "filled"), ("redis", "filled")), SHORT[-1]]
    assert fitting(SHORT, small_disks=True) == SHORT


async def test_full_disks_are_never_left_out_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="full disks of PostgreSQL and Git were left out"):
        async with fair_weather(tmp_path):
            pass
    monkeypatch.delenv("CI")
    with pytest.warns(LeftOutWarning, match="a disk"):
        left_out("a disk")
