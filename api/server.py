"""The serving process: socket, registry, seeding, application, duties, and the end of all of them in order."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn
import uvloop
from starlette.types import ASGIApp

from api import collector
from api.announcing import ShownProgress, announce
from api.app import create_app
from api.commands.acting import acting_locally
from api.data_folder import clear_gates, held
from api.duties import on_duty
from api.edge import Edge, edge_of
from api.http_protocol import protocol_of
from api.listening import bind
from api.logs import say, set_up_logs
from api.metric_shares import MetricShare
from api.tls import Certificate, certificate_of
from api.traces import tracing
from registry.background import running
from registry.bootstrap import Registry, open_registry
from registry.catalogue_place import remember_catalogue
from registry.domain.audit import AuditAction
from registry.process_kinds import ProcessKind
from registry.services.events import EventStreams
from registry.services.repositories import DEFAULT
from registry.settings import Settings, TraceSettings

if TYPE_CHECKING:
    from api.git_node import GitNode

GRACE_SECONDS = 10
"""How long requests under way may take to end after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a worker has of the process that keeps it, and others, on one port."""

    listener: socket.socket
    serving: Callable[[], None]
    """Called once requests are taken."""
    share: MetricShare


def run_server(settings: Settings, process: ProcessKind = ProcessKind.SERVE, kept: Kept | None = None) -> None:
    """Serves until a signal; ``kept`` says that it is one of several workers.

    Raises Unavailable where the port, the data folder or a database cannot be used.
    """
    set_up_logs(settings)
    certificate = certificate_of(settings)
    with (
        tracing(TraceSettings(), process),
        held(settings.data) if process.takes_writes else nullcontext(),
        closing(kept.listener if kept is not None else bind(settings.host, settings.port)) as listening,
    ):
        if process.takes_writes:
            clear_gates(settings.data)
        uvloop.run(_serve(settings, process, listening, kept, certificate))


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again and end the process before the registry is closed."""

    def __init__(self, config: uvicorn.Config, streams: EventStreams, serving: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._streams = streams
        self._serving = serving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says so once requests are taken."""
        await super().startup(sockets)
        if self.started and self._serving is not None:
            self._serving()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams of events first: they would last as long as their clients do."""
        self._streams.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures nothing."""
        yield


async def _serve(
    settings: Settings,
    process: ProcessKind,
    listener: socket.socket,
    kept: Kept | None,
    certificate: Certificate | None,
) -> None:
    collector.look_seldom()
    async with open_registry(settings, process) as registry, _git_node(settings, process) as node:
        if process.takes_writes:
            await asyncio.to_thread(registry.git.prepare)  # hooks as this version has them, before anything is pushed
            remember_catalogue(settings)
            await registry.accounts.ensure_administrator()
            await asyncio.to_thread(registry.signing_in.tokens.prepare)
            await registry.audit_keeping.catch_up()
            with acting_locally():
                await registry.signing_in.first_password.ensure()
                await registry.audit.note_settings(settings.told())
            await _seed(registry)
        app = create_app(registry, node, kept.share if kept is not None else None)
        config = _configuration(app, edge_of(settings, registry.meters.refused), certificate)
        server = _Server(config, registry.event_streams, kept.serving if kept is not None else None)
        _stop_on_signals(server)
        if certificate is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, certificate.reload)
        announcing = running(announce(registry, server, listener)) if kept is None else nullcontext()
        async with on_duty(registry), announcing:
            await server.serve(sockets=[listener])
    if kept is None:
        say("Stopped.")


def _configuration(app: ASGIApp, edge: Edge, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol_of(edge),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # the protocol looks at them, before the hot paths
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_context_factory=(lambda *_: certificate.context) if certificate is not None else None,
    )


@asynccontextmanager
async def _git_node(settings: Settings, process: ProcessKind) -> "AsyncIterator[GitNode | None]":
    """The Git node that an API replica passes things on to. Raises BadRequest where none is set."""
    if process is not ProcessKind.API:
        yield None
        return
    from api.git_node import open_git_node  # noqa: PLC0415 - installed with the server tier only

    async with open_git_node(settings.git_url) as node:
        yield node


def _stop_on_signals(server: uvicorn.Server) -> None:
    """The first signal ends requests gracefully, the second at once."""

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop)


async def _seed(registry: Registry) -> None:
    """Makes the first repository where there is none, with the sample if that is wanted."""
    if not registry.seeding.needed():
        return
    if registry.settings.sample:
        say("Setting up the sample repository …")
    shown = ShownProgress("pushed")
    await registry.seeding.seed(sample=registry.settings.sample, progress=shown)
    shown.end()
    sample = {"sample": registry.settings.sample}
    await registry.audit.enter(registry.audit.draft(AuditAction.REPOSITORY_CREATED, repository=DEFAULT, new=sample))
