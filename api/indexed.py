"""The header that says how far the read model had come when an answer was made."""

from starlette.responses import Response

from api.template_reads import COMMIT_HEADER
from registry.bootstrap import Registry
from registry.domain.ids import CommitId, RepositoryName


async def indexed_commit(registry: Registry, repository: RepositoryName) -> CommitId | None:
    """The commit that everything read from now on has seen; None in an empty repository."""
    checkpoint = await registry.indexing.checkpoint(repository)
    return checkpoint.commit if checkpoint else None


def add_commit(response: Response, commit: CommitId | None) -> None:
    """Adds the header, where there is a commit."""
    if commit is not None:
        response.headers[COMMIT_HEADER] = commit
