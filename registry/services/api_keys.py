"""API keys that users make for themselves, and administrators for others."""

from collections.abc import Sequence
from datetime import timedelta

from registry.domain.access import Actor, ApiKey, User
from registry.domain.errors import BadRequest, Denied, NotFound
from registry.domain.ids import UserName
from registry.domain.rights import Place
from registry.domain.roles import Role, Scope
from registry.ports.accounts import Grants, Keys
from registry.ports.clock import Clock
from registry.services.accounts import Accounts

LONGEST_OVERLAP = timedelta(days=90)


class ApiKeys:
    """A key makes no key that may more than it may itself; what it may not see of others' keys is not there."""

    def __init__(self, *, accounts: Accounts, keys: Keys, grants: Grants, clock: Clock) -> None:
        self._accounts = accounts
        self._keys = keys
        self._grants = grants
        self._clock = clock

    async def list_keys(self, actor: Actor, user: UserName | None = None) -> Sequence[ApiKey]:
        """A user's keys, newest first; without one the actor's own. Raises Denied for somebody else's."""
        wanted = user or actor.user
        if wanted != actor.user:
            actor.require(Role.ADMINISTRATOR)
        return await self._keys.list_keys(wanted)

    async def create(
        self,
        actor: Actor,
        scope: Scope,
        *,
        user: UserName | None = None,
        places: Sequence[Place] | None = None,
        expires_in: timedelta | None = None,
        note: str = "",
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is not kept; without ``places`` where the actor's own key can be used.

        Raises Denied for more than the actor's key allows and for somebody else's, NotFound for the user, BadRequest.
        """
        wanted = user or actor.user
        if wanted != actor.user:
            actor.require(Role.ADMINISTRATOR)
        if not actor.scope.ceiling.includes(scope.ceiling):
            raise Denied(f"A key of scope {actor.scope} cannot make one of scope {scope}.")
        asked = tuple(places) if places is not None else actor.places
        for place in asked:
            if not any(own.covers(place) for own in actor.places):
                raise Denied(f"Your key cannot be used at {place}, and so it can make none for there.")
        return await self._accounts.make_key(
            await self._user(wanted), scope=scope, expires_in=expires_in, note=note, places=asked
        )

    async def revoke(self, actor: Actor, key_id: str) -> None:
        """Revokes a key; it is taken no more within seconds. Raises NotFound also for somebody else's."""
        await self._require(actor, key_id)
        await self._accounts.revoke_key(key_id)

    async def rotate(
        self, actor: Actor, key_id: str, *, overlap: timedelta, expires_in: timedelta | None = None
    ) -> tuple[ApiKey, ApiKey, str]:
        """A new key like another one, which ends after the overlap: both, and the new secret.

        Raises NotFound also for somebody else's, Denied as ``create``, BadRequest for one that ended already.
        """
        old = await self._require(actor, key_id)
        now = self._clock.now()
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
            raise BadRequest(f"The key {key_id} has ended: make a new one.")
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise BadRequest(f"The overlap is from 0 to {LONGEST_OVERLAP.days} days.")
        new, secret = await self.create(
            actor, old.scope, user=old.user, places=old.places, expires_in=expires_in, note=old.note
        )
        ending = await self._keys.expire(key_id, now + overlap)
        self._accounts.forget()
        return new, ending or old, secret

    async def _require(self, actor: Actor, key_id: str) -> ApiKey:
        others = actor.rights.includes(Role.ADMINISTRATOR, Place())
        known = await self._keys.list_keys(None if others else actor.user)
        found = next((key for key in known if key.id == key_id), None)
        if found is None:
            raise NotFound(f"There is no API key {key_id!r}.")
        return found

    async def _user(self, user: UserName) -> User:
        found = await self._grants.identify(user)
        if found is None:
            raise NotFound(f"There is no user {user!r}.")
        return found.user
