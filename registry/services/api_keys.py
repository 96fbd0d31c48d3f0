"""API keys that users make for themselves, and administrators for others."""

from collections.abc import Sequence
from datetime import timedelta

from registry.domain.access import Actor, ApiKey, User, WantedKey
from registry.domain.audit import AuditAction, utc_text
from registry.domain.errors import BadRequest, Denied, NotFound
from registry.domain.ids import UserName
from registry.domain.rights import SERVER, Place
from registry.domain.roles import Role, Scope
from registry.ports.accounts import Grants, Keys
from registry.ports.clock import Clock
from registry.services.account_entries import key_body
from registry.services.accounts import Accounts
from registry.services.audit import Audit
from registry.services.identification import Identification

LONGEST_OVERLAP = timedelta(days=90)


class ApiKeys:
    """A key makes no key that may more than it may itself; what it may not see of others' keys is not there."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        identification: Identification,
        keys: Keys,
        grants: Grants,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._identification = identification
        self._keys = keys
        self._grants = grants
        self._audit = audit
        self._clock = clock

    async def list_keys(self, actor: Actor, user: UserName | None = None) -> Sequence[ApiKey]:
        """A user's keys, newest first; without one the actor's own. Raises Denied for somebody else's."""
        wanted = _whose(user, actor)
        return [key for key in await self._keys.list_keys(wanted) if _is_within(key, actor)]

    async def create(
        self,
        actor: Actor,
        scope: Scope,
        *,
        user: UserName | None = None,
        places: Sequence[Place] | None = None,
        expires_in: timedelta | None = None,
        note: str = "",
        instead_of: ApiKey | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is not kept; without ``places`` where the actor's own key can be used.

        It ends with the actor's own key or token at the latest; who is signed in makes keys that outlive his session.
        It is revoked with the key that made it: the actor's, and where he has none that of the one it is
        ``instead_of``.
        Raises Denied for more than the actor's key allows and for somebody else's, NotFound for the user, BadRequest,
        Unavailable where the actor is only remembered.
        """
        actor.require_certain()
        wanted = _whose(user, actor)
        if not actor.scope.ceiling.includes(scope.ceiling):
            raise Denied(f"A key of scope {actor.scope} cannot make one of scope {scope}.")
        asked = tuple(places) if places is not None else actor.places
        for place in asked:
            if not actor.can_use_at(place):
                raise Denied(f"Your key cannot be used at {place}, and so it can make none for there.")
        not_after = None if actor.is_signed_in else actor.expires_at
        made_by = actor.key_id or (instead_of.made_by if instead_of is not None else None)
        key = WantedKey(scope, asked, note, expires_in, not_after, made_by)
        return await self._accounts.make_key(await self._user(wanted), key, actor)

    async def revoke(self, actor: Actor, key_id: str) -> None:
        """Revokes a key and all that came of it; they are taken no more within seconds.

        Raises NotFound also for somebody else's, and for one that may more than the actor's own; Unavailable.
        """
        actor.require_certain()
        await self._require(actor, key_id)
        await self._accounts.revoke_key(key_id, actor)

    async def rotate(
        self, actor: Actor, key_id: str, *, overlap: timedelta, expires_in: timedelta | None = None
    ) -> tuple[ApiKey, ApiKey, str]:
        """A new key like another one, which ends after the overlap: both, and the new secret.

        What the old one made is the new one's from then on, but where a third key rotates: that one's it must not
        become, for it would live on when the old one's own maker is revoked.

        Raises NotFound also for somebody else's, Denied as ``create``, BadRequest for one that ended already.
        """
        old = await self._require(actor, key_id)
        now = self._clock.now()
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
            raise BadRequest(f"The key {key_id} has ended: make a new one.")
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise BadRequest(f"The overlap is from 0 to {LONGEST_OVERLAP.days} days.")
        new, secret = await self.create(
            actor, old.scope, user=old.user, places=old.places, expires_in=expires_in, note=old.note, instead_of=old
        )
        end = min(now + overlap, old.expires_at or now + overlap)
        said = {"id": key_id, "expires_at": utc_text(end), "followed_by": new.id}
        told = self._audit.draft(AuditAction.KEY_ROTATED, actor=actor, old=key_body(old), new=said)
        successor = new.id if actor.key_id in {None, key_id} else None
        ending = await self._keys.expire(key_id, end, [told], successor=successor)
        self._identification.end(key_id)
        return new, ending or old, secret

    async def _require(self, actor: Actor, key_id: str) -> ApiKey:
        others = actor.rights.includes(Role.ADMINISTRATOR, SERVER)
        known = await self._keys.list_keys(None if others else actor.user)
        found = next((key for key in known if key.id == key_id and _is_within(key, actor)), None)
        if found is None:
            raise NotFound(f"There is no API key {key_id!r}.")
        return found

    async def _user(self, user: UserName) -> User:
        found = await self._grants.identify(user)
        if found is None:
            raise NotFound(f"There is no user {user!r}.")
        return found.user


def _whose(user: UserName | None, actor: Actor) -> UserName:
    """Whose keys it is about: without a user the actor's own. Raises Denied for somebody else's."""
    if user is None or user == actor.user:
        return actor.user
    actor.require(Role.ADMINISTRATOR)
    return user


def _is_within(key: ApiKey, actor: Actor) -> bool:
    """Whether a key may no more than the one that asks: a narrow key is shown, ends and replaces no wider ones."""
    covered = all(actor.can_use_at(place) for place in key.places)
    return covered and actor.scope.ceiling.includes(key.scope.ceiling)
