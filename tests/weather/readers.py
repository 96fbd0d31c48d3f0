"""Readers by name, and searchers for names, that go on whatever happens."""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote

from tests.running import REPOSITORY, NoAnswer, Running, template_path, text_template

HOT = ("always/there", "always/here")
COLD = tuple(f"seldom/read-{number}" for number in range(40))
"""Templates that no process may have in memory: these come from the catalogue, else from Git."""
COLD_SHARE, SEARCH_SHARE = 0.2, 0.15
LONGEST_READ_SECONDS = 10.0


class Kind(Enum):
    """What was asked for: a template that is read all the time, one that seldom is, or a search."""

    HOT = "hot"
    COLD = "cold"
    SEARCH = "search"


@dataclass(frozen=True)
class Seen:
    """When a right answer was asked for, and whether it said that something is away: ``cache``, ``git``, ``search``."""

    began: float
    kind: Kind
    degraded: str


@dataclass
class Readers:
    """Reads templates by name, and searches, again and again; keeps what did not come, or not as it was pushed."""

    front: Running
    cold: bool = True
    """Whether those are read, too, that may have to come from Git."""
    searched: bool = True
    """Whether there is something to search in: else 503 is right, and so is to find nothing and to say ``degraded``."""
    stopping: threading.Event = field(default_factory=threading.Event)
    seen: list[Seen] = field(default_factory=list)
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Until it is told to stop."""
        while not self.stopping.is_set():
            started = time.monotonic()
            if random.random() < SEARCH_SHARE:
                self._search(started)
            else:
                self._read(started)
            self.slowest = max(self.slowest, time.monotonic() - started)
            time.sleep(0.02)

    def since(self, began: float, *kinds: Kind) -> list[Seen]:
        """What was asked for from a moment on."""
        return [each for each in list(self.seen) if each.began >= began and (not kinds or each.kind in kinds)]

    def _read(self, started: float) -> None:
        kind = Kind.COLD if self.cold and random.random() < COLD_SHARE else Kind.HOT
        name = random.choice(COLD if kind is Kind.COLD else HOT)
        path = template_path(name, **random.choice(({}, {"label": "latest"}, {"version": "1"})))
        status, headers, answer = self._ask(path, started)
        if status != 200:
            self._fail(path, started, f"{status} {answer}")
        elif (answer["source"], answer["version"]) != (text_template(name), 1):
            self._fail(path, started, f"is not what was pushed: {answer}")
        else:
            self.seen.append(Seen(started, kind, headers.get("promptuary-degraded", "")))

    def _search(self, started: float) -> None:
        searched, name = self.searched, random.choice((*HOT, *COLD))
        path = f"/api/v1/repositories/{REPOSITORY}/search?q={quote(name, safe='')}&limit=50"
        status, _, answer = self._ask(path, started)
        may_fail = not (searched and self.searched)  # it may have gone away meanwhile
        if status != 200:
            if not may_fail or status != 503:
                self._fail(path, started, f"{status} {answer}")
        elif name not in {hit["name"] for hit in answer["hits"]} and not (may_fail and answer["degraded"]):
            self._fail(path, started, f"does not find it: {answer}")
        else:
            self.seen.append(Seen(started, Kind.SEARCH, "search" if answer["degraded"] else ""))

    def _ask(self, path: str, started: float) -> tuple[int, Mapping[str, str], Any]:
        try:
            return self.front.call("GET", path, timeout=LONGEST_READ_SECONDS)
        except NoAnswer as error:
            return 0, {}, f"no answer: {error}"

    def _fail(self, path: str, started: float, what: str) -> None:
        self.failures.append(f"{path} after {time.monotonic() - started:.1f} s: {what}")
