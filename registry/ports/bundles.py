"""Reading all templates of a label at once."""

from dataclasses import dataclass
from typing import Protocol

from registry.domain.catalogue import VersionEntry
from registry.domain.ids import CommitId, LabelName, RepositoryName


@dataclass(frozen=True, slots=True)
class BundleRows:
    """Versions with the labels that point to each, by the domain's sort key, all as of one commit (None: none yet)."""

    commit: CommitId | None
    members: tuple[tuple[VersionEntry, tuple[LabelName, ...]], ...]


class BundleIndex(Protocol):
    """What a label names, as one consistent state."""

    async def members(
        self, repository: RepositoryName, label: LabelName | None, *, folder: str | None, limit: int
    ) -> BundleRows:
        """The valid versions that a label names of the templates that are there, at most ``limit``.

        ``latest`` means the newest valid version of each, None the newest valid one that is no draft. ``folder``: only
        what lies below it.
        """
        ...
