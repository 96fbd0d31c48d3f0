"""What people sign in with, and the sessions that they have once they are in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.domain.access import Identified, User
from registry.domain.ids import UserName

PASSWORD_WAY = "password"  # noqa: S105  (no password)
DEVICE_WAY = "device"
"""The ways in by a password and by a device code; that by an identity provider is its name."""


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """A password as it is stored: the hash with its parameters (PHC string format).

    One that somebody else gave (``must_change``) opens nothing but its own change.
    """

    user: UserName
    hash: str
    set_at: datetime
    must_change: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a user is at an identity provider: ``subject`` is the provider's own id of him, which never changes."""

    provider: str
    subject: str
    user: UserName
    email: str | None
    made_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A browser or program that somebody signed in with; its secret is kept only as its SHA-256.

    ``id`` names it for people, ``way`` says how its user came in. ``seen_at`` is to a minute.
    """

    id: str
    hash: str
    user: UserName
    way: str
    address: str | None
    agent: str
    made_at: datetime
    seen_at: datetime
    expires_at: datetime
    origin: str | None = None
    """Of a device: the way in of who let it in; else the same as ``way``."""


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """How long sessions last: so long while nobody uses them, and so long in any case."""

    idle: timedelta
    longest: timedelta

    def end_of(self, session: Session) -> datetime:
        """When a session ends unless it is used before; that of a device when its newest refresh token does."""
        if session.way == DEVICE_WAY:
            return session.expires_at
        return min(session.seen_at + self.idle, session.expires_at)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session with its user and all rights that he has."""

    session: Session
    identified: Identified
    must_change_password: bool

    @property
    def user(self) -> User:
        """Whose session it is."""
        return self.identified.user
