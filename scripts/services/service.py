"""One server of ours: started, asked whether it answers, stopped, killed, and started again on the same port."""

import asyncio
import secrets
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from scripts.services.ports import free_port
from scripts.services.processes import Process, spawn

DEAF_SECONDS = 10.0
"""One that does not answer for so long is taken for hung; on a busy machine a single answer may take its time."""


class ServiceMissing(Exception):
    """Such a server cannot be had on this machine; the message says what would help."""


class ServiceFailed(Exception):
    """A server, or what prepares it, ended with an error; the message says which and shows what it printed."""


class Service(ABC):
    """A real server on loopback with its own port and data below a folder.

    Data, port, password and process are remembered in the folder, so another program of ours finds the same server.
    """

    title: ClassVar[str]
    name: ClassVar[str]
    """As a service of docker-compose.yml, and as a folder."""
    usual_port: ClassVar[int]
    """Where to look first for a free one; not the port that such a server has by default."""
    patience: ClassVar[float]
    """Seconds that it may take to answer for the first time."""

    def __init__(self, folder: Path, *, first_port: int = 0, dies_with_us: bool = False) -> None:
        """Look for the first free port from ``first_port`` on; ``dies_with_us`` leaves none behind a killed test."""
        self.folder = folder.resolve() / self.name
        self._first_port = first_port or self.usual_port
        self._dies_with_us = dies_with_us

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder / "log"

    @property
    def port(self) -> int:
        """Its port, which it keeps over restarts unless another took it meanwhile; 0 before the first start."""
        file = self.folder / "port"
        return int(file.read_text()) if file.exists() else 0

    @property
    def password(self) -> str:
        """Made once; others on this machine can reach the port, but not read this file."""
        file = self.folder / "password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(16))
        return file.read_text()

    @property
    def process(self) -> Process | None:
        """The server's process as it was started last; ``None`` before."""
        return Process.remembered(self.folder / "process.json")

    @property
    @abstractmethod
    def url(self) -> str:
        """The address as settings have it, with the password if there is one."""

    @abstractmethod
    async def prepare(self) -> None:
        """Find or install the programs, and make the data folder. Raises ServiceMissing, ServiceFailed."""

    @abstractmethod
    def command(self) -> list[str]:
        """What starts the server; its process is the one that ``kill`` and the others mean."""

    @abstractmethod
    async def ping(self) -> str:
        """Ask it something through its own protocol and give its version. Raises what the driver raises."""

    async def answers(self, seconds: float = 5.0) -> bool:
        """Whether our process runs and answers a ping within this time; it is asked again and again."""
        process = self.process
        until = time.monotonic() + seconds
        while process is not None and process.is_alive():
            if await self._answers(min(2.0, seconds)):
                return True
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.1)
        return False

    async def start(self) -> bool:
        """Start it unless it answers, and wait until it does: whether it had to be started.

        One that runs and does not answer is killed first. Raises ServiceMissing, ServiceFailed.
        """
        if await self.answers(DEAF_SECONDS):
            return False
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self.kill()
        await self.prepare()
        for _ in range(3):
            (self.folder / "port").write_text(f"{free_port(self.port or self._first_port)}\n")
            if await self._start_once():
                return True
        raise ServiceFailed(f"{self.title} did not start: others take each port before it can.")

    async def end(self) -> bool:
        """Shut it down as its manual says, or kill it after 20 s: whether it ran."""
        process = self.process
        if process is None or not process.is_alive():
            return False
        await self.cont()
        process.send(self._end_signal)
        if not await process.wait(20):
            await self.kill()
        return True

    async def kill(self) -> None:
        """``kill -9`` of all its processes, and wait until they are gone."""
        if process := self.process:
            process.send_all(signal.SIGKILL)
            await process.wait(20)

    async def stop(self) -> None:
        """SIGSTOP to all its processes: connections are taken by the kernel, and nothing is answered from then on."""
        process = self.process
        if process and not await process.stop_all(20):
            raise ServiceFailed(f"{self.title} does not stand still 20 s after SIGSTOP.")

    async def cont(self) -> None:
        """SIGCONT after ``stop``."""
        if process := self.process:
            process.send_all(signal.SIGCONT)

    async def restart(self) -> None:
        """End it if it runs, and start it on the same port with the same data."""
        await self.end()
        await self.start()

    _end_signal: ClassVar[signal.Signals] = signal.SIGTERM

    async def _start_once(self) -> bool:
        """Start the process; ``False`` where another took the port in that moment."""
        self.log.unlink(missing_ok=True)
        bound = ["setpriv", "--pdeathsig", "KILL", "--"] if self._dies_with_us else []
        process = spawn([*self._prefix(), *bound, *self.command()], self.log)
        process.remember(self.folder / "process.json")
        until = time.monotonic() + self.patience
        while time.monotonic() < until:
            if await self._answers(2.0):
                return True
            if not process.is_alive():
                if free_port(self.port) != self.port:
                    return False
                raise ServiceFailed(f"{self.title} ended before it answered:\n{self._tail()}")
            await asyncio.sleep(0.05)
        await self.kill()
        raise ServiceFailed(f"{self.title} did not answer within {self.patience:.0f} s:\n{self._tail()}")

    def _prefix(self) -> list[str]:
        """What makes the command another user's."""
        return []

    async def _answers(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.ping(), seconds)
        except Exception:  # noqa: BLE001 - each driver has its own errors, and each means that it does not answer yet
            return False
        return True

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"  {line}" for line in lines[-15:]) or "  (it printed nothing)"
