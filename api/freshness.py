"""``min_commit`` on reads: the answer has seen that commit, or says why it has not."""

from fastapi import Depends, Request

from api.dependencies import Answers, RegistryDep, Repository
from api.documented import READ
from api.schemas.fields import COMMIT_ID
from registry.domain import errors as domain
from registry.domain.ids import CommitId

FRESH_READ = (*READ, domain.RevisionNotFound)
"""What a read that takes ``min_commit`` can answer besides its body."""


async def fresh(request: Request, registry: RegistryDep, repository: Repository, answers: Answers) -> None:
    """Waits until reads have seen the commit that ``min_commit`` names. Raises RevisionNotFound, Unavailable.

    The query's model (``schemas.fields.ReadQuery``) describes the parameter and refuses what is no commit id.
    """
    text = request.query_params.get("min_commit")
    if text is None or not COMMIT_ID.fullmatch(text):
        return
    checkpoint = await registry.freshness.require(repository, CommitId(text))
    if await answers.stamp(repository) != checkpoint:
        answers.bump(repository)  # the event of that projection is still on its way
    if request.url.path.endswith("/search"):
        await registry.indexing.fed()


FRESH = Depends(fresh)
