"""Callers by an API key."""

from registry.domain.access import Actor
from registry.domain.errors import Unauthenticated
from registry.domain.key_secrets import KEY_PREFIX, hash_secret, well_formed
from registry.ports.accounts import Keys
from registry.ports.clock import Clock
from registry.services.key_uses import KeyUses


class KeyLookup:
    """Implements ``services.identification.Lookup``."""

    def __init__(self, *, keys: Keys, uses: KeyUses, clock: Clock) -> None:
        self._keys = keys
        self._uses = uses
        self._clock = clock

    async def find(self, secret: str) -> Actor:
        """Whose key it is. Raises Unauthenticated, Unavailable."""
        if not well_formed(secret, KEY_PREFIX):
            raise Unauthenticated("That is no API key: keys begin with pmt_ and carry a checksum. Was it cut off?")
        found = await self._keys.find(hash_secret(secret))
        if found is None:
            raise Unauthenticated("The API key is not known here. Make one with: promptuary key create")
        key, identified = found
        user = identified.user
        if key.revoked_at is not None:
            raise Unauthenticated(f"The API key {key.id} was revoked.")
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise Unauthenticated(f"The API key {key.id} expired at {key.expires_at.isoformat(timespec='seconds')}.")
        if user.disabled_at is not None:
            raise Unauthenticated(f"The user {user.user} is disabled.")
        rights = identified.rights.limited(key.scope.ceiling, key.places)
        self._uses.note(key.id)
        return Actor(user.user, user.name, user.email, rights, key.scope, key.places, key.id, key.expires_at)
