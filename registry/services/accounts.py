"""Users and API keys: making, checking, listing and revoking them."""

import asyncio
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from registry.domain.access import Actor, ApiKey, Grant, User, WantedKey
from registry.domain.account_names import user_name
from registry.domain.audit import AuditAction, utc_text
from registry.domain.errors import BadRequest, NotFound, Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.key_secrets import hash_secret, new_secret, well_formed
from registry.domain.rights import NOTHING, SERVER, Place
from registry.domain.roles import Role, Scope
from registry.ports.accounts import Grants, Keys, Users
from registry.ports.clock import Clock
from registry.services.audit import Audit
from registry.services.checked_keys import CheckedKey
from registry.services.key_uses import KeyUses

CACHE_SECONDS = 2.0
"""How long a checked key is trusted without asking SQL again: a revocation takes effect within this time."""

REMEMBERED_SECONDS = 3_600.0
"""A key that was looked up within this time is known while SQL is away, for as long as the grace is."""

PATIENCE_SECONDS = 0.5
"""How long a caller who is remembered waits for SQL."""

CACHE_KEYS = 10_000
ADMINISTRATOR = User(UserName("admin"), "Administrator", "admin@localhost")


def _write_secret(path: Path, secret: str) -> None:
    """Makes a file that only its owner may read, and waits for the disk."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())


class Accounts:
    """Identifies callers by their API key and keeps the keys.

    A key is looked up by its hash, never compared with another secret, so no timing says how near a guess was.
    """

    def __init__(
        self,
        *,
        users: Users,
        grants: Grants,
        keys: Keys,
        uses: KeyUses,
        audit: Audit,
        clock: Clock,
        data: Path,
        grace_seconds: float,
    ) -> None:
        """``grace_seconds`` is how long after SQL went away keys that were looked up before may still read."""
        self._users = users
        self._grants = grants
        self._keys = keys
        self._uses = uses
        self._audit = audit
        self._clock = clock
        self._data = data
        self._grace = grace_seconds
        self._away_since: float | None = None
        self._checked: dict[str, CheckedKey] = {}
        self._revoked: set[str] = set()
        self._looking: dict[str, asyncio.Task[Actor]] = {}
        self._had_nobody = False
        self._changes = 0

    def cached(self, secret: str) -> Actor | None:
        """The actor of a key that was checked within the last seconds; None means: ask ``authenticate``."""
        checked = self._checked.get(hash_secret(secret))
        if checked is None or checked.until < time.monotonic() or checked.has_expired(self._clock):
            return None
        return checked.actor

    async def authenticate(self, secret: str) -> Actor:
        """The actor of a key; one who is remembered where SQL is away and looked the key up within the last hour.

        Raises Unauthenticated for one that is malformed, unknown, expired or revoked, Unavailable where SQL is away.
        """
        if actor := self.cached(secret):
            return actor
        if not secret.isascii() or not well_formed(secret):
            raise Unauthenticated("That is no API key: keys begin with pmt_ and carry a checksum. Was it cut off?")
        looking = self._look_up(hash_secret(secret))
        await asyncio.wait({looking}, timeout=PATIENCE_SECONDS)
        is_away = not looking.done() or isinstance(looking.exception(), Unavailable)
        if is_away and (actor := self._remembered(hash_secret(secret))):
            return actor
        return await asyncio.shield(looking)

    def _look_up(self, key_hash: str) -> "asyncio.Task[Actor]":
        """The look-up, which goes on when nobody waits for it any more; one for all who have the same key."""
        looking = self._looking.get(key_hash)
        if looking is None:
            looking = self._looking[key_hash] = asyncio.create_task(self._find(key_hash))
            looking.add_done_callback(lambda done: self._looked_up(key_hash, done))
        return looking

    async def _find(self, key_hash: str) -> Actor:
        """Asks SQL, and keeps what it says: that counts also where it came too late for those who asked."""
        changes = self._changes
        found = await self._keys.find(key_hash)
        self._away_since = None
        self._checked.pop(key_hash, None)
        if found is None:
            raise Unauthenticated("The API key is not known here. Make one with: promptuary key create")
        key, identified = found
        user = identified.user
        if key.revoked_at is not None or key.id in self._revoked:
            raise Unauthenticated(f"The API key {key.id} was revoked.")
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise Unauthenticated(f"The API key {key.id} expired at {key.expires_at.isoformat(timespec='seconds')}.")
        if user.disabled_at is not None:
            raise Unauthenticated(f"The user {user.user} is disabled.")
        rights = identified.rights.limited(key.scope.ceiling, key.places)
        actor = Actor(user.user, user.name, user.email, rights, key.scope, key.places, key.id, key.expires_at)
        self._uses.note(key.id)
        if len(self._checked) >= CACHE_KEYS:
            self._checked.clear()
        expires = key.expires_at.timestamp() if key.expires_at else None
        now = time.monotonic()
        if changes == self._changes:  # else it may be what was before
            self._checked[key_hash] = CheckedKey(actor, now, now + CACHE_SECONDS, expires)
        return actor

    def _looked_up(self, key_hash: str, done: "asyncio.Task[Actor]") -> None:
        self._looking.pop(key_hash, None)
        if not done.cancelled():
            done.exception()  # looked at, so that nothing is said of a failure that nobody waited for

    def _remembered(self, key_hash: str) -> Actor | None:
        """Who had the key when it was looked up last, while that still counts. What was revoked here never does."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        checked = self._checked.get(key_hash)
        if checked is None or checked.has_expired(self._clock):
            return None
        if now - self._away_since >= self._grace or now - checked.looked_up >= REMEMBERED_SECONDS:
            return None
        actor = replace(checked.actor, remembered=True)
        self._checked[key_hash] = replace(checked, actor=actor, until=now + CACHE_SECONDS)
        return actor

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
        owner = await self._owner(user, scope.ceiling, places)
        return await self.make_key(owner, WantedKey(scope, tuple(places), note, expires_in))

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
        )
        said = {"id": key.id, "user": key.user, "scope": key.scope.value, "note": key.note}
        if key.expires_at is not None:
            said["expires_at"] = utc_text(key.expires_at)
        await self._keys.add(key, [self._audit.draft(AuditAction.KEY_CREATED, actor=by, new=said)])
        return key

    async def list_keys(self, user: str | None = None) -> list[ApiKey]:
        """All keys, or one user's, newest first."""
        return await self._keys.list_keys(UserName(user) if user else None)

    async def revoke_key(self, key_id: str, by: Actor | None = None) -> None:
        """Revokes a key. Raises NotFound."""
        told = self._audit.draft(AuditAction.KEY_REVOKED, actor=by, old={"id": key_id})
        if not await self._keys.revoke(key_id, told.at, [told]):
            raise NotFound(f"There is no API key {key_id!r}. List them with: promptuary key list")
        self._revoked.add(key_id)  # a look-up that is under way may not have seen it
        self._checked = {s: c for s, c in self._checked.items() if c.actor.key_id != key_id}

    def forget(self) -> None:
        """Nothing is known of keys any more: rights were changed here, and count at once."""
        self._changes += 1
        self._checked.clear()

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
            _write_secret(written, secret)  # first: a key that cannot be kept must not count
            if former:
                _write_secret(path.with_name("admin-key.before"), former)
            owner = await self._owner(None, Role.ADMINISTRATOR)
            await self._keep(secret, owner, WantedKey(Scope.ADMIN, note="first administrator"))
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
        self._checked.clear()
        await self.ensure_administrator()
        return True

    async def _is_valid(self, secret: str) -> bool:
        """Whether it is a key of scope admin; what its user may do is the administrators' affair."""
        try:
            return (await self.authenticate(secret)).scope is Scope.ADMIN
        except Unauthenticated:
            return False

    async def _owner(self, user: str | None, role: Role, places: Sequence[Place] = (SERVER,)) -> User:
        """Whose key it shall be; who has no role at all is given this one where the key can be used."""
        if user is None:
            return await self._users.first() or await self._make(ADMINISTRATOR, Role.ADMINISTRATOR)
        name = user_name(user)
        if await self._users.first() is None:
            await self._make(ADMINISTRATOR, Role.ADMINISTRATOR)
        found = await self._grants.identify(name)
        if found is not None and found.rights != NOTHING:
            return found.user
        return await self._make(found.user if found else User(name, name, f"{name}@localhost"), role, places)

    async def _make(self, user: User, role: Role, places: Sequence[Place] = (SERVER,)) -> User:
        await self._users.put(user)
        for place in places:
            grant = Grant(secrets.token_hex(6), role, place, self._clock.now(), user.user, user=user.user)
            await self._grants.add(grant)
        return user
