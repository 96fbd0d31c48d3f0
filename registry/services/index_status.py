"""What is told of projections: what one did, and how far a repository's is."""

from dataclasses import dataclass
from datetime import datetime

from registry.domain.ids import CommitId, RefName, RepositoryName


@dataclass(frozen=True, slots=True)
class ProjectionReport:
    """What a projection did: the commit it reached (None where there was nothing to do)."""

    commit: CommitId | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How far a repository's projection is. ``behind`` counts commits; None where the branch was rewritten."""

    repository: RepositoryName
    ref: RefName
    tip: CommitId | None
    indexed: CommitId | None
    ordinal: int
    behind: int | None
    outbox: int
    schema: int
    updated_at: datetime | None
