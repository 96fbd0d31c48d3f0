"""Where the lines of a template come from."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import json_bytes, make_answer
from api.dependencies import Name, RegistryDep, Repository
from api.documented import STATE, problems
from api.freshness import FRESH, FRESH_READ
from api.indexed import commit_header, indexed_commit
from api.needs import FolderReader
from api.schemas.blames import BlameAnswer, blame_body
from api.schemas.fields import SelectorQuery
from registry.services.blames import TemplateBlame

router = APIRouter(tags=["versions"])


@router.get(
    "/blame/{name:path}",
    response_model=BlameAnswer,
    dependencies=[FRESH],
    responses=problems(*FRESH_READ, *STATE),
)
async def blame_template(
    registry: RegistryDep,
    caller: FolderReader,
    repository: Repository,
    name: Name,
    query: Annotated[SelectorQuery, Query()],
) -> Response:
    """Which commit and version brought each line of a template, across renames.

    First parents count: what a merge request brought is its merge's, which is the commit that made the version.
    """
    headers = commit_header(await indexed_commit(registry, repository))
    found = await registry.blames.blame(repository, name, query.selector(), sight=caller.sight(repository))
    return make_answer(await asyncio.to_thread(_write, found), headers=headers).response()


def _write(blame: TemplateBlame) -> bytes:
    return json_bytes(blame_body(blame))
