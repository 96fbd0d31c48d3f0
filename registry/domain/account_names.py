"""Names of users, groups and places, as people type them."""

import unicodedata

from registry.domain.errors import BadRequest
from registry.domain.ids import GroupName, UserName
from registry.domain.names import check_folder, repository_name
from registry.domain.rights import SERVER, Place

LONGEST_NAME = 64


def user_name(text: str) -> UserName:
    """The name, stripped and in NFC. Raises BadRequest."""
    return UserName(_account_name(text, "user"))


def group_name(text: str) -> GroupName:
    """The name, stripped and in NFC. Raises BadRequest."""
    return GroupName(_account_name(text, "group"))


def _account_name(text: str, noun: str) -> str:
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > LONGEST_NAME or not all(c.isalnum() or c in "._-" for c in name):
        raise BadRequest(f"{text!r} is no {noun} name: use 1 to {LONGEST_NAME} letters, digits, '.', '_' or '-'.")
    return name


def place_at(repository: str | None, folder: str = "") -> Place:
    """A place as people name it; without a repository the server. Raises BadRequest."""
    folder = folder.strip("/")
    if repository is None:
        if folder:
            raise BadRequest(f"The folder {folder!r} is in which repository? Name it.")
        return SERVER
    if folder and (problem := check_folder(folder)):
        raise BadRequest(f"{folder!r} is no folder: {problem}.")
    return Place(repository_name(repository), folder)
