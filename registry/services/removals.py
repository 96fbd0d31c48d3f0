"""Templates that were deleted or renamed: what is said of them, and where they are now."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from registry.domain.catalogue import TemplateEntry, TemplateFilter
from registry.domain.errors import BadRequest, TemplateGone, TemplateMoved, TemplateNotFound
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.names import parse_name
from registry.domain.rights import EVERYTHING, Sight
from registry.ports.catalogue import TemplateIndex

MOST_NEAREST = 3

RENAMES_FOLLOWED = 32
"""A longer chain is followed in steps: where it is left the next request goes on."""


async def require_present(templates: TemplateIndex, repository: RepositoryName, entry: TemplateEntry) -> None:
    """Raises TemplateMoved, with the last of its new names, for a renamed template, TemplateGone for a deleted one."""
    if not entry.deleted:
        return
    message = f"{entry.name} was deleted; its last version was {entry.version} (read it by version=)."
    gone = TemplateGone(message, last_version=entry.version)
    if entry.moved_to is None:
        raise gone
    names = await new_names(templates, repository, entry.moved_to)
    raise TemplateMoved(f"{entry.name} was renamed to {names[-1]}.", to=names[-1], names=names, gone=gone)


async def require_readable(
    templates: TemplateIndex, repository: RepositoryName, text: str, sight: Sight = EVERYTHING
) -> TemplateName:
    """The name that somebody reads by, who sees so much.

    Raises BadRequest for one that no template can have, TemplateMoved where one that is seen had it before an import.
    """
    try:
        return parse_name(text)
    except BadRequest:
        with suppress(TemplateNotFound):
            await explain_unknown(templates, repository, text, sight)
        raise


async def explain_unknown(
    templates: TemplateIndex, repository: RepositoryName, name: str, sight: Sight = EVERYTHING
) -> NoReturn:
    """Raises why there never was a template of a name.

    TemplateMoved where one template that is seen was imported under it, else TemplateNotFound with the nearest names.
    """
    where = TemplateFilter(imported=name, sight=sight)
    imported = await templates.list_templates(repository, where, limit=MOST_NEAREST)
    found = [entry.name for entry in imported.items]
    if len(found) == 1:
        raise TemplateMoved(f"{name} is called {found[0]} since it was imported.", to=found[0])
    nearest = found or await templates.nearest_names(repository, name)
    raise TemplateNotFound(f"There is no template {name!r} in {repository}.", nearest=nearest)


async def require_written(templates: TemplateIndex, repository: RepositoryName, name: TemplateName) -> TemplateEntry:
    """A template that a write is about. Raises TemplateGone, or TemplateNotFound with its new name or the nearest.

    Not TemplateMoved: a client that follows it would change what it never looked at.
    """
    entry = await templates.find_template(repository, name)
    try:
        if entry is None:
            await explain_unknown(templates, repository, name)
        await require_present(templates, repository, entry)
    except TemplateMoved as moved:
        raise TemplateNotFound(f"{moved.message} Nothing was changed.", nearest=[moved.to], moved=moved) from None
    return entry


async def new_names(templates: TemplateIndex, repository: RepositoryName, name: TemplateName) -> Sequence[TemplateName]:
    """A chain of renames, from a name on. It has no rings: each name was there when the one before it went."""
    names = [name]
    for _ in range(RENAMES_FOLLOWED):
        entry = await templates.find_template(repository, names[-1])
        if entry is None or not entry.deleted or entry.moved_to is None:
            break
        names.append(entry.moved_to)
    return names
