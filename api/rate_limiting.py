"""Which requests count as what, for whom, and how answers tell what is left of a limit.

The headers are those of draft-ietf-httpapi-ratelimit-headers: ``RateLimit-Policy`` says the limit, ``RateLimit`` what
is left of it.
"""

import math
import time
from functools import lru_cache
from typing import Protocol

from cachetools import LRUCache
from starlette.types import Scope

from api.addresses import FORWARDED, PROXIED
from api.answers import RawHeaders
from api.plain_requests import PREFIX
from registry.domain.access import Actor
from registry.domain.errors import TooManyRequests, Unauthenticated
from registry.domain.key_secrets import hash_secret
from registry.domain.networks import network_of
from registry.domain.rate_limits import Allowance, Buckets, LimitKind, RateLimit
from registry.services.rate_limits import RateLimiting

LIMITED = "promptuary.limited"
"""Where in the ASGI scope it stands what a request, which was counted, left."""

UNLIMITED = frozenset({"/livez", "/readyz"})
"""What is asked by machines that decide whether a process is alive."""

GOOD_KEYS = 10_000
"""Of how many keys it is remembered, by their hash, that they were good."""

_RENDERS = frozenset({"search", "bundle", "diff", "blame", "render", "validate", "check"})
_POSTED = frozenset({"render", "validate", "check"})


class Authenticator(Protocol):
    """Knows callers by their key."""

    async def authenticate(self, secret: str) -> Actor:
        """The actor of a key. Raises Unauthenticated."""
        ...


class RequestLimits:
    """The limits as requests meet them."""

    def __init__(self, limiting: RateLimiting, *, is_git_node: bool = False) -> None:
        """``is_git_node`` says that replicas pass requests on to it, and that nobody else reaches it."""
        self._limiting = limiting
        self._is_git_node = is_git_node
        self._good: LRUCache[str, None] = LRUCache(GOOD_KEYS)
        self.limits_reads = limiting.has(LimitKind.READS)

    def of_actor(self, actor: Actor, scope: Scope) -> Allowance | None:
        """Counts a request of a user, whichever key he has, once."""
        if LIMITED not in scope:
            kind = kind_of(scope["method"], scope["path"])
            scope[LIMITED] = self._limiting.take(kind, actor.user)
        allowance: Allowance | None = scope[LIMITED]
        return allowance

    def check_actor(self, actor: Actor, scope: Scope) -> None:
        """Counts a request of a user, whichever key he has, once. Raises TooManyRequests."""
        self._limiting.require_left(self.of_actor(actor, scope))

    def check_git(self, actor: Actor, scope: Scope) -> None:
        """Counts one of Git's requests. Raises TooManyRequests."""
        scope[LIMITED] = self._limiting.take(LimitKind.GIT, actor.user)
        self._limiting.require_left(scope[LIMITED])

    def check_address(self, scope: Scope) -> None:
        """Counts a request without a key. Raises TooManyRequests."""
        if scope["path"] not in UNLIMITED and (who := self._address(scope)):
            scope[LIMITED] = self._limiting.take(LimitKind.ANONYMOUS, who)
            self._limiting.require_left(scope[LIMITED])

    async def identify(self, scope: Scope, accounts: Authenticator, secret: str) -> Actor:
        """The actor of a key. Raises Unauthenticated, and TooManyRequests for an address that had too many of these.

        Who guesses is stopped before a key is looked up; others at his address are not, whose keys were good before.
        """
        key, who = hash_secret(secret), self._address(scope)
        guessing = self._limiting.has_failed_too_often(who) if who else None
        if guessing is not None and key not in self._good:
            scope[LIMITED] = guessing
            self._limiting.require_left(guessing)
        try:
            actor = await accounts.authenticate(secret)
        except Unauthenticated:
            self._good.pop(key, None)
            if who:
                self._limiting.take(LimitKind.FAILURES, who)
            raise
        self._good[key] = None
        return actor

    def _address(self, scope: Scope) -> str:
        """Who asks, as far as it is known. Without trusted proxies all callers of a replica would be one."""
        client = scope.get("client")
        if client is None or (self._is_git_node and PROXIED not in scope and FORWARDED in dict(scope["headers"])):
            return ""
        return network_of(client[0])


def unlimited() -> RequestLimits:
    """Where nothing is limited."""
    return RequestLimits(RateLimiting(limits={}, counted=Buckets(time.monotonic)))


def kind_of(method: str, path: str) -> LimitKind:
    """What a request with a key counts as."""
    noun = path.removeprefix(PREFIX).partition("/")[2].partition("/")[0] if path.startswith(PREFIX) else ""
    if method in {"GET", "HEAD"}:
        return LimitKind.RENDERS if noun in _RENDERS else LimitKind.READS
    return LimitKind.RENDERS if noun in _POSTED else LimitKind.WRITES


def note_refusal(error: Exception, scope: Scope) -> None:
    """Has the answer tell of the limit that refused: a route may have others than the one that let the request in."""
    if isinstance(error, TooManyRequests) and error.allowance is not None:
        scope[LIMITED] = error.allowance


def limit_headers(allowance: Allowance | None) -> RawHeaders:
    """What an answer tells of a limit; nothing where there is none."""
    if allowance is None:
        return ()
    left = b'"%s";r=%d;t=%d' % (allowance.limit.kind.encode(), allowance.left, math.ceil(allowance.full_in))
    return (_policy(allowance.limit), (b"ratelimit", left))


@lru_cache(64)
def _policy(limit: RateLimit) -> tuple[bytes, bytes]:
    return b"ratelimit-policy", b'"%s";q=%d;w=%d' % (limit.kind.encode(), limit.quota, math.ceil(limit.seconds))
