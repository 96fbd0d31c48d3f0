"""PostgreSQL, Redis and Elasticsearch of a test's own, to be killed, stopped and filled up.

Each is a ``Service`` with ``url``, ``kill()`` (-9), ``stop()`` (SIGSTOP), ``cont()``, ``end()`` (an orderly shutdown)
and ``restart()`` (same port, same data). It is killed at the end, and dies with a test that is killed.
"""

import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from scripts.services.__main__ import FOLDER
from scripts.services.elasticsearch import Elasticsearch
from scripts.services.postgres import Postgres
from scripts.services.redis import Redis
from scripts.services.service import Service, ServiceMissing
from tests.backing import absent
from tests.ports import free_port


@asynccontextmanager
async def own_postgres(folder: Path, **settings: str) -> AsyncIterator[Postgres]:
    """A PostgreSQL with its data below the folder; settings are those of postgresql.conf."""
    server = Postgres(folder, first_port=free_port(), dies_with_us=True, settings=settings)
    async with _started(server):
        yield server


@asynccontextmanager
async def own_redis(folder: Path, **settings: str) -> AsyncIterator[Redis]:
    """A Redis; settings are those of redis.conf, with ``_`` for ``-``: ``maxmemory="4mb"``."""
    named = {key.replace("_", "-"): value for key, value in settings.items()}
    server = Redis(folder, first_port=free_port(), dies_with_us=True, settings=named)
    async with _started(server):
        yield server


@asynccontextmanager
async def own_elasticsearch(folder: Path, **settings: str) -> AsyncIterator[Elasticsearch]:
    """An Elasticsearch node, which takes some ten seconds to start; settings have ``__`` for ``.``."""
    named = {key.replace("__", "."): value for key, value in settings.items()}
    server = Elasticsearch(folder, jars=FOLDER / "jars", first_port=free_port(), dies_with_us=True, settings=named)
    async with _started(server):
        yield server


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this size in memory, mounted on the folder: what is put there fills it up."""
    with small_disk_or_folder(folder, megabytes) as is_small:
        if not is_small:
            absent("Only root may mount a small file system.")
        yield folder


@contextmanager
def small_disk_or_folder(folder: Path, megabytes: int) -> Iterator[bool]:
    """The same where one may mount it, else a plain folder, and False."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)]
    may_mount = shutil.which("mount") is not None
    mounted = may_mount and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill_up(folder: Path) -> Path:
    """Leave no byte free on the disk of this folder; unlinking the file that is returned gives all back."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return ballast


@asynccontextmanager
async def _started(server: Service) -> AsyncIterator[None]:
    try:
        await server.start()
    except ServiceMissing as missing:
        absent(str(missing))
    try:
        yield
    finally:
        await server.kill()
