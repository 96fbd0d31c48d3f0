"""Trying again: what may be repeated, how long to wait, and when to give up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from random import SystemRandom

from promptuary_client.errors import PromptuaryError, Unavailable, problem_error
from promptuary_client.transport import Answer

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
"""Seconds; each pause is a random part of a bound that doubles, so that clients do not come back all at once."""
_PASSING = frozenset({429, 502, 503, 504})
_UNDONE = frozenset({429, 503})
"""Answers of a server that has certainly changed nothing."""

_random = SystemRandom()  # not a seeded generator: forked processes would wait alike


def jittered(attempt: int, longest: float = LONGEST_PAUSE, first: float = FIRST_PAUSE) -> float:
    """Seconds to wait after the attempt of this number (from 0)."""
    return _random.uniform(0, min(longest, first * 2**attempt))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """What ``Retry-After`` asks for, in seconds from now; None where it is missing or cannot be read."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said[:9])
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def with_retries(attempt: Callable[[], Answer], *, deadline: float, retries: int, repeatable: bool) -> Answer:
    """An answer that is not a passing failure, by ``deadline`` (monotonic seconds).

    What is not ``repeatable`` is tried again only where the server has certainly done nothing. Raises Unavailable.
    """
    tried = 0
    while True:
        try:
            answer = attempt()
        except Unavailable as error:
            failure: PromptuaryError = error
            again, asked = repeatable or error.unsent, None
        else:
            if answer.status not in _PASSING:
                return answer
            failure, asked = problem_error(answer.status, answer.body, answer.headers), retry_after(answer.headers)
            again = repeatable or answer.status in _UNDONE
            if isinstance(failure, Unavailable):
                failure.retry_after = asked
        pause = jittered(tried) + (asked or 0.0)
        if not again or tried >= retries or time.monotonic() + pause >= deadline:
            raise failure
        time.sleep(pause)
        tried += 1
