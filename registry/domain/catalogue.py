"""What the catalogue holds: the read model's entries, and the batches that the projection writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Generic, TypeVar

import orjson

from registry.domain.diagnostics import Diagnostic
from registry.domain.graph import Change
from registry.domain.ids import BlobId, CommitId, Digest, LabelName, RefName, RepositoryName, TemplateName, UserName
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.template import Json, Status, TemplateType
from registry.domain.versions import make_reference

PROJECTION_SCHEMA = 5
"""Raised when the projection would write other rows from the same commits: a lower one found means full replay."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``next_cursor`` is None on the last."""

    items: tuple[T, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a ref has been projected."""

    repository: RepositoryName
    ref: RefName
    commit: CommitId
    ordinal: int
    schema: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What lists, filters and facets show of one valid state; ``imported`` is its name where it was imported from."""

    type: TemplateType
    description: str = ""
    tags: tuple[str, ...] = ()
    status: Status = Status.ACTIVE
    replaced_by: TemplateName | None = None
    model: str | None = None
    variables: tuple[str, ...] = ()
    tokens: int = 0
    imported: str | None = None


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """One version. ``closure`` holds the pairs (name, blob id or None where missing), itself included, sorted.

    ``imported_subject`` is the subject that the commit of an import had where it comes from. ``pushed_by`` is told
    where histories are asked for, and not by what is projected: Git does not know it.
    """

    name: TemplateName
    number: int
    commit: CommitId
    ordinal: int
    digest: Digest
    blob: BlobId
    closure: tuple[tuple[TemplateName, BlobId | None], ...]
    valid: bool
    status: Status
    committed_at: datetime
    author_name: str
    author_email: str
    subject: str
    cause: TemplateName | None = None
    moved_from: TemplateName | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    authored_at: datetime | None = None
    imported_subject: str | None = None
    pushed_by: UserName | None = None

    @property
    def reference(self) -> str:
        """The string to log, ``support/triage@12#3f9ac1d2``; with its commit for a state that is no version."""
        return make_reference(self.name, self.number, self.digest, self.commit)


@dataclass(frozen=True, slots=True)
class TemplateEntry:
    """The present state of a template.

    ``version`` is the last number given (of a deleted template: its last); ``latest`` the newest valid version, which
    ``facts`` describe; ``default`` the newest valid one that is no draft. ``diagnostics`` say what is wrong with the
    file as it stands, where it is broken and an older state is served.
    """

    name: TemplateName
    version: int
    latest: int | None
    default: int | None
    facts: Facts | None
    labels: Mapping[LabelName, int] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    deleted: bool = False
    moved_to: TemplateName | None = None
    commit: CommitId | None = None
    updated_at: datetime | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


class SortBy(StrEnum):
    """What a list of templates is sorted by."""

    NAME = "name"
    UPDATED = "-updated_at"


@dataclass(frozen=True, slots=True)
class TemplateFilter:
    """Which templates a list shows; None does not filter. ``folder`` means everything below it.

    Of what lies outside of the ``sight`` nothing is told.
    """

    folder: str | None = None
    tag: str | None = None
    type: TemplateType | None = None
    status: Status | None = None
    model: str | None = None
    owner: str | None = None
    label: LabelName | None = None
    imported: str | None = None
    sight: Sight = EVERYTHING


@dataclass(frozen=True, slots=True)
class LabelMove:
    """One change of one label, as a commit made it; ``version`` is None where the label was dropped."""

    label: LabelName
    name: TemplateName
    version: int | None
    previous: int | None
    commit: CommitId
    ordinal: int
    moved_at: datetime
    author_name: str = ""
    author_email: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class CommitRow:
    """A first-parent commit of the default branch; ``ordinal`` counts from 1 at the root."""

    ordinal: int
    commit: CommitId
    author_name: str
    author_email: str
    committed_at: datetime
    subject: str
    authored_at: datetime | None = None
    imported_subject: str | None = None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version as the projection writes it; the commit's data stands in the CommitRow of ``ordinal``."""

    name: TemplateName
    number: int
    ordinal: int
    digest: Digest
    blob: BlobId
    closure: tuple[tuple[TemplateName, BlobId | None], ...]
    facts: Facts | None
    cause: TemplateName | None = None
    moved_from: TemplateName | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the version can be served: a broken state has no facts."""
        return self.facts is not None


@dataclass(frozen=True, slots=True)
class Removal:
    """A template that a commit deleted, or renamed to ``moved_to``."""

    name: TemplateName
    ordinal: int
    moved_to: TemplateName | None = None


@dataclass(frozen=True, slots=True)
class ProjectionBatch:
    """What one transaction writes: rows, edges (in ``changes``), labels, outbox and checkpoint.

    ``expected`` is the checkpoint that the batch continues, None for a full replay's first batch. ``changes`` are the
    net changes of the include graph, ``owners`` the owners that changed. Every name in ``versions``, ``removals``,
    ``labels`` and ``owners`` gets an outbox entry with the batch's last ordinal.

    A full replay replaces everything that the catalogue has of the repository. All its batches say ``replay`` (the
    first may leave it out), and all but the last say not ``final``: what they write is staged, and readers see the
    old rows until the final batch is committed, which also makes the outbox renew the search index.
    """

    repository: RepositoryName
    ref: RefName
    expected: CommitId | None
    commit: CommitId
    ordinal: int
    commits: Sequence[CommitRow] = ()
    versions: Sequence[VersionRow] = ()
    removals: Sequence[Removal] = ()
    changes: Sequence[Change] = ()
    labels: Sequence[LabelMove] = ()
    owners: Mapping[TemplateName, tuple[str, ...]] = field(default_factory=dict)
    bodies: Mapping[BlobId, str] = field(default_factory=dict)
    rules: Json = None
    replay: bool = False
    final: bool = True


class OutboxKind(StrEnum):
    """What an outbox entry asks for: one document, an older text, or the begin and the end of a new search index."""

    DOCUMENT = "document"
    TEXT = "text"
    RENEW = "renew"
    SWAP = "swap"


class Fed(StrEnum):
    """Whose the outbox's entries are: the catalogue's own full text, or the search engine beside it."""

    OWN = "own"
    ENGINE = "engine"


def kind_of(fed: Fed, kind: OutboxKind) -> str:
    """A kind with whose it is, as it is stored."""
    return str(kind) if fed is Fed.OWN else f"{fed}-{kind}"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A template whose search document has to be made anew (or removed).

    ``RENEW`` begins a new index for the repository, ``SWAP`` puts it in the old one's place; both have no name, and
    what stands between them is every document of the new index. ``version`` is that of an older text.
    """

    sequence: int
    repository: RepositoryName
    name: TemplateName
    ordinal: int
    kind: OutboxKind = OutboxKind.DOCUMENT
    version: int | None = None


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """What the search index holds of one template: its own text, not its partials' and not its number.

    What follows partials or moves often (``latest``, where labels point, ``facts.tokens``) is looked up in the
    catalogue when a hit is shown, so a changed partial makes one document anew and not those of all that include it.
    """

    repository: RepositoryName
    name: TemplateName
    ordinal: int
    facts: Facts
    body: str
    owners: tuple[str, ...] = ()
    labels: tuple[LabelName, ...] = ()
    version: int | None = None
    """Of a text that the template had: the newest version that had it."""

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over everything but ordinal and tokens: equal where the index holds the same."""
        facts = self.facts
        content = (
            self.name,
            [facts.type, facts.description, facts.tags, facts.status, facts.replaced_by, facts.model],
            facts.variables,
            self.body,
            self.owners,
            sorted(self.labels),
        )
        return blake2b(orjson.dumps(content), digest_size=16).hexdigest()
