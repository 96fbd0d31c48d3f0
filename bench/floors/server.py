"""Servers to compare with, as processes of their own, with the server settings of ``promptuary serve``.

``python -m bench.floors.server route PORT FILE [WORKERS]``: a plain Starlette route that answers the bytes of a file.
``python -m bench.floors.server select PORT FILE [WORKERS]``: one that selects its answer from the PostgreSQL whose
address stands in the file, by a prepared statement.
``python -m bench.floors.server git PORT FOLDER``: the product's Git application over a folder of repositories whose
hooks are not run, with a gate and an indexer that do nothing.
``python -m bench.floors.server langfuse PORT FILE``: what is imported from, no floor itself.
"""

import gc
import os
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
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
from bench.floors.answers import select_app
from bench.langfuse import langfuse_app
from registry.adapters.git import LocalRepositories
from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import RepositoryName, UserName
from registry.domain.ref_intents import RefIntent
from registry.domain.refs import RefUpdate
from registry.domain.rights import EVERY_RIGHT
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
        return Actor(UserName("bench"), "Bench", "bench@localhost", EVERY_RIGHT)


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

    async def accept(
        self, _repository: RepositoryName, _updates: Sequence[RefUpdate], _actor: Actor
    ) -> list[RefIntent]:
        return []

    async def ended(self, _intents: Sequence[RefIntent]) -> None:
        return

    def abandon(self, _intents: Sequence[RefIntent]) -> None:
        return

    def refused(self, _repository: RepositoryName, _found: Iterable[Diagnostic], _actor: Actor) -> None:
        return


@dataclass(frozen=True, slots=True)
class _Served:
    identification: _Anybody
    git: Repositories
    gate: _Nothing
    reporting: _Nothing
    ref_audit: _Nothing
    denials: _Nothing


class _HooklessGit(GitHttp):
    """The product's, but Git is told of a folder that holds no hooks."""

    def command(self, request: GitRequest, _hooks: Path, *options: str) -> list[str]:
        return super().command(request, Path(os.devnull), *options)


def git_app(folder: Path) -> ASGIApp:
    """Git over HTTP as the product serves it, and /readyz."""
    nothing = _Nothing()
    repositories = LocalRepositories(folder, hook_command="false")
    repositories.prepare()
    git = _HooklessGit(_Served(_Anybody(), repositories, nothing, nothing, nothing, nothing))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/readyz":
            await Response("ready")(scope, receive, send)
        elif scope["type"] == "http":
            await git(scope, receive, send)

    return app


def main(arguments: list[str]) -> None:
    """Serves until it is stopped; further workers share the socket and end with this process."""
    kind, port, what, *workers = arguments
    with socket.create_server(("127.0.0.1", int(port)), backlog=2048) as listener:
        for _ in range(int(workers[0]) - 1 if workers else 0):
            get_context("fork").Process(target=_serve, args=(kind, what, listener), daemon=True).start()
        _serve(kind, what, listener)


def _serve(kind: str, what: str, listener: socket.socket) -> None:
    app: ASGIApp
    match kind:
        case "route":
            app = route_app(Path(what).read_bytes())
        case "select":
            app = select_app(Path(what).read_text("utf-8"))
        case "langfuse":
            app = langfuse_app(Path(what))
        case _:
            app = git_app(Path(what))
    config = uvicorn.Config(
        app,
        http=TypedUrlProtocol,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
    )
    gc.collect()
    gc.freeze()
    uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main(sys.argv[1:])
