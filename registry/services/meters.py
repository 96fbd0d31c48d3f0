"""Counting what the inside does, for whoever watches the process: plain numbers, read when somebody asks."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter

from registry.ports.tracing import span

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of the classes that durations are counted in; the last class has none."""

_FIRST = SECONDS[0]

FAILED = "failed"

Labels = tuple[str, ...]


class Work(StrEnum):
    """What is timed, each with an outcome as its last label."""

    GATE = "gate"
    PROJECTION = "projection"
    MAINTENANCE = "maintenance"


class Durations:
    """How long things took: how many in each class of ``SECONDS``, and the sum of their seconds."""

    __slots__ = ("classes", "total")

    def __init__(self) -> None:
        self.classes = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Counts one."""
        self.classes[bisect_left(SECONDS, seconds) if seconds > _FIRST else 0] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.classes)


class Timing:
    """One piece of work under way; ``outcome`` is what its last label will be."""

    __slots__ = ("outcome",)

    def __init__(self) -> None:
        self.outcome = FAILED


class Meters:
    """The numbers of one process."""

    def __init__(self) -> None:
        self.durations: defaultdict[tuple[Work, Labels], Durations] = defaultdict(Durations)
        self.projected_commits = 0
        self.projected_versions = 0
        self.refused: Counter[str] = Counter()
        """What was refused at the edge, by reason."""

    @contextmanager
    def timed(self, work: Work, *labels: str, **attributes: str) -> Iterator[Timing]:
        """Times what happens in the context; ``failed`` is the outcome of what sets no other.

        ``attributes`` are for its span in a trace alone: there may be any number of different ones.
        """
        timing = Timing()
        started = perf_counter()
        try:
            with span(work, **attributes):
                yield timing
        finally:
            self.durations[work, (*labels, timing.outcome)].add(perf_counter() - started)
