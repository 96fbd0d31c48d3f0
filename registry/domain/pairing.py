"""A data folder and a database belong together where both have the same registry id."""

import re
import secrets
import shlex
from dataclasses import dataclass

from registry.domain.ids import RegistryId

FILE = "registry-id"
"""The file in the data folder that holds it."""

_ID = re.compile(r"[0-9a-f]{16}")


def new_registry_id() -> RegistryId:
    """One that nobody has."""
    return RegistryId(secrets.token_hex(8))


def is_registry_id(text: str) -> bool:
    """Whether it has the form of one."""
    return _ID.fullmatch(text) is not None


def no_registry_id(file: str) -> tuple[str, str]:
    """What is said of a file that holds something else, and what to do."""
    found = f"{file} holds no registry id, which is 16 digits 0-9 and a-f"
    return found, "Remove it: what starts next makes a new one, or says which one the database has."


@dataclass(frozen=True, slots=True)
class Misfit:
    """That a data folder and a database do not belong together: what was found, what it would lead to, the ways out.

    ``command`` is a line for the shell that makes them belong together.
    """

    found: str
    why: str
    remedy: str
    command: str


def misfit(folder: str, database: str, here: RegistryId | None, there: RegistryId) -> Misfit:
    """Of a folder with one id or none, and a database with another one; both by where they are."""
    has = f"has the registry id {here}" if here is not None else "has no registry id"
    return Misfit(
        found=f"the data folder {folder} {has}, and {database} has {there}: they do not belong together",
        why="The catalogue would lose what it has of its own repositories and be filled from those of the folder, and "
        "a backup would put these beside the users and keys of another registry.",
        remedy="Set PROMPTUARY_DATA and PROMPTUARY_DATABASE_URL to two that belong together. Where these two do, give "
        "the folder the database's id.",
        command=f"echo {shlex.quote(there)} > {shlex.quote(f'{folder}/{FILE}')}",
    )
