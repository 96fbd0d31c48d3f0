"""The roles that people and programs have, and the scopes of API keys, which hold a role down."""

from enum import StrEnum


class Role(StrEnum):
    """What somebody may do at a place, weakest first; each role includes those before it."""

    READER = "reader"
    AUTHOR = "author"
    MAINTAINER = "maintainer"
    ADMINISTRATOR = "administrator"

    @property
    def rank(self) -> int:
        """Higher may do more."""
        return _RANKS[self]

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what ``other`` may."""
        return self.rank >= other.rank


_RANKS = {role: rank for rank, role in enumerate(Role)}


class Scope(StrEnum):
    """What an API key can be used for at most, whatever its user may do."""

    READ = "read"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    @property
    def ceiling(self) -> Role:
        """The strongest role that a key of this scope can act in."""
        return _CEILINGS[self]


_CEILINGS = dict(zip(Scope, Role, strict=True))
