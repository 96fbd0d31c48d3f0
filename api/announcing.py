"""What a server tells whoever started it: its addresses, and how far it is."""

import asyncio
import shlex
import socket
import sys
import time

import uvicorn

from api import collector
from api.listening import address_of
from api.logs import say
from registry.bootstrap import Registry
from registry.domain.rights import EVERY_RIGHT
from registry.process_kinds import ProcessKind

NOTICE_SECONDS = 1.0
"""Work that takes longer than this before the server is ready is told about."""


async def announce(registry: Registry, server: uvicorn.Server, listener: socket.socket) -> None:
    """Tells what is served once it is, and when everything is projected."""
    while not server.started:  # noqa: ASYNC110  (uvicorn sets a flag, no event)
        await asyncio.sleep(0.005)
    address = address_of(listener, registry.settings)
    say(banner(registry, address) if registry.process.takes_writes else short_banner(registry, address))
    await _wait_until_ready(registry)
    collector.leave_alone()


async def _wait_until_ready(registry: Registry) -> None:
    started = time.monotonic()
    told = started
    while not registry.readiness.ready():
        await asyncio.sleep(0.02)
        if time.monotonic() - told >= NOTICE_SECONDS:
            told = time.monotonic()
            reasons = await registry.readiness.reasons()
            say(f"Indexing … {', '.join(reasons) or 'finishing'}")
    if told > started:
        say(f"Ready after {time.monotonic() - started:.1f} s.")


def banner(registry: Registry, address: str) -> str:
    """What the user is told: addresses, and commands that work as printed and do not show the key."""
    key_path = registry.accounts.key_path
    names = registry.repositories.names(EVERY_RIGHT)
    repository = "default" if "default" in names or not names else names[0]
    header = f'"Authorization: Bearer $(cat {shlex.quote(str(key_path.resolve()))})"'
    git = f"{address}/git/{repository}.git"
    return f"""
Promptuary serves {address} from {registry.settings.data}

  API    {address}/api/v1/   documentation: {address}/docs
  Git    {git}
{_sign_in(registry, address)}
  curl -H {header} {address}/api/v1/repositories/{repository}/templates
  git -c http.extraHeader={header} clone {git}

Ctrl-C stops it.
"""


def _sign_in(registry: Registry, address: str) -> str:
    path = registry.signing_in.first_password.path
    first = ""
    if path.exists():
        first = f"   as admin; the password for the first time: cat {shlex.quote(str(path.resolve()))}"
    return f"  Web    {address}/sign-in{first}\n"


def short_banner(registry: Registry, address: str) -> str:
    """What is told of a process that is one of several."""
    if registry.process is ProcessKind.INDEXER:
        return (
            f"\nPromptuary's indexer for {registry.settings.data}; its health: {address}/readyz\n\nCtrl-C stops it.\n"
        )
    return f"""
Promptuary's API on {address}; what only Git can answer goes to {registry.settings.git_url}

  API    {address}/api/v1/   documentation: {address}/docs

Ctrl-C stops it.
"""


class ShownProgress:
    """A line on a terminal that counts; silence in a log."""

    def __init__(self, done: str) -> None:
        self._done = done
        self._shown = sys.stdout.isatty()

    def __call__(self, done: int, total: int) -> None:
        """So many are done."""
        if self._shown and total > 1:
            sys.stdout.write(f"\r  {done} of {total} commits {self._done}")
            sys.stdout.flush()

    def end(self) -> None:
        """Ends the line."""
        if self._shown:
            sys.stdout.write("\n")
