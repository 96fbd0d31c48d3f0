"""The serving process: socket, registry, seeding, application, follower, and the end of all of them in order."""

import asyncio
import errno
import logging
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn
import uvloop

from api import collector
from api.app import create_app
from api.background import running
from api.data_folder import clear_gates, held
from api.http_protocol import TypedUrlProtocol
from indexer import follow
from registry.bootstrap import Registry, open_registry
from registry.domain.errors import Unavailable
from registry.domain.wording import counted
from registry.services.events import EventStreams
from registry.settings import Settings

GRACE_SECONDS = 10
"""How long requests under way may take to end after Ctrl-C."""

NOTICE_SECONDS = 1.0
"""Work that takes longer than this before the server is ready is told about."""


def run_server(settings: Settings) -> None:
    """Serves until a signal. Raises Unavailable where the port or the data folder cannot be used."""
    _set_up_logging(settings.log_level.upper())
    with held(settings.data), closing(bind(settings.host, settings.port)) as listener:
        clear_gates(settings.data)
        uvloop.run(_serve(settings, listener))


def _set_up_logging(level: str) -> None:
    """Our own lines from ``level`` up, those of libraries from warnings up; all on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("api", "hooks", "indexer", "registry"):
        logging.getLogger(name).setLevel(level)


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises Unavailable with what to do about it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Unavailable(f"{host} is no address of this machine: {error.strerror}. Set --host.") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = (
                f"Port {port} on {host} is in use. Stop what runs there, or choose another: promptuary serve --port "
                f"{port + 1 if port < 65535 else 0} (make run PORT={port + 1 if port < 65535 else 0})."
            )
        elif error.errno == errno.EACCES:
            message = f"Port {port} needs rights that this user has not; choose one above 1023 with --port."
        else:
            message = f"{host}:{port} cannot be listened on: {error.strerror}."
        raise Unavailable(message) from error
    return listener


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again and end the process before the registry is closed."""

    def __init__(self, config: uvicorn.Config, streams: EventStreams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams of events first: they would last as long as their clients do."""
        self._streams.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures nothing."""
        yield


async def _serve(settings: Settings, listener: socket.socket) -> None:
    collector.look_seldom()
    async with open_registry(settings) as registry:
        await asyncio.to_thread(registry.git.prepare)  # hooks as this version has them, before anything is pushed
        key_path = await registry.accounts.ensure_administrator()
        await _seed(registry)
        config = uvicorn.Config(
            create_app(registry),
            http=TypedUrlProtocol,
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = _Server(config, registry.event_streams)
        _stop_on_signals(server)
        async with running(follow.run(registry)), running(_announce(registry, server, listener, key_path)):
            await server.serve(sockets=[listener])
    _say("Stopped.")


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
        _say("Setting up the sample repository …")
    shown = _ShownProgress("pushed")
    await registry.seeding.seed(sample=registry.settings.sample, progress=shown)
    shown.end()


async def _announce(registry: Registry, server: uvicorn.Server, listener: socket.socket, key_path: Path) -> None:
    """Tells what is served once it is, and when everything is projected."""
    while not server.started:  # noqa: ASYNC110  (uvicorn sets a flag, no event)
        await asyncio.sleep(0.005)
    _say(banner(registry, address_of(listener, registry.settings.host), key_path))
    await _wait_until_ready(registry)
    collector.leave_alone()


async def _wait_until_ready(registry: Registry) -> None:
    started = time.monotonic()
    told = started
    while not registry.indexing.ready():
        await asyncio.sleep(0.02)
        if time.monotonic() - told >= NOTICE_SECONDS:
            told = time.monotonic()
            behind = [s for s in await registry.indexing.status() if s.behind != 0]
            waiting = ", ".join(
                f"{s.repository}: {'all commits' if s.behind is None else counted(s.behind, 'commit')}" for s in behind
            )
            _say(f"Indexing … {waiting or 'finishing'}")
    if told > started:
        _say(f"Ready after {time.monotonic() - started:.1f} s.")


def address_of(listener: socket.socket, host: str) -> str:
    """The server's address for a browser on this machine."""
    port = listener.getsockname()[1]
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104  (compared, not bound)
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def banner(registry: Registry, address: str, key_path: Path) -> str:
    """What the user is told: addresses, and commands that work as printed and do not show the key."""
    names = registry.repositories.names()
    repository = "default" if "default" in names or not names else names[0]
    header = f'"Authorization: Bearer $(cat {shlex.quote(str(key_path.resolve()))})"'
    git = f"{address}/git/{repository}.git"
    return f"""
Promptuary serves {address} from {registry.settings.data}

  API    {address}/api/v1/   documentation: {address}/docs
  Git    {git}

  curl -H {header} {address}/api/v1/repositories/{repository}/templates
  git -c http.extraHeader={header} clone {git}

Ctrl-C stops it.
"""


class _ShownProgress:
    """A line on a terminal that counts; silence in a log."""

    def __init__(self, done: str) -> None:
        self._done = done
        self._shown = sys.stdout.isatty()

    def __call__(self, done: int, total: int) -> None:
        if self._shown and total > 1:
            sys.stdout.write(f"\r  {done} of {total} commits {self._done}")
            sys.stdout.flush()

    def end(self) -> None:
        if self._shown:
            sys.stdout.write("\n")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (the server talks to whoever started it)
