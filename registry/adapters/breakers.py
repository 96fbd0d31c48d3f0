"""Deadlines and circuit breakers for calls to services that may be away or slow. No driver in it.

An adapter has one breaker for each service and puts every call that is made for a request into its ``guard``::

    async with self._breaker.guard():
        return await self._client.get(key)

(Looked at and not taken: purgatory and circuitbreaker let every call through when half open and count a cancelled
call, pybreaker speaks asyncio through Tornado, aiobreaker has had no release since 2021.)
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

from registry.domain.dependencies import Circuit, Condition
from registry.domain.errors import PromptuaryError, Unavailable

log = logging.getLogger(__name__)

THRESHOLD = 3
"""So many calls have to fail one after the other, none of them answered between, before no more are made."""

REST_SECONDS = 2.0
"""How long no calls are made before one is let through to find out."""


class Breaker:
    """One service as this process finds it; for one event loop.

    Closed, it lets all calls through. After ``threshold`` failures in a row it opens: calls raise Unavailable at once,
    which costs nobody a deadline. ``rest_seconds`` later it is half open: one call goes through, and closes the circuit
    where it is answered, or opens it again. What a call that began before the last change of state says does not count.
    """

    def __init__(
        self,
        name: str,
        *,
        seconds: float,
        threshold: int = THRESHOLD,
        rest_seconds: float = REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``seconds`` is the deadline of a call that names no other; ``name`` is what people call the service."""
        self.name = name
        self._seconds = seconds
        self._threshold = threshold
        self._rest = rest_seconds
        self._clock = clock
        self._circuit = Circuit.CLOSED
        self._since = datetime.now(UTC)
        self._reason = ""
        self._failures = 0
        self._until = 0.0
        self._probing = False
        self._era = 0

    def guard(self, seconds: float | None = None) -> "Guard":
        """A context for one call, with its deadline; guards of one breaker do not nest.

        Raises Unavailable where the call is not made, comes too late, or cannot reach the service (OSError). From
        within, Unavailable counts as a failure, any other error of the domain as an answer: the caller made it. A
        cancelled call and an error that nobody translated count as neither.
        """
        return Guard(self, self._seconds if seconds is None else seconds)

    def condition(self) -> Condition:
        """How the service is doing, as of the calls that have been made."""
        return Condition(self.name, self._circuit, self._since, self._reason)

    @property
    def era(self) -> int:
        """The era of a call that is made whatever the circuit: its answer closes one that did not turn meanwhile."""
        return self._era

    def admit(self) -> int:
        """The era that a call belongs to. Raises Unavailable where it must not be made."""
        if self._circuit is Circuit.OPEN and self._clock() >= self._until:
            self._turn(Circuit.HALF_OPEN, self._reason)
        if self._circuit is Circuit.OPEN or (self._circuit is Circuit.HALF_OPEN and self._probing):
            raise Unavailable(f"{self.name} is away and not asked for a moment: {self._reason}")
        self._probing = self._circuit is Circuit.HALF_OPEN
        return self._era

    def answered(self, era: int) -> None:
        """The service answered a call of an era."""
        if era == self._era:
            self._failures = 0
            if self._circuit is not Circuit.CLOSED:
                self._turn(Circuit.CLOSED, "")
                log.info("%s answers again", self.name)

    def failed(self, era: int, reason: str) -> None:
        """It did not."""
        if era != self._era:
            return
        self._failures += 1
        if self._circuit is Circuit.HALF_OPEN or self._failures >= self._threshold:
            self._open(reason)

    def is_away(self, reason: str) -> None:
        """Opens a closed circuit at once: somebody has waited long enough to know."""
        if self._circuit is Circuit.CLOSED:
            self._open(reason)

    def told_nothing(self, era: int) -> None:
        """The call ended before it showed anything: another one may find out."""
        if era == self._era:
            self._probing = False

    def _open(self, reason: str) -> None:
        if self._circuit is Circuit.CLOSED:
            log.warning("%s is not asked for %g s at a time: %s", self.name, self._rest, reason)
        self._until = self._clock() + self._rest
        self._turn(Circuit.OPEN, reason)

    def _turn(self, circuit: Circuit, reason: str) -> None:
        self._circuit, self._reason, self._since = circuit, reason, datetime.now(UTC)
        self._failures, self._probing = 0, False
        self._era += 1


class Guard:
    """One call: admitted on entry, counted on exit. A class, because a generator takes half as long again."""

    __slots__ = ("_breaker", "_era", "_seconds", "_timeout")

    def __init__(self, breaker: Breaker, seconds: float) -> None:
        self._breaker = breaker
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        """Raises Unavailable where the call is not made."""
        self._era = self._breaker.admit()
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises Unavailable where the call came too late, or could not reach the service."""
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise self._failure(f"no answer within {self._seconds * 1000:.0f} ms") from late
        if error is None:
            self._breaker.answered(self._era)
        elif isinstance(error, Unavailable):
            self._breaker.failed(self._era, error.message)
        elif isinstance(error, PromptuaryError):
            self._breaker.answered(self._era)
        elif isinstance(error, OSError):
            raise self._failure(error.strerror or "it cannot be reached") from error
        else:
            self._breaker.told_nothing(self._era)

    def _failure(self, reason: str) -> Unavailable:
        self._breaker.failed(self._era, reason)
        return Unavailable(f"{self._breaker.name} is away: {reason}.")
