"""Label moves that somebody watches: how long until all have seen each, beside the answer to the move itself."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from bench.bench import Bench
from bench.machine import wait_for_quiet
from bench.product import Client, Product, api, serving
from bench.rows import middle, percentile

LABEL = "nightly"


class Audience(Protocol):
    """Those who watch a label of a template."""

    def expect(self, version: int) -> None:
        """Has them wait for the label to name a version."""
        ...

    def seen(self) -> list[float]:
        """When each of them saw it (``time.monotonic``), once all have. Raises RuntimeError where some do not."""
        ...


@dataclass(frozen=True, slots=True)
class Delays:
    """A figure for each run, in milliseconds from the request: until it was seen, and until it was answered."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stage:
    """A running product and a template of two versions, of which the label names the first."""

    product: Product
    client: Client
    name: str

    def measure(self, audience: Audience, *, runs: int, moves: int) -> Delays:
        """Moves the label to and fro, after two moves that do not count."""
        delays = Delays()
        self._moves(audience, 2)
        for _ in range(runs):
            wait_for_quiet()
            seen, answered = self._moves(audience, moves)
            delays.p50.append(percentile(seen, 0.5))
            delays.p99.append(percentile(seen, 0.99))
            delays.answers.append(middle(answered))
        return delays

    def _moves(self, audience: Audience, moves: int) -> tuple[list[float], list[float]]:
        seen: list[float] = []
        answered: list[float] = []
        for number in range(moves):
            version = 2 - number % 2
            audience.expect(version)
            started = time.monotonic()
            answered.append(_move(self.client, self.name, version))
            seen += [(at - started) * 1000 for at in audience.seen()]
        return seen, answered


@contextmanager
def stage(bench: Bench) -> Iterator[Stage]:
    """Serves a copy of the small repository."""
    with bench.data.copy(bench.sizes.small, bench.sizes.small_versions) as data, serving(data) as product:
        client = product.client()
        name = _versatile(client)
        _move(client, name, 1)
        yield Stage(product, client, name)


def _move(client: Client, name: str, version: int) -> float:
    body = json.dumps({"version": version}).encode()
    return client.timed("PUT", api(f"labels/{LABEL}", name), body, Content_Type="application/json")


def _versatile(client: Client) -> str:
    """A template with two versions or more, both valid."""
    for listed in client.get(api("templates", limit=100))["templates"]:
        versions = client.get(api("versions", listed["name"]))["versions"]
        if {1, 2} <= {each["version"] for each in versions if each["valid"]}:
            return str(listed["name"])
    raise RuntimeError("no template has two versions")
