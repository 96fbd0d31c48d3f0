"""Signing in and sessions over HTTP."""

from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from api.schemas.access import PlaceBody, RoleAt
from api.schemas.fields import TIME, Answered, Body, QueryModel, Time, example
from registry.domain.access import Actor
from registry.domain.identity_providers import Provider
from registry.domain.sign_in import Session

_BY_PASSWORD = {"user": "kim", "password": "…"}
_BY_PROVIDER = {"provider": "gitlab", "name": "GitLab", "address": "/sign-in/gitlab"}
_SESSION = {
    "id": "3f9ac1d2b4e5",
    "user": "kim",
    "way": "password",
    "address": "192.0.2.7",
    "agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "made_at": TIME,
    "seen_at": TIME,
    "expires_at": TIME,
    "is_this": True,
}

Password = Annotated[str, Field(min_length=1, max_length=1_024, json_schema_extra={"writeOnly": True})]


class ProviderWay(Answered):
    """An identity provider to sign in with."""

    model_config = example(**_BY_PROVIDER)

    provider: str
    name: str = Field(description="Its name for people.")
    address: str = Field(description="Where a browser goes to sign in with it; `?next=` is where it comes out.")

    @classmethod
    def of(cls, provider: Provider, going_to: str = "/") -> "ProviderWay":
        """The way by a provider."""
        onward = f"?{urlencode({'next': going_to})}" if going_to != "/" else ""
        return cls(provider=provider.provider, name=provider.name, address=f"/sign-in/{provider.provider}{onward}")


class WaysIn(Answered):
    """How people can sign in here."""

    model_config = example(password=True, providers=[_BY_PROVIDER])

    password: bool = Field(description="With a user's name, or his e-mail address, and a password.")
    providers: list[ProviderWay]


class SignInRequest(Body):
    """A user and his password."""

    model_config = Body.model_config | example(**_BY_PASSWORD)

    user: str = Field(min_length=1, max_length=200, description="The user's name or e-mail address.")
    password: Password


class PasswordRequest(Body):
    """The present password and a new one."""

    model_config = Body.model_config | example(present="…", new="…")

    present: Password
    new: Password = Field(description="10 to 256 letters, and not easily guessed.")


class SignedInBody(Answered):
    """Who is signed in, and what he may do."""

    model_config = example(
        user="kim",
        name="김민지",
        email="kim@example.com",
        must_change_password=False,
        rights=[{"role": "author", "place": {"repository": "default", "folder": "support"}}],
        expires_at=TIME,
    )

    user: str
    name: str
    email: str
    must_change_password: bool = Field(
        description="Somebody else gave it: nothing else is allowed until it is changed."
    )
    rights: list[RoleAt]
    expires_at: Time | None = Field(description="When the session ends unless it is used before.")

    @classmethod
    def from_domain(cls, actor: Actor) -> "SignedInBody":
        """The body for the caller."""
        return cls(
            user=actor.user,
            name=actor.name,
            email=actor.email,
            must_change_password=actor.must_change_password,
            rights=[RoleAt(role=role.value, place=PlaceBody.from_domain(place)) for place, role in actor.rights.roles],
            expires_at=actor.expires_at,
        )


class SessionBody(Answered):
    """A session."""

    model_config = example(**_SESSION)

    id: str
    user: str
    way: str = Field(description="How its user came in: `password`, `device`, or an identity provider's name.")
    address: str | None
    agent: str = Field(description="What the browser or program calls itself.")
    made_at: Time
    seen_at: Time = Field(description="When it was used last, to a minute.")
    expires_at: Time = Field(description="When it ends in any case.")
    is_this: bool = Field(description="Whether this request came with it.")

    @classmethod
    def from_domain(cls, session: Session, caller: Actor) -> "SessionBody":
        """The body for a session, as a caller sees it."""
        return cls(
            id=session.id,
            user=session.user,
            way=session.way,
            address=session.address,
            agent=session.agent,
            made_at=session.made_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
            is_this=session.id == caller.session_id,
        )


class SessionList(Answered):
    """Somebody's sessions, the one used last first."""

    model_config = example(sessions=[_SESSION])

    sessions: list[SessionBody]


class SessionsQuery(QueryModel):
    """Whose sessions are wanted."""

    user: str | None = Field(None, description="For administrators of the server: a user's; else your own.")
