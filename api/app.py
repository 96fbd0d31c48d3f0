"""The HTTP application: the documented routes, and in front of them keys, limits, Git and the hot paths."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api import openapi
from api.answer_cache import AnswerCache
from api.cors import Cors
from api.data_folder import gates_folder
from api.gateway import BodyLimits, Gateway
from api.git_http import GitHttp
from api.git_limits import GitLimits
from api.hot_bundles import HotBundles
from api.hot_reads import HotReads
from api.hot_renders import HotRenders
from api.hot_searches import HotSearches
from api.hot_writes import HotWrites
from api.metric_shares import MetricShare
from api.metrics import Metrics
from api.observing import Observed
from api.problem_handlers import add_problem_handlers
from api.rate_limiting import RequestLimits
from api.request_ids import RequestIds
from api.request_meters import RequestMeters
from api.routes import (
    audit,
    blames,
    branches,
    bundles,
    checks,
    commits,
    device,
    diffs,
    digests,
    documents,
    events,
    grants,
    groups,
    health,
    identity_providers,
    imports,
    index,
    join,
    keys,
    labels,
    links,
    metrics,
    moves,
    oauth,
    promotions,
    provider_sign_in,
    reads,
    render,
    repositories,
    rollbacks,
    search,
    sessions,
    sign_in,
    templates,
    users,
    versions,
)
from registry.background import on_and_on
from registry.bootstrap import Registry
from registry.domain.ids import RepositoryName
from registry.process_kinds import ProcessKind

if TYPE_CHECKING:
    from api.git_node import GitNode

SERVER_NOUNS = (repositories, sessions, links, keys, users, groups, grants, identity_providers, audit)
REPOSITORY_NOUNS = (
    *(templates, bundles, versions, diffs, blames, digests, render),
    *(moves, commits, imports, checks, branches, labels, promotions, rollbacks, search, reads, events, index),
)


def create_app(registry: Registry, node: "GitNode | None" = None, share: MetricShare | None = None) -> ASGIApp:
    """The ASGI application of an open registry; an API replica has a Git ``node`` to pass things on to.

    A worker of several has a ``share`` in their metrics.

    While its lifespan runs it follows the registry's events; it neither opens nor closes the registry.
    """

    async def stamp(repository: RepositoryName) -> Hashable:
        return await registry.indexing.checkpoint(repository)

    answers = AnswerCache(max_bytes=registry.settings.answer_cache_bytes, stamp=stamp, passes_on=node is not None)
    request_ids, meters = RequestIds(), RequestMeters()
    documented = documented_app(registry, answers, Metrics(registry, answers=answers, requests=meters, share=share))
    limits = RequestLimits(registry.rate_limits, is_git_node=registry.process is ProcessKind.GIT)
    is_asked = registry.process is not ProcessKind.INDEXER
    gateway = Gateway(
        _hot_paths(documented, registry, answers) if is_asked else documented,
        git=_git_of(registry, limits) if registry.process.takes_writes else _no_git,
        identification=registry.identification,
        limits=BodyLimits(registry.settings.max_body_bytes, registry.settings.max_import_bytes),
        rates=limits,
        public_url=registry.settings.public_url,
    )
    if not is_asked:
        return Observed(gateway, request_ids=request_ids, meters=meters, denied=registry.denials.note)
    behind = _forwarding(gateway, node, registry) if node is not None else gateway
    observed = Observed(behind, request_ids=request_ids, meters=meters, denied=registry.denials.note)
    hot = HotReads(observed, registry=registry, cache=answers, request_ids=request_ids, meters=meters, rates=limits)
    origins = registry.settings.origins
    return Cors(hot, origins=origins, request_ids=request_ids) if origins else hot


def _hot_paths(app: ASGIApp, registry: Registry, answers: AnswerCache) -> ASGIApp:
    """What is asked most, in front of the framework."""
    writes = HotWrites(app, registry=registry, answers=answers)
    searches = HotSearches(writes, registry=registry, answers=answers)
    bundles = HotBundles(searches, registry=registry, answers=answers)
    return HotRenders(bundles, registry=registry, answers=answers)


def _forwarding(app: ASGIApp, node: "GitNode", registry: Registry) -> ASGIApp:
    from api.forwarding import Forwarding  # noqa: PLC0415 - installed with the server tier only

    registry.readiness.depend_on(node)
    return Forwarding(app, node=node, freshness=registry.freshness, repositories=registry.repositories)


def _git_of(registry: Registry, rates: RequestLimits) -> GitHttp:
    limits = GitLimits(push_bytes=registry.settings.max_push_bytes)
    return GitHttp(registry, limits=limits, gates=gates_folder(registry.settings.data), rates=rates)


async def _no_git(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Says that Git is served elsewhere."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"Git is served by promptuary git, not by this process.\n"})


def documented_app(registry: Registry, answers: AnswerCache, told: Metrics) -> FastAPI:
    """The documented routes alone."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        following = answers.following(registry.events)
        streams = on_and_on("following events for streams", registry.event_streams.follow)
        async with following, registry.reads.saved(), registry.key_uses.saved(), streams, told.shared():
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
    app.state.metrics = told
    add_problem_handlers(app)
    app.router.routes.extend(_routes(registry.process is not ProcessKind.INDEXER))
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to change it
    return app


def routes_asked() -> tuple[BaseRoute, ...]:
    """What an application that is asked serves, for who looks at it."""
    return _routes(asked=True)


@cache
def _routes(asked: bool) -> tuple[BaseRoute, ...]:
    """What every application of this process serves; an indexer, which nobody asks, tells of its health alone.

    Made once, because FastAPI needs some tenths of a second for it.
    """
    router = APIRouter()
    if asked:
        for noun in REPOSITORY_NOUNS:
            router.include_router(noun.router, prefix="/api/v1/repositories/{repository}")
        for noun in SERVER_NOUNS:
            router.include_router(noun.router, prefix="/api/v1")
        for at_root in (sign_in, join, provider_sign_in, device, oauth):
            router.include_router(at_root.router)
        router.include_router(documents.router)
        router.include_router(documents.described)
    router.include_router(health.router)
    router.include_router(metrics.router)
    return tuple(router.routes)


def _document(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        app.openapi_schema = openapi.build_openapi(app)
    return app.openapi_schema
