"""What is logged of answers that did not come from the server: once, then not again for a while."""

from __future__ import annotations

import logging
import threading
from time import monotonic

from promptuary_client.errors import NotFound, PromptuaryError, Unavailable, Untrustworthy

log = logging.getLogger("promptuary_client")

QUIET_SECONDS = 10.0
"""Between two warnings that the server fails, which may be many; others are for debugging."""
QUIET_ABSENT_SECONDS = 600.0
"""Between two warnings that a template is not there, for the same reason: it may be meant."""
_MAX_KNOWN = 1000


class Notices:
    """Which warnings were given lately. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._quiet_until: dict[tuple[str, str], float] = {}
        self._told_away = False

    def failed(self, name: str, failure: PromptuaryError, instead: str) -> None:
        """A template could not be had from the server; ``instead`` says what happened (after "It …")."""
        absent = isinstance(failure, NotFound)
        about = (name, str(failure)) if absent else ("", "")
        now = monotonic()
        with self._lock:
            loud = now >= self._quiet_until.get(about, 0.0)
            if loud:
                if len(self._quiet_until) >= _MAX_KNOWN:
                    self._quiet_until.clear()
                self._quiet_until[about] = now + (QUIET_ABSENT_SECONDS if absent else QUIET_SECONDS)
                away = isinstance(failure, Unavailable) and not isinstance(failure, Untrustworthy)
                self._told_away = self._told_away or away
        log.log(logging.WARNING if loud else logging.DEBUG, "%s %s: %s", name, instead, failure)

    def reached(self) -> None:
        """The server has answered: told where a warning said that it did not."""
        if not self._told_away:
            return
        with self._lock:
            told, self._told_away = self._told_away, False
        if told:
            log.warning("The server answers again")
