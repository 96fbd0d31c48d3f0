"""What differs between two states of a template."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import json_bytes, make_answer
from api.dependencies import Name, RegistryDep, Repository
from api.documented import STATE, problems
from api.freshness import FRESH, FRESH_READ
from api.indexed import commit_header, indexed_commit
from api.needs import FolderReader
from api.schemas.diffs import DiffAnswer, DiffQuery, diff_body
from registry.services.diffs import TemplateDiff

router = APIRouter(tags=["versions"])


@router.get(
    "/diff/{name:path}",
    response_model=DiffAnswer,
    dependencies=[FRESH],
    responses=problems(*FRESH_READ, *STATE),
)
async def diff_template(
    registry: RegistryDep,
    caller: FolderReader,
    repository: Repository,
    name: Name,
    query: Annotated[DiffQuery, Query()],
) -> Response:
    """What differs between two states of a template: fields, variables, messages word by word, text and partials."""
    old, new = query.states()
    headers = commit_header(await indexed_commit(registry, repository))
    found = await registry.diffs.diff(repository, name, old, new, sight=caller.sight(repository))
    # Two large files have tens of thousands of segments: writing them out takes a thread too.
    return make_answer(await asyncio.to_thread(_write, found), headers=headers).response()


def _write(diff: TemplateDiff) -> bytes:
    return json_bytes(diff_body(diff))
