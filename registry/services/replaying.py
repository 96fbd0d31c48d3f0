"""What the catalogue has to say, computed in memory from Git alone: what ``index verify`` compares with."""

from collections.abc import Sequence
from dataclasses import replace

from registry.domain.catalogue import (
    CommitRow,
    LabelMove,
    ProjectionBatch,
    Removal,
    SearchDocument,
    TemplateEntry,
    VersionEntry,
    VersionRow,
)
from registry.domain.ids import BlobId, CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.search_text import searchable
from registry.domain.template import Json, Status
from registry.domain.versions import VersionState
from registry.services.projecting import BatchBuilder
from registry.services.states import Projected


class Replay:
    """A repository's default branch from its root, as far as it was advanced."""

    def __init__(self, repository: RepositoryName, builder: BatchBuilder) -> None:
        self.repository = repository
        self.state = Projected(None, 0, VersionState())
        self.versions: dict[TemplateName, dict[int, VersionEntry]] = {}
        self.moves: dict[tuple[LabelName, TemplateName, int], LabelMove] = {}
        self.labels: dict[tuple[LabelName, TemplateName], int] = {}
        self.removals: dict[Removal, int] = {}
        """With the last version that the template had until then."""
        self.rules: Json = None
        self.differences: list[str] = []
        """What was seen on the way: differences in what need not be kept."""

        self._builder = builder
        self._entries: dict[TemplateName, TemplateEntry] = {}
        self._latest_blobs: dict[TemplateName, BlobId] = {}

    async def advance(self, chain: Sequence[CommitId]) -> ProjectionBatch:
        """Takes some of the next commits; what they bring is in the batch."""
        batch = await self._builder.build(self.state, chain)
        commits = {row.ordinal: row for row in batch.commits}
        # The order in which a commit takes effect: what it removes, then what it adds.
        steps: list[VersionRow | Removal] = [*batch.removals, *batch.versions]
        for step in sorted(steps, key=lambda each: each.ordinal):
            commit = commits[step.ordinal]
            if isinstance(step, VersionRow):
                self._add(step, commit)
            elif step.name in self._entries:
                self.removals[step] = self._entries[step.name].version
                self._change(step.name, commit, deleted=True, moved_to=step.moved_to, diagnostics=())
        for name, owners in batch.owners.items():
            if name in self._entries:
                self._entries[name] = replace(self._entries[name], owners=owners)
        for move in batch.labels:
            self.moves[move.label, move.name, move.ordinal] = move
            self.labels.pop((move.label, move.name), None)
            if move.version is not None:
                self.labels[move.label, move.name] = move.version
        self.rules = batch.rules
        return batch

    def entries(self) -> dict[TemplateName, TemplateEntry]:
        """Every template that ever was, as it is now."""
        labels: dict[TemplateName, dict[LabelName, int]] = {}
        for (label, name), number in self.labels.items():
            labels.setdefault(name, {})[label] = number
        return {name: replace(entry, labels=labels.get(name, {})) for name, entry in self._entries.items()}

    def latest_blob(self, name: TemplateName) -> BlobId | None:
        """The file of the newest valid version."""
        return self._latest_blobs.get(name)

    def _add(self, row: VersionRow, commit: CommitRow) -> None:
        self.versions.setdefault(row.name, {})[row.number] = _version(row, commit)
        self._entries.setdefault(row.name, TemplateEntry(row.name, 0, None, None, None))
        self._change(row.name, commit, deleted=False, moved_to=None, diagnostics=row.diagnostics, version=row.number)
        if row.facts is not None:
            entry = self._entries[row.name]
            default = entry.default if row.facts.status is Status.DRAFT else row.number
            self._entries[row.name] = replace(entry, latest=row.number, default=default, facts=row.facts)
            self._latest_blobs[row.name] = row.blob

    def _change(self, name: TemplateName, commit: CommitRow, **changes: object) -> None:
        changed = {"commit": commit.commit, "updated_at": commit.committed_at, **changes}
        self._entries[name] = replace(self._entries[name], **changed)  # type: ignore[arg-type]  # fields by name


def document_of(repository: RepositoryName, entry: TemplateEntry, body: str) -> SearchDocument | None:
    """The search document that a template has to have; None where it has to have none."""
    if entry.deleted or entry.facts is None:
        return None
    labels = tuple(sorted(entry.labels))
    return SearchDocument(repository, entry.name, 0, entry.facts, searchable(body), entry.owners, labels)


def _version(row: VersionRow, commit: CommitRow) -> VersionEntry:
    return VersionEntry(
        name=row.name,
        number=row.number,
        commit=commit.commit,
        ordinal=row.ordinal,
        digest=row.digest,
        blob=row.blob,
        closure=row.closure,
        valid=row.valid,
        status=row.facts.status if row.facts is not None else Status.ACTIVE,
        committed_at=commit.committed_at,
        author_name=commit.author_name,
        author_email=commit.author_email,
        subject=commit.subject,
        cause=row.cause,
        moved_from=row.moved_from,
        diagnostics=row.diagnostics,
        authored_at=commit.authored_at,
        imported_subject=commit.imported_subject,
    )
