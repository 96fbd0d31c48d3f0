"""Redis 7 as Debian has it: in memory alone, on loopback with a password."""

import re
from pathlib import Path
from typing import ClassVar

from redis.asyncio import Redis as Client

from scripts.services.programs import find_program, install, run
from scripts.services.service import Service, ServiceMissing

MAJOR = 7
_MISSING = f"There is no redis-server of version {MAJOR} or newer on the PATH"


class Redis(Service):
    """A Redis that keeps nothing on disk: what Promptuary has there can be lost at any moment."""

    title: ClassVar[str] = "Redis"
    name: ClassVar[str] = "redis"
    usual_port: ClassVar[int] = 26379
    patience: ClassVar[float] = 20.0

    def __init__(
        self, folder: Path, *, first_port: int = 0, dies_with_us: bool = False, settings: dict[str, str] | None = None
    ) -> None:
        """Settings are those of redis.conf, over ours: ``{"maxmemory": "8mb"}``."""
        super().__init__(folder, first_port=first_port, dies_with_us=dies_with_us)
        self._settings = settings or {}
        self._program = Path()

    @property
    def url(self) -> str:
        """``redis://:password@host:port/0``."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    async def prepare(self) -> None:
        """Find the program, or install it."""
        program = await _find()
        if program is None:
            await install("redis-server", missing=_MISSING)
            program = await _find()
        if program is None:
            raise ServiceMissing(f"{_MISSING}, and the package has an older one.")
        self._program = program

    def command(self) -> list[str]:
        """The server in the foreground; its password stands in a file, because everybody can read a command line."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": str(self.folder),
            "save": '""',
            "appendonly": "no",
            **self._settings,
        }
        file = self.folder / "redis.conf"
        file.touch(mode=0o600)
        file.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        return [str(self._program), str(file)]

    async def ping(self) -> str:
        """Ask for its version."""
        async with Client.from_url(self.url, socket_timeout=2, socket_connect_timeout=2) as client:
            return str((await client.info("server"))["redis_version"])


async def _find() -> Path | None:
    """The program on the PATH, where it is new enough."""
    program = find_program("redis-server")
    if program is None:
        return None
    printed = re.search(r"v=([0-9]+)", await run([str(program), "--version"], what="redis-server --version"))
    return program if printed and int(printed[1]) >= MAJOR else None
