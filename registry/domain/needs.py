"""What is asked of who does something: a role, and where it has to hold."""

from dataclasses import dataclass
from enum import StrEnum

from registry.domain.roles import Role


class Reach(StrEnum):
    """Where the role has to hold."""

    SERVER = "on the server"
    ANYWHERE = "anywhere: what it is done to is looked at then"
    REPOSITORY = "in the whole repository"
    FOLDER = "in the template's folder"
    SOMEWHERE = "in a folder"
    READING_ALL = "in a folder, and reader in the whole repository"


@dataclass(frozen=True, slots=True)
class Need:
    """A role, and where."""

    role: Role
    reach: Reach
