"""PostgreSQL 15 as Debian has it: its own cluster, on loopback with a password, as a user that is not root."""

import hashlib
import os
import pwd
import re
import shutil
import signal
from pathlib import Path
from typing import ClassVar

import asyncpg

from scripts.services.programs import find_program, install, run
from scripts.services.service import Service, ServiceFailed

USER = "promptuary"
DATABASE = "promptuary"
MAJOR = 15
_DEBIAN = Path("/usr/lib/postgresql")
_MISSING = f"There is no PostgreSQL of version {MAJOR} or newer here"
_AS_SOMEBODY = ["unshare", "--user", "--map-user=1000", "--"]


class Postgres(Service):
    """A PostgreSQL whose one user may make databases."""

    title: ClassVar[str] = "PostgreSQL"
    name: ClassVar[str] = "postgres"
    usual_port: ClassVar[int] = 25432
    patience: ClassVar[float] = 60.0
    _end_signal: ClassVar[signal.Signals] = signal.SIGINT  # fast: sessions are ended, nothing is lost

    def __init__(
        self, folder: Path, *, first_port: int = 0, dies_with_us: bool = False, settings: dict[str, str] | None = None
    ) -> None:
        """Settings are those of postgresql.conf, over ours."""
        super().__init__(folder, first_port=first_port, dies_with_us=dies_with_us)
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "300",
            "log_checkpoints": "off",
            **(settings or {}),
        }
        self._programs = Path()
        self._home = self.folder
        self._as_user: list[str] = []

    @property
    def url(self) -> str:
        """``postgresql://user:password@host:port/database``."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    async def prepare(self) -> None:
        """Find the programs and whose the server is to be; make the cluster, whole or not at all."""
        self._programs = await _programs() or await self._installed()
        await self._choose_user()
        data = self._home / "data"
        if not data.exists():
            await self._make_cluster(data)
        made_by = (data / "PG_VERSION").read_text().strip()
        if made_by != str(await _major(self._programs)):
            raise ServiceFailed(f"{data} is of PostgreSQL {made_by}, which is not here any more: remove the folder.")

    def command(self) -> list[str]:
        """The server in the foreground."""
        settings = [part for key, value in self._settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._home / "data"), "-p", str(self.port), *settings]

    async def ping(self) -> str:
        """Ask for its version; the database of ``url`` is made where there is none."""
        server = await asyncpg.connect(self.url.rpartition("/")[0] + "/postgres", timeout=2)
        try:
            if not await server.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await server.execute(f"CREATE DATABASE {DATABASE}")
            return str(await server.fetchval("SHOW server_version")).partition(" ")[0]
        finally:
            await server.close(timeout=2)

    def _prefix(self) -> list[str]:
        return self._as_user

    async def _installed(self) -> Path:
        await install(f"postgresql-{MAJOR}", missing=_MISSING)
        found = await _programs()
        assert found is not None, "the package has them"
        return found

    async def _choose_user(self) -> None:
        """PostgreSQL refuses root: be somebody else in a namespace, where root's folder is theirs, or become one."""
        if os.geteuid() != 0:
            return
        try:
            await run([*_AS_SOMEBODY, "true"], what="unshare")
        except (ServiceFailed, FileNotFoundError):
            user = _unprivileged()
            self._as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
            # The clone may lie where only root may go.
            digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
            self._home = Path("/var/tmp") / f"promptuary-postgres-{digest}"  # noqa: S108 - owned below, or refused
            self._home.mkdir(mode=0o700, exist_ok=True)
            if self._home.is_symlink() or self._home.stat().st_uid not in {0, user.pw_uid}:
                raise ServiceFailed(f"{self._home} belongs to another: remove it.") from None
            os.chown(self._home, user.pw_uid, user.pw_gid)
        else:
            self._as_user = _AS_SOMEBODY

    async def _make_cluster(self, data: Path) -> None:
        new = data.with_name("data.new")
        shutil.rmtree(new, ignore_errors=True)
        secret = self._home / "initdb-password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        owner = self._home.stat()
        os.chown(secret, owner.st_uid, owner.st_gid)
        initdb = [str(self._programs / "initdb"), "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "-D", str(new)]
        access = [f"--username={USER}", "--auth=scram-sha-256", f"--pwfile={secret}"]
        try:
            await run([*self._as_user, *initdb, *access], what="initdb")
        finally:
            secret.unlink()
        new.rename(data)


async def _programs() -> Path | None:
    """The folder of the programs of the oldest version that will do: the one that the documentation speaks of."""
    folders = list(_DEBIAN.glob("*/bin"))
    if on_path := find_program("postgres"):
        folders.append(on_path.resolve().parent)
    fitting = [(major, folder) for folder in folders if (major := await _major(folder)) >= MAJOR]
    return min(fitting)[1] if fitting else None


async def _major(programs: Path) -> int:
    """The version of the programs in a folder; 0 where not all that are needed are there."""
    if not all((programs / name).exists() for name in ("postgres", "initdb")):
        return 0
    printed = await run([str(programs / "postgres"), "--version"], what="postgres --version")
    return int(re.split(r"\D+", printed.partition(") ")[2])[0])


def _unprivileged() -> pwd.struct_passwd:
    """The user that Debian's package makes, else the one that owns nothing."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
