"""The HTTP application: the documented routes, and in front of them keys, limits, Git and the hot paths."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from api import openapi
from api.answer_cache import AnswerCache
from api.background import running
from api.data_folder import gates_folder
from api.gateway import BodyLimits, Gateway
from api.git_http import GitHttp, GitLimits
from api.hot_bundles import HotBundles
from api.hot_reads import HotReads
from api.hot_renders import HotRenders
from api.problem_handlers import add_problem_handlers
from api.request_ids import RequestIds
from api.routes import (
    blames,
    branches,
    bundles,
    checks,
    commits,
    diffs,
    digests,
    documents,
    events,
    health,
    imports,
    index,
    keys,
    labels,
    moves,
    promotions,
    reads,
    render,
    repositories,
    rollbacks,
    search,
    templates,
    versions,
)
from registry.bootstrap import Registry
from registry.domain.ids import RepositoryName

REPOSITORY_NOUNS = (
    *(templates, bundles, versions, diffs, blames, digests, render),
    *(moves, commits, imports, checks, branches, labels, promotions, rollbacks, search, reads, events, index),
)


def create_app(registry: Registry) -> HotReads:
    """The ASGI application of an open registry.

    While its lifespan runs it follows the registry's events; it neither opens nor closes the registry.
    """

    async def stamp(repository: RepositoryName) -> Hashable:
        return await registry.indexing.checkpoint(repository)

    answers = AnswerCache(max_bytes=registry.settings.answer_cache_bytes, stamp=stamp)
    request_ids = RequestIds()
    gateway = Gateway(
        HotRenders(
            HotBundles(documented_app(registry, answers), registry=registry, answers=answers),
            registry=registry,
            answers=answers,
        ),
        git=GitHttp(
            registry,
            limits=GitLimits(push_bytes=registry.settings.max_push_bytes),
            gates=gates_folder(registry.settings.data),
        ),
        accounts=registry.accounts,
        request_ids=request_ids,
        limits=BodyLimits(registry.settings.max_body_bytes, registry.settings.max_import_bytes),
    )
    return HotReads(gateway, registry=registry, cache=answers, request_ids=request_ids)


def documented_app(registry: Registry, answers: AnswerCache) -> FastAPI:
    """The documented routes alone."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        following = answers.following(registry.events)
        async with following, registry.reads.saved(), running(registry.event_streams.follow()):
            yield

    app = FastAPI(
        title="Promptuary",
        version=version("promptuary"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.registry = registry
    app.state.answers = answers
    add_problem_handlers(app)
    of_repository = APIRouter(prefix="/api/v1/repositories/{repository}")
    for noun in REPOSITORY_NOUNS:
        of_repository.include_router(noun.router)
    app.include_router(of_repository)
    app.include_router(repositories.router, prefix="/api/v1")
    app.include_router(keys.router, prefix="/api/v1")
    for router in (health.router, documents.router, documents.described):
        app.include_router(router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to change it
    return app


def _document(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        app.openapi_schema = openapi.build_openapi(app)
    return app.openapi_schema
