"""The versions of a template."""

from registry.domain.catalogue import Page, VersionEntry
from registry.domain.errors import TemplateNotFound, VersionNotFound
from registry.domain.ids import RepositoryName, TemplateName
from registry.ports.catalogue import TemplateIndex, VersionIndex


class Versions:
    """Lists and reads versions, across deletions; invalid ones are listed too, marked."""

    def __init__(self, *, templates: TemplateIndex, versions: VersionIndex) -> None:
        self._templates = templates
        self._versions = versions

    async def list_versions(
        self, repository: RepositoryName, name: TemplateName, *, limit: int = 50, cursor: str | None = None
    ) -> Page[VersionEntry]:
        """A page of versions, newest first. Raises TemplateNotFound for a name that never was, BadRequest."""
        await self._require(repository, name)
        return await self._versions.list_versions(repository, name, limit=limit, cursor=cursor)

    async def read(self, repository: RepositoryName, name: TemplateName, number: int) -> VersionEntry:
        """One version, valid or not. Raises TemplateNotFound, VersionNotFound."""
        last = await self._require(repository, name)
        version = await self._versions.find_version(repository, name, number)
        if version is None:
            raise VersionNotFound(f"{name} has no version {number}; its versions are 1 to {last}.")
        return version

    async def _require(self, repository: RepositoryName, name: TemplateName) -> int:
        entry = await self._templates.find_template(repository, name)
        if entry is None:
            nearest = await self._templates.nearest_names(repository, name)
            raise TemplateNotFound(f"There is no template {name!r} in {repository}.", nearest=nearest)
        return entry.version
