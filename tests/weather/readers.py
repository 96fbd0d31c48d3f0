"""Readers by name that go on whatever happens."""

import random
import threading
import time
from dataclasses import dataclass, field

from tests.running import NoAnswer, Running, template_path, text_template

HOT = ("always/there", "always/here")
COLD = tuple(f"seldom/read-{number}" for number in range(40))
"""Templates that no process may have in memory: these come from the catalogue, else from Git."""
COLD_SHARE = 0.1
LONGEST_READ_SECONDS = 10.0


@dataclass
class Readers:
    """Reads templates by name, again and again, and keeps what did not come, or not as it was pushed."""

    front: Running
    cold: bool = True
    """Whether those are read, too, that may have to come from Git."""
    stopping: threading.Event = field(default_factory=threading.Event)
    answers: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Until it is told to stop."""
        while not self.stopping.is_set():
            name = random.choice(COLD if self.cold and random.random() < COLD_SHARE else HOT)
            selector = random.choice(({}, {"label": "latest"}, {"version": "1"}))
            started = time.monotonic()
            try:
                path = template_path(name, **selector)
                status, _, answer = self.front.call("GET", path, timeout=LONGEST_READ_SECONDS)
            except NoAnswer as error:
                self.failures.append(f"{path} after {time.monotonic() - started:.1f} s: {error}")
            else:
                self.answers += 1
                if status != 200:
                    self.failures.append(f"{path}: {status} {answer}")
                elif (answer["source"], answer["version"]) != (text_template(name), 1):
                    self.failures.append(f"{path} is not what was pushed: {answer}")
            self.slowest = max(self.slowest, time.monotonic() - started)
            time.sleep(0.02)
