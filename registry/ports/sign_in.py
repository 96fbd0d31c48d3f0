"""Passwords and sessions: what lives in SQL alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from registry.domain.access import User
from registry.domain.audit import AuditDraft
from registry.domain.ids import UserName
from registry.domain.sign_in import Session, SignedIn, StoredPassword
from registry.ports.identity_providers import ProviderAccounts, ProviderClient, Providers
from registry.ports.links import Links
from registry.ports.tokens import DeviceGrants, RefreshTokens


class PasswordHasher(Protocol):
    """Turns passwords into what can be stored of them. The calls are slow on purpose: run them in a thread."""

    def hash(self, password: str) -> str:
        """A salted hash with its parameters; another one each time."""
        ...

    def verify(self, hash_: str | None, password: str) -> bool:
        """Whether it is the password of that hash. Without a hash it is not, and takes as long to say so."""
        ...

    def is_outdated(self, hash_: str) -> bool:
        """Whether it was made with other parameters than new ones are: then the password is to be hashed again."""
        ...


class Passwords(Protocol):
    """The passwords of users."""

    async def find(self, name: str) -> tuple[User, StoredPassword | None] | None:
        """The user of that name, or with that e-mail address where it is one user's alone, and his password."""
        ...

    async def put(
        self,
        password: StoredPassword,
        told: Sequence[AuditDraft] = (),
        *,
        by_link: str | None = None,
        instead_of: StoredPassword | None = None,
    ) -> bool:
        """Sets a user's password, durably, and ends all sessions and links that he has.

        ``by_link`` is the hash of the link of his that allows it: False, with nothing changed, where it was used
        meanwhile. Raises NotFound for the user.
        """
        ...

    async def rehash(self, password: StoredPassword) -> None:
        """Stores the same password by another hash, where it was not set anew since."""
        ...


class Sessions(Protocol):
    """Sessions by the SHA-256 of their secret."""

    async def add(
        self, session: Session, told: Sequence[AuditDraft] = (), *, password_set_at: datetime | None = None
    ) -> None:
        """Stores a new session, durably, and forgets those that have ended.

        Raises NotFound for its user, and Unauthenticated where he may not sign in any more, or his password is not the
        one of ``password_set_at`` any more.
        """
        ...

    async def find(self, secret_hash: str) -> SignedIn | None:
        """The session with that hash and its user with all rights; one that has ended, too: the caller judges."""
        ...

    async def list_sessions(self, user: UserName) -> list[Session]:
        """A user's, the one used last first."""
        ...

    async def note_seen(self, session_id: str, at: datetime) -> None:
        """The session is used."""
        ...

    async def end(self, session_id: str, told: Sequence[AuditDraft] = ()) -> bool:
        """Ends a session with its tokens, durably; False where there is none of that id."""
        ...


@dataclass(frozen=True, slots=True)
class SignInPorts:
    """What people sign in with, and what they have once they are in."""

    passwords: Passwords
    hasher: PasswordHasher
    providers: Providers
    client: ProviderClient
    accounts: ProviderAccounts
    sessions: Sessions
    links: Links
    refresh_tokens: RefreshTokens
    device_grants: DeviceGrants
