"""How many requests a caller may make, by a generic cell rate algorithm: one number for each caller and limit."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class LimitKind(StrEnum):
    """What is counted together; the names are those of the policies that answers tell."""

    READS = "reads"
    RENDERS = "renders"
    WRITES = "writes"
    GIT = "git"
    ANONYMOUS = "anonymous"
    FAILURES = "failures"
    SIGN_INS = "sign_ins"
    SIGN_INS_OF_USER = "sign_ins_of_user"
    SIGN_INS_OF_ADDRESS = "sign_ins_of_address"
    RESETS = "resets"
    RESETS_OF_USER = "resets_of_user"
    LINKS = "links"
    DEVICES = "devices"
    USER_CODES = "user_codes"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many requests in so many seconds: all of them at once, and then as the time goes by."""

    kind: LimitKind
    quota: int
    seconds: float

    @property
    def interval(self) -> float:
        """After how many seconds a used-up quota allows one more."""
        return self.seconds / self.quota


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a limit says of one request: whether it may be, how many more, and when there are all again.

    ``wait`` is after how many seconds there may be another one, 0 for now.
    """

    limit: RateLimit
    is_allowed: bool
    left: int
    full_in: float
    wait: float


_TINY = 1e-9
"""What sums of intervals are off by."""

MOST = 100_000
"""Of how many callers it is known what they used: a caller is forgotten when all is allowed to him again."""


class Buckets:
    """What callers have used of their limits, in seconds: each request is worth its interval, and time pays it off.

    Bounded: when there are too many callers at a time, those go first who came first.
    """

    def __init__(self, clock: Callable[[], float], *, most: int = MOST) -> None:
        """``clock`` gives seconds that never go back."""
        self._clock = clock
        self._most = most
        self._paid_at: dict[tuple[LimitKind, str], float] = {}

    def __len__(self) -> int:
        return len(self._paid_at)

    def take(self, limit: RateLimit, who: str) -> Allowance:
        """Asks for one request, and counts it where it may be."""
        now = self._clock()
        used = self._used(limit, who, now) + limit.interval
        if used > limit.seconds + _TINY:
            return self._say(limit, used - limit.interval, is_allowed=False)
        self._set(limit, who, now + used)
        return self._say(limit, used, is_allowed=True)

    def look(self, limit: RateLimit, who: str) -> Allowance:
        """What ``take`` would say, and nothing is counted."""
        used = self._used(limit, who, self._clock())
        return self._say(limit, used, is_allowed=used + limit.interval <= limit.seconds + _TINY)

    def raise_to(self, limit: RateLimit, who: str, used: float) -> None:
        """Has a caller have used so much, in seconds, unless it is more already: others know of more."""
        now = self._clock()
        if used > self._used(limit, who, now):
            self._set(limit, who, now + used)

    def _used(self, limit: RateLimit, who: str, now: float) -> float:
        return max(0.0, self._paid_at.get((limit.kind, who), 0.0) - now)

    def _set(self, limit: RateLimit, who: str, paid_at: float) -> None:
        if len(self._paid_at) >= self._most and (limit.kind, who) not in self._paid_at:
            self._forget()
        self._paid_at[limit.kind, who] = paid_at

    def _forget(self) -> None:
        now = self._clock()
        kept = [(key, paid_at) for key, paid_at in self._paid_at.items() if paid_at > now]
        self._paid_at = dict(kept[-(self._most // 2) :])

    def _say(self, limit: RateLimit, used: float, *, is_allowed: bool) -> Allowance:
        left = max(0, math.floor((limit.seconds - used) / limit.interval + _TINY))
        wait = 0.0 if left else max(0.0, used + limit.interval - limit.seconds)
        return Allowance(limit, is_allowed, left, used, wait)
