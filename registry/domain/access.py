"""Who acts, and with which rights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from registry.domain.aims import Aim
from registry.domain.errors import Denied, RepositoryNotFound, TemplateNotFound, Unauthenticated, Unavailable
from registry.domain.ids import GroupName, ProviderName, RepositoryName, TemplateName, UserName
from registry.domain.rights import SERVER, Place, Rights, Sight, place_of
from registry.domain.roles import Role, Scope


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone who has been identified, by a key, a session or the operating system.

    ``rights`` are what the user has, as far as the key allows: by its ``scope`` and ``places``. ``remembered``: by an
    earlier look-up, because the accounts cannot be asked just now. That is enough to read. Who ``must_change_password``
    has no rights until he has.
    """

    user: UserName
    name: str
    email: str
    rights: Rights
    scope: Scope = Scope.ADMIN
    places: tuple[Place, ...] = (SERVER,)
    key_id: str | None = None
    expires_at: datetime | None = None
    remembered: bool = False
    session_id: str | None = None
    by_token: bool = False
    must_change_password: bool = False

    @property
    def credential(self) -> str | None:
        """The id of the key or session that the actor was identified by."""
        return self.key_id or self.session_id

    @property
    def is_signed_in(self) -> bool:
        """Whether it is the user himself, in a browser's session: with no key, and with no token of a program."""
        return self.session_id is not None and not self.by_token

    def sight(self, repository: RepositoryName) -> Sight:
        """What the actor sees of a repository. Raises RepositoryNotFound where that is nothing."""
        sight = self.rights.sight(repository)
        if sight is None:
            raise RepositoryNotFound(f"There is no repository {repository}.", hidden=Aim(repository))
        return sight

    def require_template(self, role: Role, repository: RepositoryName, name: TemplateName) -> None:
        """Raises TemplateNotFound for a name that the actor does not see, there or not; else as ``require``."""
        if not self.sight(repository).has(name):
            raise TemplateNotFound(f"There is no template {name!r} in {repository}.", hidden=Aim(repository, name))
        self.require(role, place_of(repository, name))

    def require_somewhere(self, role: Role, repository: RepositoryName) -> None:
        """Raises Denied for who has that role nowhere in a repository, Unavailable as ``require``."""
        self.sight(repository)
        self._check(self.rights.somewhere(role, repository), role, Place(repository))

    def require_anywhere(self, role: Role) -> None:
        """Raises Denied for who has that role at no place at all, Unavailable as ``require``."""
        self._check(self.rights.anywhere(role), role, SERVER)

    def require(self, role: Role, place: Place = SERVER) -> None:
        """Raises Denied unless the actor has that role at a place, Unavailable where that cannot be known now.

        It says what there is and what is missing: ask only for a place that the actor sees.
        """
        self._check(self.rights.includes(role, place), role, place)

    def can_use_at(self, place: Place) -> bool:
        """Whether the actor's key can be used at a place."""
        return any(own.covers(place) for own in self.places)

    def _check(self, has: bool, role: Role, place: Place) -> None:
        if not has:
            folder = f"{place.folder}/" if place.folder else None
            raise Denied(self.missing(role, place), aim=Aim(place.repository, folder))
        if role is not Role.READER:
            self.require_certain()

    def require_certain(self) -> None:
        """Raises Unavailable where the actor is only remembered: that is enough to read, and for nothing else."""
        if self.remembered:
            raise Unavailable(
                "The catalogue is away, so your rights cannot be checked: reads go on for a while, everything else has "
                "to wait. Nothing was changed; try again later."
            )

    def missing(self, role: Role, place: Place) -> str:
        """What the actor lacks where a role is needed, and who or what gives it."""
        if not self.scope.ceiling.includes(role):
            needed = next(scope for scope in Scope if scope.ceiling is role)
            return (
                f"This needs a key of scope {needed}; yours has scope {self.scope}. "
                f"Make one with: promptuary key create --scope {needed}"
            )
        mine = self.rights.role_at(place)
        has = f"you are {mine} there" if mine else "you have no role there"
        return f"This needs the role {role} at {place}; {has}. Ask an administrator for it."


@dataclass(frozen=True, slots=True)
class User:
    """A person or program with a name; commits made for them carry ``name <email>``.

    A service account (``is_service``) has keys and never signs in. Who is disabled is identified no more, by nothing.
    """

    user: UserName
    name: str
    email: str
    is_service: bool = False
    disabled_at: datetime | None = None

    @property
    def may_sign_in(self) -> bool:
        """Whether it is a person who is not disabled."""
        return not self.is_service and self.disabled_at is None

    def require_person(self) -> None:
        """Raises Unauthenticated for a user who may not sign in."""
        if self.disabled_at is not None:
            raise Unauthenticated(f"The user {self.user} is disabled.")
        if self.is_service:
            raise Unauthenticated(f"The user {self.user} is a service account, which has keys.")


@dataclass(frozen=True, slots=True)
class Identified:
    """A user with all rights that were granted to him and to his groups."""

    user: User
    rights: Rights


@dataclass(frozen=True, slots=True)
class Group:
    """Users to whom a role can be granted together.

    ``members`` were written here; who is in it ``by_provider`` is so as long as his identity provider says so.
    """

    group: GroupName
    name: str
    members: tuple[UserName, ...] = ()
    by_provider: Mapping[ProviderName, tuple[UserName, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that was given to a user or to a group at a place: by whom, and when."""

    id: str
    role: Role
    place: Place
    made_at: datetime
    made_by: UserName
    user: UserName | None = None
    group: GroupName | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is stored: the secret itself is shown once and kept only as its SHA-256.

    ``places`` are where it can be used; the server: everywhere that its user may be. ``used_at`` is to the minute.
    ``made_by`` is the id of the key that made it, and takes it along when it is revoked; None: somebody himself did.
    """

    id: str
    user: UserName
    scope: Scope
    hash: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    note: str = ""
    places: tuple[Place, ...] = (SERVER,)
    used_at: datetime | None = None
    made_by: str | None = None


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What a key to be made shall be; it ends ``not_after`` in any case, and with the one that it is ``made_by``."""

    scope: Scope
    places: tuple[Place, ...] = (SERVER,)
    note: str = ""
    expires_in: timedelta | None = None
    not_after: datetime | None = None
    made_by: str | None = None

    def ends(self, now: datetime) -> datetime | None:
        """When it ends, where it is made now; None: never."""
        ends = [now + self.expires_in] if self.expires_in is not None else []
        return min([*ends, *([self.not_after] if self.not_after is not None else [])], default=None)
