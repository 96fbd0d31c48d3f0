"""Ends connections of clients that take too long over a request's head, send a body too slowly, or do not read.

Requests pay nothing for it: once in a while all connections are looked at, and compared with what they were before.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

LOOKS = 4
"""How often a connection is looked at, at the least, before it is given up."""

LOOK_SECONDS = 1.0


class Waiting(StrEnum):
    """What a connection waits for its client to do; the words are reasons in the metrics. Of a head no bytes count."""

    HEAD = "slow_head"
    BODY = "slow_body"
    READ = "slow_reader"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a head may take, in seconds; and what is too slow: fewer bytes a second over so many seconds.

    0 seconds is for ever.
    """

    head_seconds: float = 0.0
    slow_seconds: float = 0.0
    slow_bytes: int = 256


@dataclass(slots=True)
class Seen:
    """How a connection was, and when."""

    waiting: Waiting
    turn: int
    since: float
    moved: int


class Client(Protocol):
    """A connection."""

    seen: Seen | None

    def waits(self) -> tuple[Waiting | None, int, int]:
        """What its client has to do, if anything; for which request; how many bytes came or went so far."""
        ...

    def give_up(self, waiting: Waiting) -> None:
        """Ends it."""
        ...


class SlowClients:
    """The connections of one event loop."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._clients: set[Client] = set()
        self._timer: asyncio.TimerHandle | None = None
        spans = [seconds for seconds in (patience.head_seconds, patience.slow_seconds) if seconds]
        self._look_seconds = min([LOOK_SECONDS, *(seconds / LOOKS for seconds in spans)])
        self._is_patient = not spans

    def watch(self, client: Client) -> None:
        """Looks at a connection from now on."""
        if not self._is_patient:
            self._clients.add(client)
            self._look_later()

    def forget(self, client: Client) -> None:
        """One that has ended."""
        self._clients.discard(client)
        if not self._clients and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._look_seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for client in list(self._clients):
            self._look_at(client, now)
        if self._clients:
            self._look_later()

    def _look_at(self, client: Client, now: float) -> None:
        waiting, turn, moved = client.waits()
        seen = client.seen
        if waiting is None:
            client.seen = None
        elif seen is None or (seen.waiting, seen.turn) != (waiting, turn):
            client.seen = Seen(waiting, turn, now, moved)
        elif self._is_over(seen, now):
            if moved - seen.moved < self._patience.slow_bytes * (now - seen.since):
                client.give_up(waiting)
            else:
                client.seen = Seen(waiting, turn, now, moved)

    def _is_over(self, seen: Seen, now: float) -> bool:
        patience = self._patience
        seconds = patience.head_seconds if seen.waiting is Waiting.HEAD else patience.slow_seconds
        return bool(seconds) and now - seen.since >= seconds
