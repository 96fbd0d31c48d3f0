"""API keys: making, listing and revoking them; and the first administrator."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from registry.domain.access import Actor, ApiKey, Grant, User, WantedKey
from registry.domain.account_names import user_name
from registry.domain.audit import AuditAction
from registry.domain.errors import BadRequest, NotFound, Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.key_secrets import hash_secret, new_secret
from registry.domain.rights import NOTHING, SERVER, Place
from registry.domain.roles import Role, Scope
from registry.ports.accounts import Grants, Keys, Users
from registry.ports.clock import Clock
from registry.services.account_entries import grant_body, key_body, user_body
from registry.services.audit import Audit
from registry.services.identification import Identification
from registry.services.secret_files import write_secret

ADMINISTRATOR = User(UserName("admin"), "Administrator", "admin@localhost")


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whose a key shall be, whether he was made for it, and which role he was given, where he had none."""

    user: User
    is_new: bool = False
    role: Role | None = None


class Accounts:
    """Makes and ends API keys, and sees to it that there is an administrator."""

    def __init__(
        self,
        *,
        users: Users,
        grants: Grants,
        keys: Keys,
        identification: Identification,
        audit: Audit,
        clock: Clock,
        data: Path,
    ) -> None:
        self._users = users
        self._grants = grants
        self._keys = keys
        self._identification = identification
        self._audit = audit
        self._clock = clock
        self._data = data
        self._had_nobody = False

    async def create_key(
        self,
        *,
        user: str | None = None,
        scope: Scope = Scope.READ,
        expires_in: timedelta | None = None,
        note: str = "",
        places: Sequence[Place] = (SERVER,),
    ) -> tuple[ApiKey, str]:
        """Makes a key and returns it with its secret, which is not kept.

        A user who is new is made, and who has no role at all gets the one of the key's scope at its places. Without
        ``user`` it is the first administrator's. Raises BadRequest for a user name that is none.
        """
        owner = await self.owner(user, scope.ceiling, places)
        return await self.make_key(owner.user, WantedKey(scope, tuple(places), note, expires_in))

    async def make_key(self, owner: User, wanted: WantedKey, by: Actor | None = None) -> tuple[ApiKey, str]:
        """The same for a user who is there. Raises BadRequest for an end that has passed."""
        secret = new_secret()
        return await self._keep(secret, owner, wanted, by), secret

    async def _keep(self, secret: str, owner: User, wanted: WantedKey, by: Actor | None = None) -> ApiKey:
        now = self._clock.now()
        ends = wanted.ends(now)
        if ends is not None and ends <= now:
            raise BadRequest("A key must expire in the future, for example in 90d.")
        key = ApiKey(
            id=secrets.token_hex(6),
            user=owner.user,
            scope=wanted.scope,
            hash=hash_secret(secret),
            created_at=now,
            expires_at=ends,
            note=wanted.note,
            places=tuple(wanted.places),
            made_by=wanted.made_by,
        )
        await self._keys.add(key, [self._audit.draft(AuditAction.KEY_CREATED, actor=by, new=key_body(key))])
        return key

    async def list_keys(self, user: str | None = None) -> list[ApiKey]:
        """All keys, or one user's, newest first."""
        return await self._keys.list_keys(UserName(user) if user else None)

    async def revoke_key(self, key_id: str, by: Actor | None = None) -> list[ApiKey]:
        """Revokes a key and all that came of it; those that were not before. Raises NotFound."""
        draft = self._audit.draft(AuditAction.KEY_REVOKED, actor=by)
        revoked = await self._keys.revoke(key_id, draft.at, lambda key: replace(draft, old=key_body(key)))
        if revoked is None:
            raise NotFound(f"There is no API key {key_id!r}. List them with: promptuary key list")
        for key in revoked:
            self._identification.end(key.id)
        return revoked

    @property
    def key_path(self) -> Path:
        """Where the first administrator's key is."""
        return self._data / "admin-key"

    async def ensure_administrator(self) -> Path:
        """Sees to it that the first administrator has a key, in the file ``admin-key`` (0600); returns its path.

        What the file held before is kept as ``admin-key.before``: it may be a key of another database, which was
        mistaken for this one. Raises Unavailable where the folder cannot be written; then no key was made.
        """
        path = self.key_path
        try:
            former = path.read_text().strip() if path.exists() else ""
            if former and await self._is_valid(former):
                path.chmod(0o600)
                return path
            secret, written = new_secret(), path.with_name("admin-key.new")
            write_secret(written, secret)  # first: a key that cannot be kept must not count
            if former:
                write_secret(path.with_name("admin-key.before"), former)
            owner = await self.owner(None, Role.ADMINISTRATOR)
            await self._keep(secret, owner.user, WantedKey(Scope.ADMIN, note="first administrator"))
            written.replace(path)
        except OSError as error:
            raise Unavailable(f"Cannot write the administrator's key to {path}: {error.strerror}.") from error
        return path

    async def restore_administrator(self) -> bool:
        """Makes the first administrator anew where this call and the one before found no user any more.

        Whether it did: somebody may be restoring users just now. The key is a new one: the file's may have been
        revoked, which nobody knows any more. Raises Unavailable.
        """
        had_nobody, self._had_nobody = self._had_nobody, False
        if await self._users.first() is not None:
            return False
        if not had_nobody:
            self._had_nobody = True
            return False
        self._identification.forget()
        await self.ensure_administrator()
        return True

    async def _is_valid(self, secret: str) -> bool:
        """Whether it is a key of scope admin; what its user may do is the administrators' affair."""
        try:
            return (await self._identification.authenticate(secret)).scope is Scope.ADMIN
        except Unauthenticated:
            return False

    async def owner(
        self, user: str | None, role: Role, places: Sequence[Place] = (SERVER,), by: UserName | None = None
    ) -> KeyOwner:
        """Whose key it shall be; who is new is made, and who has no role at all is given this one at the places.

        ``by`` is who gives it; without it everybody has it of himself. Raises BadRequest for a user name that is none.
        """
        if user is None:
            first = await self._users.first()
            return KeyOwner(first) if first is not None else await self._make(ADMINISTRATOR, Role.ADMINISTRATOR)
        name = user_name(user)
        if await self._users.first() is None:
            await self._make(ADMINISTRATOR, Role.ADMINISTRATOR)
        found = await self._grants.identify(name)
        if found is None:
            return await self._make(User(name, name, f"{name}@localhost"), role, places, by)
        if found.rights != NOTHING:
            return KeyOwner(found.user)
        await self._grant(found.user, role, places, by)
        return KeyOwner(found.user, role=role)

    async def _make(
        self, user: User, role: Role, places: Sequence[Place] = (SERVER,), by: UserName | None = None
    ) -> KeyOwner:
        await self._users.put(user, [self._audit.draft(AuditAction.USER_CREATED, new=user_body(user))])
        await self._grant(user, role, places, by)
        return KeyOwner(user, is_new=True, role=role)

    async def _grant(self, user: User, role: Role, places: Sequence[Place], by: UserName | None) -> None:
        for place in places:
            grant = Grant(secrets.token_hex(6), role, place, self._clock.now(), by or user.user, user=user.user)
            await self._grants.add(grant, [self._audit.draft(AuditAction.ROLE_GRANTED, new=grant_body(grant))])
