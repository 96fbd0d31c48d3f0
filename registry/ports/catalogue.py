"""The read model, by noun. All calls are asynchronous and read one consistent state."""

from collections.abc import Sequence
from typing import Protocol

from registry.domain.catalogue import (
    LabelMove,
    Page,
    SortBy,
    TemplateEntry,
    TemplateFilter,
    VersionEntry,
)
from registry.domain.ids import BlobId, CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.search import Standing
from registry.domain.selected_state import SelectedState


class TemplateIndex(Protocol):
    """Templates as they are now."""

    async def find_template(self, repository: RepositoryName, name: TemplateName) -> TemplateEntry | None:
        """The template, deleted ones included; None where there never was one of that name."""
        ...

    async def find_standings(
        self, repository: RepositoryName, names: Sequence[TemplateName]
    ) -> dict[TemplateName, Standing]:
        """The standings of the templates of some names, deleted ones included; absent names are left out."""
        ...

    async def list_templates(
        self,
        repository: RepositoryName,
        where: TemplateFilter,
        *,
        sort: SortBy = SortBy.NAME,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[TemplateEntry]:
        """A page of the templates that are not deleted, by the domain's sort key. Raises BadRequest for a cursor."""
        ...

    async def every_template(
        self, repository: RepositoryName, after: TemplateName | None = None, limit: int = 500
    ) -> list[TemplateEntry]:
        """All templates, deleted ones included, by code points of their names, from after a name on."""
        ...

    async def nearest_names(self, repository: RepositoryName, name: str, limit: int = 3) -> list[TemplateName]:
        """The names most like a misspelt one, best first; empty where none is like it."""
        ...

    async def read_bodies(self, repository: RepositoryName, blobs: Sequence[BlobId]) -> dict[BlobId, str]:
        """The source texts of blobs that versions use; absent ids are left out."""
        ...


class VersionIndex(Protocol):
    """Versions and labels of templates."""

    async def find_version(self, repository: RepositoryName, name: TemplateName, number: int) -> VersionEntry | None:
        """One version, valid or not."""
        ...

    async def find_selected(
        self,
        repository: RepositoryName,
        name: TemplateName,
        *,
        label: LabelName | None = None,
        version: int | None = None,
    ) -> SelectedState:
        """A template with its version of a number, of a label (``latest`` too), or else its default, and the texts.

        All of it is one state of the catalogue, asked for at once.
        """
        ...

    async def list_versions(
        self, repository: RepositoryName, name: TemplateName, *, limit: int = 50, cursor: str | None = None
    ) -> Page[VersionEntry]:
        """A page of a template's versions, newest first, across deletions."""
        ...

    async def list_labels(
        self, repository: RepositoryName, label: LabelName | None = None
    ) -> dict[LabelName, dict[TemplateName, int]]:
        """Where the labels point now: label → name → version. All labels where none is given."""
        ...

    async def label_history(
        self, repository: RepositoryName, label: LabelName, name: TemplateName, limit: int = 50
    ) -> list[LabelMove]:
        """The moves of a template's label, newest first."""
        ...

    async def every_move(
        self, repository: RepositoryName, after: LabelMove | None = None, limit: int = 500
    ) -> list[LabelMove]:
        """The moves of all labels by label, name and age, from after a move on."""
        ...


class VersionOrigins(Protocol):
    """Versions by what made them and by what they consist of."""

    async def made_by(
        self, repository: RepositoryName, names: Sequence[TemplateName], commits: Sequence[CommitId]
    ) -> list[VersionEntry]:
        """The versions that some commits made of some templates, in no order."""
        ...

    async def with_digest(self, repository: RepositoryName, prefix: str, limit: int = 100) -> list[VersionEntry]:
        """The versions whose digest begins with 8 to 64 lower-case hexadecimal digits, newest first."""
        ...
