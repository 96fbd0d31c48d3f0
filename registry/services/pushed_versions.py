"""Who pushed what made a version, told beside who wrote it."""

from collections.abc import Sequence
from dataclasses import replace

from registry.domain.catalogue import VersionEntry
from registry.domain.ids import RepositoryName
from registry.ports.pushers import Pushers


async def with_pushers(
    pushers: Pushers, repository: RepositoryName, versions: Sequence[VersionEntry]
) -> tuple[VersionEntry, ...]:
    """The versions with who pushed their commits, where that is known. Raises Unavailable."""
    known = await pushers.of(repository, {version.commit for version in versions}) if versions else {}
    return tuple(replace(version, pushed_by=known.get(version.commit)) for version in versions)
