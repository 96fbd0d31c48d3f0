"""Servers to compare with, as processes of their own, with the server settings of ``promptuary serve``.

``python -m bench.floors.server route PORT FILE``: a plain Starlette route that answers the bytes of a file.
``python -m bench.floors.server git PORT FOLDER``: the product's Git application over a folder of repositories whose
hooks are not run, with a gate and an indexer that do nothing.
``python -m bench.floors.server langfuse PORT FILE``: what is imported from, no floor itself.
"""

import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.git_http import GitHttp
from api.git_requests import GitRequest
from api.http_protocol import TypedUrlProtocol
from bench.langfuse import langfuse_app
from registry.adapters.git import LocalRepositories
from registry.domain.access import Actor
from registry.domain.access import Scope as Rights
from registry.domain.ids import RepositoryName, UserName
from registry.domain.refs import RefUpdate
from registry.ports.git import Repositories
from registry.services.gate import Verdict
from registry.services.gate_move import Progress

ROUTE = "/template"


def route_app(body: bytes) -> Starlette:
    """One route, the bytes ready."""

    async def answer(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route(ROUTE, answer), Route("/readyz", answer)])


class _Anybody:
    async def authenticate(self, _secret: str) -> Actor:
        return Actor(UserName("bench"), "Bench", "bench@localhost", Rights.ADMIN)


class _Nothing:
    """Judges and projects nothing; no hook asks it."""

    async def judge(
        self,
        _repository: RepositoryName,
        _updates: Sequence[RefUpdate],
        _actor: Actor,
        *,
        quarantine: Path | None = None,  # noqa: ARG002 - the protocol's words
        progress: Progress = lambda _line: None,  # noqa: ARG002 - the protocol's words
    ) -> Verdict:
        return Verdict(accepted=True, diagnostics=())

    async def landed(self, _repository: RepositoryName, _updates: Sequence[RefUpdate]) -> Sequence[str]:
        return ()


@dataclass(frozen=True, slots=True)
class _Served:
    accounts: _Anybody
    git: Repositories
    gate: _Nothing
    reporting: _Nothing


class _HooklessGit(GitHttp):
    """The product's, but Git is told of a folder that holds no hooks."""

    def command(self, request: GitRequest, _hooks: Path, *options: str) -> list[str]:
        return super().command(request, Path(os.devnull), *options)


def git_app(folder: Path) -> ASGIApp:
    """Git over HTTP as the product serves it, and /readyz."""
    nothing = _Nothing()
    repositories = LocalRepositories(folder, hook_command="false")
    repositories.prepare()
    git = _HooklessGit(_Served(_Anybody(), repositories, nothing, nothing))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/readyz":
            await Response("ready")(scope, receive, send)
        elif scope["type"] == "http":
            await git(scope, receive, send)

    return app


def main(arguments: list[str]) -> None:
    """Serves until it is stopped."""
    kind, port, what = arguments
    app: ASGIApp
    match kind:
        case "route":
            app = route_app(Path(what).read_bytes())
        case "langfuse":
            app = langfuse_app(Path(what))
        case _:
            app = git_app(Path(what))
    config = uvicorn.Config(
        app,
        port=int(port),
        http=TypedUrlProtocol,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
    )
    gc.collect()
    gc.freeze()
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(sys.argv[1:])
