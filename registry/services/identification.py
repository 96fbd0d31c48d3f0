"""Who calls: callers by the secret that they bring, looked up at most every few seconds."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from registry.domain.access import Actor
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.key_secrets import hash_secret
from registry.ports.clock import Clock
from registry.services.checked_keys import CheckedKey

CACHE_SECONDS = 2.0
"""How long a checked secret is trusted without asking SQL again: a revocation takes effect within this time."""

REMEMBERED_SECONDS = 3_600.0
"""A secret that was looked up within this time is known while SQL is away, for as long as the grace is."""

PATIENCE_SECONDS = 0.5
"""How long a caller who is remembered waits for SQL."""

CACHE_KEYS = 10_000


class Lookup(Protocol):
    """Knows one kind of secret."""

    async def find(self, secret: str) -> Actor:
        """Whose secret it is. Raises Unauthenticated for one that is none or holds no more, Unavailable."""
        ...


class Identification:
    """Identifies callers by API keys, sessions and tokens: which kind it is, a secret's first letters say.

    A secret is looked up by its hash, never compared with another one, so no timing says how near a guess was.
    """

    def __init__(self, *, lookups: Mapping[str, Lookup], clock: Clock, grace_seconds: float) -> None:
        """``lookups`` by what their secrets begin with.

        ``grace_seconds`` is how long after SQL went away secrets that were looked up before may still read.
        """
        self._lookups = lookups
        self._clock = clock
        self._grace = grace_seconds
        self._away_since: float | None = None
        self._checked: dict[str, CheckedKey] = {}
        self._looking: dict[str, asyncio.Task[Actor]] = {}
        self._changes = 0

    def cached(self, secret: str) -> Actor | None:
        """The actor of a secret that was checked within the last seconds; None means: ask ``authenticate``."""
        checked = self._checked.get(hash_secret(secret))
        if checked is None or checked.until < time.monotonic() or checked.has_expired(self._clock):
            return None
        return checked.actor

    async def authenticate(self, secret: str) -> Actor:
        """The actor of a secret; one who is remembered where SQL is away and looked it up within the last hour.

        Raises Unauthenticated for one that is malformed, unknown, expired or revoked, Unavailable where SQL is away.
        """
        if actor := self.cached(secret):
            return actor
        looking = self._look_up(secret, self._lookup_of(secret))
        await asyncio.wait({looking}, timeout=PATIENCE_SECONDS)
        is_away = not looking.done() or isinstance(looking.exception(), Unavailable)
        if is_away and (actor := self._remembered(hash_secret(secret))):
            return actor
        return await asyncio.shield(looking)

    def end(self, credential: str) -> None:
        """A key or session, by its id, holds no more: at once here, within seconds elsewhere."""
        self._keep(lambda actor: actor.credential != credential)

    def forget_user(self, user: UserName) -> None:
        """What a user brings is looked up again; everybody else's stays, for people sign in all the time."""
        self._keep(lambda actor: actor.user != user)

    def forget(self) -> None:
        """Nothing is known any more: rights were changed here, and count at once."""
        self._checked.clear()
        self._doubt()

    def _keep(self, is_kept: Callable[[Actor], bool]) -> None:
        self._checked = {known: checked for known, checked in self._checked.items() if is_kept(checked.actor)}
        self._doubt()

    def _doubt(self) -> None:
        """What is looked up just now may be what was before: it is asked for again, and nobody else waits for it."""
        self._changes += 1
        self._looking.clear()

    def _lookup_of(self, secret: str) -> Lookup:
        found = next((lookup for begin, lookup in self._lookups.items() if secret.startswith(begin)), None)
        if found is None or not secret.isascii():
            raise Unauthenticated("That is no API key: keys begin with pmt_ and carry a checksum. Was it cut off?")
        return found

    def _look_up(self, secret: str, lookup: Lookup) -> "asyncio.Task[Actor]":
        """The look-up, which goes on when nobody waits for it any more; one for all who have the same secret."""
        known = hash_secret(secret)
        looking = self._looking.get(known)
        if looking is None:
            looking = self._looking[known] = asyncio.create_task(self._find(known, secret, lookup))
            looking.add_done_callback(lambda done: self._looked_up(known, done))
        return looking

    async def _find(self, known: str, secret: str, lookup: Lookup) -> Actor:
        """Asks, and keeps what is said: that counts also where it came too late for those who asked."""
        changes = self._changes
        actor = await self._ask(known, secret, lookup)
        if changes != self._changes:  # it may be what was before
            changes = self._changes
            actor = await self._ask(known, secret, lookup)
        if len(self._checked) >= CACHE_KEYS:
            self._checked.clear()
        expires = actor.expires_at.timestamp() if actor.expires_at else None
        now = time.monotonic()
        if changes == self._changes:
            self._checked[known] = CheckedKey(actor, now, now + CACHE_SECONDS, expires)
        return actor

    async def _ask(self, known: str, secret: str, lookup: Lookup) -> Actor:
        try:
            actor = await lookup.find(secret)
        except Unauthenticated:
            self._away_since = None
            self._checked.pop(known, None)
            raise
        self._away_since = None
        return actor

    def _looked_up(self, known: str, done: "asyncio.Task[Actor]") -> None:
        if self._looking.get(known) is done:
            del self._looking[known]
        if not done.cancelled():
            done.exception()  # looked at, so that nothing is said of a failure that nobody waited for

    def _remembered(self, known: str) -> Actor | None:
        """Who had the secret when it was looked up last, while that still counts. What was ended here never does."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        checked = self._checked.get(known)
        if checked is None or checked.has_expired(self._clock):
            return None
        if now - self._away_since >= self._grace or now - checked.looked_up >= REMEMBERED_SECONDS:
            return None
        actor = replace(checked.actor, remembered=True)
        self._checked[known] = replace(checked, actor=actor, until=now + CACHE_SECONDS)
        return actor
