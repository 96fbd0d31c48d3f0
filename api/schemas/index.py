"""The state of the projection over HTTP."""

from pydantic import Field

from api.schemas.fields import COMMIT, TIME, Answered, Time, example
from registry.services.index_status import IndexStatus

STATE_EXAMPLE = {
    "repository": "default",
    "ref": "refs/heads/main",
    "tip": COMMIT,
    "indexed": COMMIT,
    "ordinal": 42,
    "behind": 0,
    "outbox": 0,
    "schema": 1,
    "updated_at": TIME,
}


class IndexState(Answered):
    """How far a repository has been projected."""

    model_config = example(**STATE_EXAMPLE)

    repository: str
    ref: str
    tip: str | None = Field(description="Where the branch is; null in an empty repository.")
    indexed: str | None = Field(description="The commit up to which reads and search are.")
    ordinal: int = Field(description="Counts the first-parent commits up to there.")
    behind: int | None = Field(description="Commits still to be projected; null where the branch was rewritten.")
    outbox: int = Field(description="Templates whose search documents still have to be written.")
    projection_schema: int = Field(alias="schema", description="Raised when the projection writes other rows.")
    updated_at: Time | None

    @classmethod
    def from_domain(cls, status: IndexStatus) -> "IndexState":
        """The body for a repository's status."""
        return cls(
            repository=status.repository,
            ref=status.ref,
            tip=status.tip,
            indexed=status.indexed,
            ordinal=status.ordinal,
            behind=status.behind,
            outbox=status.outbox,
            schema=status.schema,
            updated_at=status.updated_at,
        )
