"""Access tokens, refresh tokens and the codes of devices."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from registry.domain.access import User
from registry.domain.access_tokens import AccessClaims, FoundRefreshToken, RefreshToken, RefreshUse
from registry.domain.audit import AuditDraft
from registry.domain.device_grants import DeviceGrant
from registry.domain.sign_in import Session, SignedIn


class TokenSigner(Protocol):
    """Makes and reads signed access tokens. The calls are short and synchronous.

    ``issuer`` is the server's address as tokens name it; None where it was not set and has to be: there are none then.
    """

    issuer: str | None

    def sign(self, claims: AccessClaims) -> str:
        """A token that says so. Raises Unavailable where there is no key ring, or no name to sign under."""
        ...

    def read(self, token: str) -> AccessClaims:
        """What a token of this server says that holds just now. Raises Unauthenticated for any other, Unavailable."""
        ...

    def successor(self, secret: str) -> bytes:
        """32 bytes that follow from a secret, always the same ones, and that nobody else can tell.

        Raises Unavailable.
        """
        ...

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """The public halves of all keys that tokens can be signed with, as JWKs (RFC 8037). Raises Unavailable."""
        ...


class RefreshTokens(Protocol):
    """Refresh tokens by their SHA-256."""

    async def find(self, token_hash: str) -> FoundRefreshToken | None:
        """The token with its session and user; used and ended ones too: the caller judges."""
        ...

    async def find_family(self, session_id: str) -> SignedIn | None:
        """The session of that id with its user and all his rights; one that has ended, too: the caller judges."""
        ...

    async def use(self, used: RefreshToken, successor: RefreshToken, told_reuse: Sequence[AuditDraft]) -> RefreshUse:
        """Marks a token as used as of when its successor is made, and stores that, all or nothing, durably.

        Of two who come at the same time with the same token one uses it. Where it was used before, and not just now
        with a successor that waits, its session is ended and ``told_reuse`` entered in the audit.
        """
        ...


class DeviceGrants(Protocol):
    """Devices that ask to act for somebody, by the SHA-256 of their code."""

    async def add(self, grant: DeviceGrant) -> bool:
        """Stores one, and forgets those that ended long ago; False where its user code is taken."""
        ...

    async def find(self, user_code: str) -> DeviceGrant | None:
        """The one with that user code, ended or decided ones too."""
        ...

    async def poll(self, device_hash: str, at: datetime) -> tuple[DeviceGrant, User | None] | None:
        """The one of a device as it was before this call, with who decided; it is noted that it asked."""
        ...

    async def decide(self, decided: DeviceGrant, at: datetime, told: Sequence[AuditDraft]) -> bool:
        """Notes what a person said, durably; False where it has ended, or was decided already.

        What was approved ends with the session that it was approved in.
        """
        ...

    async def redeem(self, device_hash: str, session: Session, token: RefreshToken, told: Sequence[AuditDraft]) -> bool:
        """Puts a session and its first refresh token in the place of an approved one, all or nothing, durably.

        False where it is not there (any more).
        """
        ...
