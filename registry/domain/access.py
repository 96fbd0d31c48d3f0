"""Who acts, and what a key lets them do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from registry.domain.errors import Denied, Unavailable
from registry.domain.ids import UserName


class Scope(StrEnum):
    """What an API key allows. Until roles exist the scopes stand for them: reader, author, administrator."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Whether this scope allows what ``other`` allows: admin includes write, write includes read."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class Role(StrEnum):
    """The roles that ``.registry.yaml`` speaks of, weakest first."""

    READER = "reader"
    AUTHOR = "author"
    MAINTAINER = "maintainer"
    ADMINISTRATOR = "administrator"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what ``other`` may: each role includes those before it."""
        order = list(Role)
        return order.index(self) >= order.index(other)


ROLE_OF_SCOPE = {Scope.READ: Role.READER, Scope.WRITE: Role.AUTHOR, Scope.ADMIN: Role.ADMINISTRATOR}


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone who has been identified, by a key or by the operating system.

    ``remembered``: by an earlier look-up, because the accounts cannot be asked just now. That is enough to read.
    """

    user: UserName
    name: str
    email: str
    scope: Scope
    key_id: str | None = None
    remembered: bool = False

    @property
    def role(self) -> Role:
        """The role that the scope stands for."""
        return ROLE_OF_SCOPE[self.scope]

    def require(self, scope: Scope) -> None:
        """Raises Denied unless the actor's scope includes ``scope``, Unavailable where that cannot be known now."""
        if not self.scope.includes(scope):
            raise Denied(
                f"This needs a key of scope {scope}; yours has scope {self.scope}. "
                f"Make one with: promptuary key create --scope {scope}"
            )
        if self.remembered and scope is not Scope.READ:
            raise Unavailable(
                "The catalogue is away, so your key cannot be checked: reads go on for a while, everything else has to "
                "wait. Nothing was changed; try again later."
            )


@dataclass(frozen=True, slots=True)
class User:
    """A person or program with a name; commits made for them carry ``name <email>``."""

    user: UserName
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is stored: the secret itself is shown once and kept only as its SHA-256."""

    id: str
    user: UserName
    scope: Scope
    hash: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    note: str = ""
