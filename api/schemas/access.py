"""Users, groups and grants over HTTP."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from api.schemas.fields import TIME, Answered, Body, Time, example
from registry.domain.access import Grant, Group, Identified, User
from registry.domain.rights import Place
from registry.domain.roles import Role

ROLE = f"^({'|'.join(Role)})$"
_PLACE = {"repository": "default", "folder": "support"}
_USER = {"user": "kim", "name": "김민지", "email": "kim@example.com", "is_service": False, "disabled_at": None}
_GRANT = {"id": "5f0c9d1e2b3a", "role": "author", "user": "kim", "group": None, "made_at": TIME, "made_by": "admin"}
_GROUP = {"group": "support", "name": "고객지원", "members": ["kim"], "members_by_provider": {"corp": ["lee"]}}

ShortText = Annotated[str, Field(min_length=1, max_length=200)]
Folder = Annotated[str, Field(max_length=400, description="A folder of it, with all below; absent: all of it.")]


class PlaceBody(Answered):
    """Where a role counts: the server, a repository, or a folder of one with all below it."""

    model_config = example(**_PLACE)

    repository: str | None = Field(description="Null: the whole server.")
    folder: str | None

    @classmethod
    def from_domain(cls, place: Place) -> "PlaceBody":
        """The body for a place."""
        return cls(repository=place.repository, folder=place.folder or None)


class UserBody(Answered):
    """A user."""

    model_config = example(**_USER)

    user: str
    name: str = Field(description="For people; commits carry it.")
    email: str
    is_service: bool = Field(description="A program: it has keys and never signs in.")
    disabled_at: Time | None

    @classmethod
    def from_domain(cls, user: User) -> "UserBody":
        """The body for a user."""
        return cls(
            user=user.user,
            name=user.name,
            email=user.email,
            is_service=user.is_service,
            disabled_at=user.disabled_at,
        )


class UserList(Answered):
    """All users, by name."""

    model_config = example(users=[_USER])

    users: list[UserBody]


class RoleAt(Answered):
    """A role and where it counts."""

    model_config = example(role="author", place=_PLACE)

    role: str = Field(pattern=ROLE)
    place: PlaceBody


class UserRights(UserBody):
    """A user and all that he and his groups were granted; what a stronger grant covers is left out."""

    model_config = example(**_USER, rights=[{"role": "author", "place": _PLACE}])

    rights: list[RoleAt]

    @classmethod
    def of(cls, found: Identified) -> "UserRights":
        """The body for a user with his rights."""
        rights = [RoleAt(role=role.value, place=PlaceBody.from_domain(at)) for at, role in found.rights.roles]
        return cls(**UserBody.from_domain(found.user).model_dump(), rights=rights)


class UserRequest(Body):
    """What a user shall be; what is absent stays as it is."""

    model_config = Body.model_config | example(name="김민지", email="kim@example.com")

    name: ShortText | None = None
    email: ShortText | None = None
    is_service: Annotated[bool, Field(strict=True)] | None = None
    disabled: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Whether every way in is closed to the user."
    )


class GroupBody(Answered):
    """A group and who is in it."""

    model_config = example(**_GROUP)

    group: str
    name: str
    members: list[str] = Field(description="Who was put into it here: what PUT sets.")
    members_by_provider: dict[str, list[str]] = Field(
        description="Who is in it because an identity provider says so, as of his last sign-in there."
    )

    @classmethod
    def from_domain(cls, group: Group) -> "GroupBody":
        """The body for a group."""
        by_provider: dict[str, list[str]] = {provider: list(users) for provider, users in group.by_provider.items()}
        return cls(group=group.group, name=group.name, members=list(group.members), members_by_provider=by_provider)


class GroupList(Answered):
    """All groups, by name."""

    model_config = example(groups=[_GROUP])

    groups: list[GroupBody]


class GroupRequest(Body):
    """What a group shall be; what is absent stays as it is. Whom identity providers tell of stays in it."""

    model_config = Body.model_config | example(name="고객지원", members=["kim"])

    name: ShortText | None = None
    members: list[str] | None = Field(None, max_length=10_000)


class GrantBody(Answered):
    """A role that was given to a user or to a group."""

    model_config = example(**_GRANT, place=_PLACE)

    id: str
    role: str = Field(pattern=ROLE)
    place: PlaceBody
    user: str | None
    group: str | None
    made_at: Time
    made_by: str

    @classmethod
    def from_domain(cls, grant: Grant) -> "GrantBody":
        """The body for a grant."""
        return cls(
            id=grant.id,
            role=grant.role.value,
            place=PlaceBody.from_domain(grant.place),
            user=grant.user,
            group=grant.group,
            made_at=grant.made_at,
            made_by=grant.made_by,
        )


class GrantList(Answered):
    """The grants where the caller is administrator."""

    model_config = example(grants=[{**_GRANT, "place": _PLACE}])

    grants: list[GrantBody]


class GrantRequest(Body):
    """A role to give, and to whom: to a user or to a group."""

    model_config = Body.model_config | example(role="author", user="kim", **_PLACE)

    role: Literal["reader", "author", "maintainer", "administrator"]
    user: str | None = None
    group: str | None = None
    repository: str | None = Field(None, description="Absent: the whole server.")
    folder: Folder = ""

    @model_validator(mode="after")
    def _one_subject(self) -> "GrantRequest":
        if (self.user is None) == (self.group is None):
            raise ValueError("name a user or a group, one of the two")
        return self

    @property
    def wanted(self) -> Role:
        """The domain's role."""
        return Role(self.role)
