"""API keys over HTTP: the key itself is shown once, when it is made."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.access import Folder, PlaceBody
from api.schemas.fields import TIME, Answered, Body, QueryModel, Said, Time, example
from registry.domain.access import Actor, ApiKey
from registry.domain.account_names import place_at
from registry.domain.rights import Place
from registry.domain.roles import Scope

SCOPE = f"^({'|'.join(Scope)})$"
_KEY = {
    "id": "3f9ac1d2b4e5",
    "user": "ci",
    "scope": "write",
    "places": [{"repository": "default", "folder": "support"}],
    "created_at": TIME,
    "expires_at": None,
    "revoked_at": None,
    "used_at": TIME,
    "note": "deploys",
    "made_by": "90b2c4d1e3f5",
}

Days = Annotated[int, Field(strict=True, ge=1, le=3_650)]


class CallersKey(Answered):
    """The key of a request."""

    model_config = example(id="3f9ac1d2b4e5", user="ci", name="ci", scope="write")

    id: str | None = Field(description="As promptuary key list shows it.")
    user: str
    name: str = Field(description="The user's name for people; commits carry it.")
    scope: str = Field(pattern=SCOPE, description="Each includes those before it; the user's roles hold it down.")

    @classmethod
    def from_domain(cls, caller: Actor) -> "CallersKey":
        """The body for the caller."""
        return cls(id=caller.key_id, user=caller.user, name=caller.name, scope=caller.scope.value)


class KeyBody(Answered):
    """An API key, without its secret."""

    model_config = example(**_KEY)

    id: str
    user: str
    scope: str = Field(pattern=SCOPE)
    places: list[PlaceBody] = Field(description="Where alone it can be used.")
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    used_at: Time | None = Field(description="When it was used last, to the minute.")
    note: str
    made_by: str | None = Field(description="The id of the key that made it, and takes it along when it is revoked.")

    @classmethod
    def from_domain(cls, key: ApiKey) -> "KeyBody":
        """The body for a key."""
        return cls(
            id=key.id,
            user=key.user,
            scope=key.scope.value,
            places=[PlaceBody.from_domain(place) for place in key.places],
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            used_at=key.used_at,
            note=key.note,
            made_by=key.made_by,
        )


class KeyList(Answered):
    """A user's keys, newest first, ended ones too."""

    model_config = example(keys=[_KEY])

    keys: list[KeyBody]


class KeyMade(KeyBody):
    """A new key with its secret, which is shown this once."""

    model_config = example(**_KEY, key="pmt_…")

    key: str

    @classmethod
    def of(cls, key: ApiKey, secret: str) -> "KeyMade":
        """The body for a key that was just made."""
        return cls(**KeyBody.from_domain(key).model_dump(), key=secret)


class KeyRotated(Answered):
    """The new key, and until when the old one goes on."""

    model_config = example(new={**_KEY, "key": "pmt_…"}, old=_KEY)

    new: KeyMade
    old: KeyBody


class KeysQuery(QueryModel):
    """Whose keys."""

    user: str | None = Field(None, description="A user; you where absent. Others' are shown to administrators.")


class KeyPlace(Body):
    """Where a key can be used."""

    repository: str
    folder: Folder = ""


class KeyRequest(Body):
    """A key to make."""

    model_config = Body.model_config | example(scope="write", note="deploys", expires_in_days=90)

    scope: Literal["read", "write", "maintain", "admin"] = "read"
    user: str | None = Field(None, description="Whose it shall be; yours where absent.")
    places: list[KeyPlace] | None = Field(
        None, min_length=1, max_length=100, description="Where alone it can be used; wherever yours can, where absent."
    )
    expires_in_days: Days | None = None
    note: Said = Field("", max_length=200)

    def wanted(self) -> list[Place] | None:
        """The domain's places. Raises BadRequest."""
        return [place_at(each.repository, each.folder) for each in self.places] if self.places is not None else None


class RotationRequest(Body):
    """How a key is replaced."""

    model_config = Body.model_config | example(overlap_hours=24, expires_in_days=90)

    overlap_hours: Annotated[int, Field(strict=True, ge=0, le=2_160)] = Field(
        24, description="How long the old key goes on."
    )
    expires_in_days: Days | None = Field(None, description="How long the new one holds; for ever where absent.")


def days(number: int | None) -> timedelta | None:
    """A time in days."""
    return timedelta(days=number) if number is not None else None
