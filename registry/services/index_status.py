"""What is told of projections: what one did, and how far a repository's is."""

from dataclasses import dataclass
from datetime import datetime

from registry.domain.catalogue import PROJECTION_SCHEMA
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.ports.git import Repositories
from registry.ports.projection import Projection
from registry.services.tree_changes import chain_after


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


async def status_of(git: Repositories, projection: Projection, repository: RepositoryName, outbox: int) -> IndexStatus:
    """How far a repository's projection is; ``outbox`` is what waits for the search index."""
    checkpoint = await projection.checkpoint(repository)
    ref = git.default_branch(repository)
    indexed = checkpoint.commit if checkpoint else None
    with git.open(repository) as store:
        tip = store.resolve(ref)
        chain = chain_after(store, tip, indexed) if tip else []
    return IndexStatus(
        repository=repository,
        ref=ref,
        tip=tip,
        indexed=indexed,
        ordinal=checkpoint.ordinal if checkpoint else 0,
        behind=None if chain is None else len(chain),
        outbox=outbox,
        schema=checkpoint.schema if checkpoint else PROJECTION_SCHEMA,
        updated_at=checkpoint.updated_at if checkpoint else None,
    )
