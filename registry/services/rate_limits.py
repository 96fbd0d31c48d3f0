"""Which limits hold, and what is refused by them."""

import math
from collections import Counter
from collections.abc import Mapping

from registry.domain.errors import TooManyRequests
from registry.domain.rate_limits import Allowance, LimitKind, RateLimit
from registry.ports.rate_limits import RateLimits

_WORDS = {
    LimitKind.READS: "reads by one user",
    LimitKind.RENDERS: "renderings, searches, diffs, checks and bundles by one user",
    LimitKind.WRITES: "writes by one user",
    LimitKind.GIT: "requests of Git by one user",
    LimitKind.ANONYMOUS: "requests without a key from one address",
    LimitKind.FAILURES: "requests with keys that are none from one address",
    LimitKind.SIGN_INS: "attempts to sign in with one name from one address",
    LimitKind.SIGN_INS_OF_USER: "attempts to sign in with one name",
    LimitKind.SIGN_INS_OF_ADDRESS: "attempts to sign in from one address",
    LimitKind.RESETS: "requests for a new password from one address",
    LimitKind.RESETS_OF_USER: "requests for a new password of one user",
    LimitKind.LINKS: "attempts to use a link from one address",
    LimitKind.DEVICES: "devices that ask to sign in from one address",
    LimitKind.USER_CODES: "codes of devices that one user types in",
}


class RateLimiting:
    """The limits of one process. A kind that is not among them has none."""

    def __init__(
        self, *, limits: Mapping[LimitKind, RateLimit], counted: RateLimits, refused: Counter[str] | None = None
    ) -> None:
        """``refused`` counts by reason."""
        self._limits = limits
        self._counted = counted
        self._refused = Counter[str]() if refused is None else refused

    def has(self, kind: LimitKind) -> bool:
        """Whether there is a limit of a kind."""
        return kind in self._limits

    def take(self, kind: LimitKind, who: str) -> Allowance | None:
        """Counts a request of a caller, and what it left; None where there is no limit."""
        limit = self._limits.get(kind)
        return self._counted.take(limit, who) if limit is not None else None

    def require(self, kind: LimitKind, who: str) -> None:
        """Counts a request of a caller. Raises TooManyRequests."""
        self.require_left(self.take(kind, who))

    def require_left(self, allowance: Allowance | None) -> None:
        """Raises TooManyRequests for a request that was counted and was too many."""
        if allowance is not None and not allowance.is_allowed:
            raise self._refusal(allowance)

    def has_failed_too_often(self, who: str) -> Allowance | None:
        """What is left to an address that guesses keys, where that is nothing."""
        limit = self._limits.get(LimitKind.FAILURES)
        found = self._counted.look(limit, who) if limit is not None else None
        return found if found is not None and not found.is_allowed else None

    def _refusal(self, allowance: Allowance) -> TooManyRequests:
        """What tells a caller that there were too many; counted."""
        limit, seconds = allowance.limit, max(1, math.ceil(allowance.wait))
        self._refused[f"rate_{limit.kind}"] += 1
        return TooManyRequests(
            f"Too many requests: {limit.quota} {_WORDS[limit.kind]} are allowed in {limit.seconds:g} s. "
            f"Try again in {seconds} s.",
            seconds=seconds,
            allowance=allowance,
        )
