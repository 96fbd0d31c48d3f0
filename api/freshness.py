"""``min_commit`` on reads: the answer has seen that commit, or says why it has not."""

from typing import Annotated

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
    commit = _asked(request)
    if commit is None:
        return
    checkpoint = await registry.freshness.require(repository, commit)
    if await answers.stamp(repository) != checkpoint:
        answers.bump(repository)  # the event of that projection is still on its way


FRESH = Depends(fresh)


async def fresh_search(request: Request, registry: RegistryDep, _fresh: Annotated[None, FRESH]) -> None:
    """Waits for the search index, too, which is fed beside."""
    if _asked(request) is not None:
        await registry.indexing.fed()


FRESH_SEARCH = Depends(fresh_search)


def _asked(request: Request) -> CommitId | None:
    text = request.query_params.get("min_commit")
    return CommitId(text) if text is not None and COMMIT_ID.fullmatch(text) else None
