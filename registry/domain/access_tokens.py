"""Access tokens and the refresh tokens that give new ones: all of one sign-in are a family, which is its session."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from registry.domain.access import User
from registry.domain.ids import UserName
from registry.domain.roles import Scope
from registry.domain.sign_in import Session

TOKEN_PREFIX = "eyJ"  # noqa: S105  (no password)
"""What every JWT begins with: the base64url of an opening brace and a quotation mark."""

CLIENT = "promptuary-cli"
"""The one program that signs people in by a device code; whoever writes another one uses its id."""

GRACE = timedelta(seconds=10)
"""How long a used refresh token gives its successor once more, to a client whose answer was lost on its way."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says: whose it is, of which session, and what it can be used for at most."""

    id: str
    user: UserName
    session_id: str
    scope: Scope
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """How long tokens last: an access token, a refresh token that nobody uses, and the whole family."""

    access: timedelta
    refresh: timedelta
    longest: timedelta

    def refresh_end(self, session: Session, now: datetime) -> datetime:
        """When a refresh token ends that is made now."""
        return min(now + self.refresh, session.made_at + self.longest)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as it is stored: by its SHA-256. ``family`` is the id of its session."""

    hash: str
    family: str
    scope: Scope
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FoundRefreshToken:
    """A refresh token with its session and user."""

    token: RefreshToken
    session: Session
    user: User


class RefreshUse(StrEnum):
    """What became of a refresh token that somebody brought."""

    USED = "used"
    """It was good, and its successor is stored."""
    REPEATED = "repeated"
    """It was used a moment ago, and its successor was not yet: the same answer is due."""
    REUSED = "reused"
    """It was used before: somebody has a copy. The family was ended."""
    GONE = "gone"
    """It is not there (any more)."""


class OAuthFault(StrEnum):
    """The error codes of RFC 6749 (5.2) and RFC 8628 (3.5)."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_TOKEN_TYPE = "unsupported_token_type"  # noqa: S105  (no password)
    AUTHORIZATION_PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    ACCESS_DENIED = "access_denied"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105  (no password)


class OAuthRefusal(Exception):
    """Why no token is given, as OAuth's clients understand it."""

    def __init__(self, fault: OAuthFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What a client is given; the secrets are nowhere else. ``access_seconds`` is how long the access token lasts."""

    access_token: str
    access_seconds: int
    refresh_token: str
    scope: Scope
    user: UserName


def narrowed(held: Scope, wanted: Scope | None) -> Scope:
    """The scope that is wanted, where it is none beyond the one that is held. Raises OAuthRefusal."""
    if wanted is None:
        return held
    if not held.ceiling.includes(wanted.ceiling):
        raise OAuthRefusal(OAuthFault.INVALID_SCOPE, f"You were given the scope {held}, which is less than {wanted}.")
    return wanted
