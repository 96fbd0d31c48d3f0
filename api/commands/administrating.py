"""What the commands that administer a data folder share: an open registry, and who acts in it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from api.commands.acting import acting_locally
from api.commands.output import warn

if TYPE_CHECKING:
    from registry.bootstrap import Registry
    from registry.domain.access import Actor
    from registry.domain.rights import Place
    from registry.services.access_control import AccessControl
    from registry.settings import Settings


@asynccontextmanager
async def administered(settings: "Settings") -> "AsyncIterator[tuple[AccessControl, Actor]]":
    """The accounts of a data folder: who can read its files is administrator of it."""
    async with administered_registry(settings) as (registry, actor):
        yield registry.access, actor


@asynccontextmanager
async def administered_registry(settings: "Settings") -> "AsyncIterator[tuple[Registry, Actor]]":
    """The same, with all of the registry."""
    from hooks.local import system_actor
    from registry.bootstrap import open_registry
    from registry.domain.rights import EVERY_RIGHT

    async with open_registry(settings) as registry:
        with acting_locally():
            yield registry, system_actor(EVERY_RIGHT)


def place_of(text: str | None) -> "Place":
    """``REPOSITORY``, ``REPOSITORY/FOLDER``, or no option at all: the server.

    Raises BadRequest, also for an empty text: a shell's variable that is not set means no server.
    """
    from registry.domain.account_names import place_at
    from registry.domain.errors import BadRequest
    from registry.domain.rights import SERVER

    if text is None:
        return SERVER
    repository, _, folder = text.strip().partition("/")
    if not repository:
        raise BadRequest(
            f"--at {text!r} is no place: write REPOSITORY or REPOSITORY/FOLDER; leave --at out for the server."
        )
    return place_at(repository, folder)


def warn_of_empty_places(registry: "Registry", places: "Iterable[Place]") -> None:
    """Says which places have nothing in them yet, which is allowed: a misspelt one is seen so."""
    from registry.domain.names import PROMPTS

    for place in places:
        if place.repository is None:
            continue
        if place.repository not in (known := registry.git.names()):
            warn(f"there is no repository {place.repository} yet{nearest(place.repository, known)}")
        elif place.folder:
            with registry.git.open(place.repository) as store:
                tip = store.refs().get(registry.git.default_branch(place.repository))
                is_empty = tip is None or next(iter(store.entries(tip, f"{PROMPTS}{place.folder}")), None) is None
            if is_empty:
                warn(f"there is no template in {place} yet")


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that is most like this one, where there is one."""
    from difflib import get_close_matches

    found = get_close_matches(word, list(known), 1)
    return f"; nearest: {found[0]}" if found else ""
