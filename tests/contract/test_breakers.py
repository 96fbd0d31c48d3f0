"""What a circuit breaker lets through, and what it counts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from registry.adapters.breakers import Breaker
from registry.domain.dependencies import Circuit
from registry.domain.errors import BadRequest, Conflict, Unavailable
from registry.ports.dependencies import Dependency


class Watch:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def breaker(watch: Watch) -> Breaker:
    return Breaker("Redis", seconds=0.02, threshold=3, rest_seconds=2.0, clock=watch)


async def answered(breaker: Breaker) -> str:
    async with breaker.guard():
        return "an answer"


async def refused(breaker: Breaker) -> None:
    with pytest.raises(Unavailable, match=r"Redis is away: .*refused"):
        async with breaker.guard():
            raise ConnectionRefusedError(111, "Connection refused")


async def opened(breaker: Breaker) -> None:
    for _ in range(3):
        await refused(breaker)
    assert circuit(breaker) is Circuit.OPEN


def circuit(dependency: Dependency) -> Circuit:
    return dependency.condition().circuit


async def test_a_service_that_keeps_failing_is_not_asked_any_more(breaker: Breaker, watch: Watch) -> None:
    await refused(breaker)
    await refused(breaker)
    assert circuit(breaker) is Circuit.CLOSED
    await refused(breaker)
    asked = False
    with pytest.raises(Unavailable, match="not asked for a moment: Connection refused"):
        async with breaker.guard():
            asked = True
    assert not asked
    watch.seconds += 1.9
    with pytest.raises(Unavailable):
        await answered(breaker)
    watch.seconds += 0.2
    assert await answered(breaker) == "an answer"
    assert circuit(breaker) is Circuit.CLOSED


async def test_who_has_waited_long_enough_opens_it_at_once(breaker: Breaker, watch: Watch) -> None:
    breaker.is_away("no answer within 2 s")
    with pytest.raises(Unavailable, match="not asked for a moment: no answer within 2 s"):
        await answered(breaker)
    watch.seconds += 1.5
    breaker.is_away("it is known already")
    watch.seconds += 0.6
    assert await answered(breaker) == "an answer"


async def test_an_answer_between_failures_makes_them_count_from_the_start(breaker: Breaker) -> None:
    for _ in range(4):
        await refused(breaker)
        await refused(breaker)
        await answered(breaker)
    assert circuit(breaker) is Circuit.CLOSED


async def test_a_call_has_a_deadline(breaker: Breaker) -> None:
    for _ in range(3):
        with pytest.raises(Unavailable, match=r"Redis is away: no answer within 20 ms\."):
            async with breaker.guard():
                await asyncio.sleep(5)
    assert circuit(breaker) is Circuit.OPEN


async def test_a_call_may_have_a_deadline_of_its_own(breaker: Breaker) -> None:
    async with breaker.guard(5.0):
        await asyncio.sleep(0.05)
    with pytest.raises(Unavailable, match="within 1 ms"):
        async with breaker.guard(0.001):
            await asyncio.sleep(5)


async def test_half_open_one_call_finds_out_for_all(breaker: Breaker, watch: Watch) -> None:
    await opened(breaker)
    watch.seconds += 3
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def probe() -> str:
        async with breaker.guard(5.0):
            return await answer

    probing = asyncio.create_task(probe())
    await asyncio.sleep(0)
    assert circuit(breaker) is Circuit.HALF_OPEN
    for _ in range(5):
        with pytest.raises(Unavailable):
            await answered(breaker)
    answer.set_result("it lives")
    assert await probing == "it lives"
    assert await answered(breaker) == "an answer"


async def test_a_probe_that_fails_opens_again(breaker: Breaker, watch: Watch) -> None:
    await opened(breaker)
    watch.seconds += 3
    await refused(breaker)
    assert circuit(breaker) is Circuit.OPEN
    watch.seconds += 1.9
    with pytest.raises(Unavailable):
        await answered(breaker)


async def bad(breaker: Breaker) -> None:
    with pytest.raises(BadRequest):
        async with breaker.guard():
            raise BadRequest("a cursor that is none")


async def conflicting(breaker: Breaker) -> None:
    with pytest.raises(Conflict):
        async with breaker.guard():
            raise Conflict


@pytest.mark.parametrize("mistake", [bad, conflicting])
async def test_what_the_caller_did_is_an_answer(
    breaker: Breaker, watch: Watch, mistake: Callable[[Breaker], Awaitable[None]]
) -> None:
    for _ in range(5):
        await mistake(breaker)
    assert circuit(breaker) is Circuit.CLOSED
    await opened(breaker)
    watch.seconds += 3
    await mistake(breaker)
    assert circuit(breaker) is Circuit.CLOSED


async def cancelled(breaker: Breaker) -> None:
    async def call() -> None:
        async with breaker.guard(5.0):
            await asyncio.sleep(5)

    calling = asyncio.create_task(call())
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


async def wrong(breaker: Breaker) -> None:
    with pytest.raises(KeyError):
        async with breaker.guard():
            raise KeyError("a fault of ours")


@pytest.mark.parametrize("nothing", [cancelled, wrong])
async def test_what_says_nothing_about_the_service_counts_as_nothing(
    breaker: Breaker, watch: Watch, nothing: Callable[[Breaker], Awaitable[None]]
) -> None:
    for _ in range(5):
        await nothing(breaker)
    assert circuit(breaker) is Circuit.CLOSED
    await refused(breaker)
    await refused(breaker)
    await nothing(breaker)
    await refused(breaker)
    assert circuit(breaker) is Circuit.OPEN
    watch.seconds += 3
    await nothing(breaker)
    assert circuit(breaker) is Circuit.HALF_OPEN, "the next call finds out"
    await answered(breaker)
    assert circuit(breaker) is Circuit.CLOSED


async def test_calls_from_before_say_nothing_about_now(breaker: Breaker, watch: Watch) -> None:
    """Sixty calls that waited when the service stopped fail together, maybe after it has come back."""
    stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def call() -> None:
        async with breaker.guard(5.0):
            await asyncio.shield(stopped)

    calls = [asyncio.create_task(call()) for _ in range(60)]
    await asyncio.sleep(0)
    await opened(breaker)
    watch.seconds += 3
    await answered(breaker)
    stopped.set_exception(ConnectionResetError(104, "Connection reset by peer"))
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in ended} == {Unavailable}
    assert circuit(breaker) is Circuit.CLOSED


async def test_its_state_can_be_seen(breaker: Breaker, watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first = breaker.condition()
    assert (first.name, first.circuit, first.reason) == ("Redis", "closed", "")
    await opened(breaker)
    second = breaker.condition()
    assert (second.circuit, second.reason) == ("open", "Connection refused")
    assert second.since >= first.since
    watch.seconds += 3
    await refused(breaker)  # is told once, not with every probe
    watch.seconds += 3
    await answered(breaker)
    assert breaker.condition().reason == ""
    assert [record.getMessage() for record in caplog.records] == [
        "Redis is not asked for 2 s at a time: Connection refused",
        "Redis answers again",
    ]
