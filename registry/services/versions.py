"""The versions of a template."""

from dataclasses import dataclass, replace

from registry.domain.catalogue import Page, TemplateEntry, VersionEntry
from registry.domain.errors import VersionNotFound
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.seen_versions import as_seen
from registry.domain.version_words import versions_there_are
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.pushers import Pushers
from registry.services.pushed_versions import with_pushers
from registry.services.removals import explain_unknown, new_names


@dataclass(frozen=True, slots=True)
class Removed:
    """A template that is there no more: ``moved_to`` is the last of its new names.

    None where it was deleted, or had names that are not seen.
    """

    moved_to: TemplateName | None


class Versions:
    """Lists and reads versions, across deletions; invalid ones are listed too, marked."""

    def __init__(self, *, templates: TemplateIndex, versions: VersionIndex, pushers: Pushers) -> None:
        self._templates = templates
        self._versions = versions
        self._pushers = pushers

    async def list_versions(
        self,
        repository: RepositoryName,
        name: TemplateName,
        *,
        limit: int = 50,
        cursor: str | None = None,
        sight: Sight = EVERYTHING,
    ) -> Page[VersionEntry]:
        """A page of versions, newest first. Raises as ``require``, and BadRequest."""
        await self.require(repository, name, sight)
        page = await self._versions.list_versions(repository, name, limit=limit, cursor=cursor)
        seen = [as_seen(version, sight) for version in page.items]
        return replace(page, items=await with_pushers(self._pushers, repository, seen))

    async def read(
        self, repository: RepositoryName, name: TemplateName, number: int, *, sight: Sight = EVERYTHING
    ) -> VersionEntry:
        """One version, valid or not. Raises TemplateNotFound, TemplateMoved, VersionNotFound."""
        last = (await self.require(repository, name, sight)).version
        version = await self._versions.find_version(repository, name, number)
        if version is None:
            raise VersionNotFound(f"{name} has no version {number}; {versions_there_are(last)}.")
        return (await with_pushers(self._pushers, repository, [as_seen(version, sight)]))[0]

    async def removed(
        self, repository: RepositoryName, name: TemplateName, *, sight: Sight = EVERYTHING
    ) -> Removed | None:
        """What became of the template; None where it is there. Raises TemplateNotFound, TemplateMoved."""
        entry = await self.require(repository, name, sight)
        if not entry.deleted:
            return None
        if entry.moved_to is None:
            return Removed(None)
        names = await new_names(self._templates, repository, entry.moved_to)
        return Removed(names[-1] if all(map(sight.has, names)) else None)

    async def require(self, repository: RepositoryName, name: TemplateName, sight: Sight = EVERYTHING) -> TemplateEntry:
        """The template as it was last, there or not.

        Raises TemplateNotFound for a name that never was, TemplateMoved where one that is seen had it before an import.
        """
        entry = await self._templates.find_template(repository, name)
        if entry is None:
            await explain_unknown(self._templates, repository, name, sight)
        return entry
