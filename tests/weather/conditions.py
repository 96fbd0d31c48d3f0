"""Everything that the server tier stands on, each part of it to be killed, stopped and brought back."""

import asyncio
import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import redis.asyncio

from scripts.services.service import Service
from tests.backing import left_out
from tests.cluster import Cluster, leads, make_cluster
from tests.databases import KEPT, empty
from tests.deploy.composed import running_nginx
from tests.load import Load, assert_kept
from tests.own_services import fill_up, own_elasticsearch, own_postgres, own_redis, small_disk_or_folder
from tests.running import Running, commit, git, run_git, text_template
from tests.weather.readers import COLD, HOT, Kind, Readers

RECOVERY_SECONDS = 10.0
START_SECONDS = 60.0
LATER_SECONDS = 3.0
"""The catalogue's own full text is fed two seconds later than Elasticsearch."""
CALM_SECONDS = 1.0
"""For so long nothing has to say that it is degraded."""

_SURPRISE = re.compile("request |ASGI|never retrieved|never awaited")

WATERMARKS = "cluster.routing.allocation.disk.watermark."
ROOM = {"low": "3kb", "high": "2kb", "flood_stage": "1kb"}
"""What has to be free on Elasticsearch's disk."""
NO_ROOM = {"low": "3pb", "high": "2pb", "flood_stage": "1pb"}
LOOKED_AFTER = {
    "cluster__routing__allocation__disk__threshold_enabled": "true",
    "cluster__info__update__interval": "10s",
    **{f"{WATERMARKS.replace('.', '__')}{stage}": size for stage, size in ROOM.items()},
}
"""The settings with which Elasticsearch looks at its disk."""
WATERMARK_SECONDS = 40.0
"""Elasticsearch looks at its disk every ten seconds, and no oftener."""

WIDE = ("PROMPTUARY_RATE_RENDERS", "PROMPTUARY_RATE_WRITES", "PROMPTUARY_RATE_GIT", "PROMPTUARY_RATE_ANONYMOUS")
"""Limits that count, over Redis as ever, and refuse nothing: the load is one user, who asks as fast as he can."""

Mend = Callable[[], Awaitable[None]]


@dataclass
class Weather:
    """A whole server tier behind nginx, under a load of reads, writes and pushes."""

    cluster: Cluster
    front: Running
    services: dict[str, Service]
    load: Load
    readers: Readers
    small_disks: bool
    """Whether the disks of PostgreSQL and Git can be filled up."""
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Begins the load."""
        reading = [threading.Thread(target=self.readers.read, daemon=True) for _ in range(2)]
        for thread in reading:
            thread.start()
        self.threads = [*self.load.start(), *reading]

    def end(self) -> None:
        """Ends the load."""
        self.load.stopping.set()
        self.readers.stopping.set()
        for thread in self.threads:
            thread.join(90)
            assert not thread.is_alive()

    async def break_(self, part: str, how: str) -> Mend:
        """Kills, stops, restarts or fills up a part; what is given mends it, and returns when it is there again."""
        if part in self.services:
            return await _break_service(self.services[part], how)
        if (part, how) == ("git", "filled"):
            return await _fill_disk(self.cluster.git.data)
        if part == "indexers":
            broken = [await _break_process(each, how) for each in self.cluster.indexers]
            return partial(_mend_all, broken)
        process = {
            "indexer": next((each for each in self.cluster.indexers if leads(each)), self.cluster.indexers[0]),
            "git": self.cluster.git,
            "api": self.cluster.replicas[0],
        }[part]
        return await _break_process(process, how)

    async def undegraded(self, since: float) -> float:
        """Waits until reads are as usual, and searches as well: how long after ``since``, ten seconds at most.

        That is when no read says that something is away for a second, and the last search does not either. Elasticsearch
        is asked again at once where it has everything; the load writes on, so that for a moment it has not.
        """
        while True:
            window = max(time.monotonic() - CALM_SECONDS, since)
            reads = self.readers.since(window, Kind.HOT, Kind.COLD)
            searches = self.readers.since(window, Kind.SEARCH)
            is_calm = not any(each.degraded for each in (*reads, *searches[-1:]))
            if is_calm and searches and window > since and any(each.kind is Kind.COLD for each in reads):
                return time.monotonic() - since
            assert time.monotonic() < since + RECOVERY_SECONDS, f"degraded: {reads} {searches}\n{self.tails()}"
            await asyncio.sleep(0.1)

    async def lose(self, part: str) -> None:
        """Takes all that a service holds, which goes on running: a catalogue's users and keys stay."""
        service = self.services[part]
        if part == "redis":
            async with redis.asyncio.from_url(service.url) as client:
                await client.flushall()
        elif part == "elasticsearch":
            async with httpx.AsyncClient(base_url=service.url) as client:
                for each in (await client.get("/_cat/indices?format=json&expand_wildcards=all")).json():
                    assert (await client.delete(f"/{each['index']}")).status_code == 200
        else:
            await asyncio.to_thread(empty, service.url, keep=KEPT)

    async def verified(self, since: float, seconds: float = RECOVERY_SECONDS) -> float:
        """Waits until the projections are equal to Git: how long after ``since``, at most so many seconds.

        What the comparison itself takes counts, too; the load rests meanwhile.
        """
        paused = self.load.pausing.is_set()
        while True:
            self.load.pausing.set()
            done = await asyncio.to_thread(self.cluster.git.command, "index", "verify", "--json")
            if not paused:
                self.load.pausing.clear()
            took = time.monotonic() - since
            assert took < seconds, f"after {took:.1f} s\n{done.stdout}\n{done.stderr}\n{self.tails()}"
            if done.returncode == 0:
                assert json.loads(done.stdout)["equal"] is True
                return took
            await asyncio.sleep(0.3)

    async def writes_again(self) -> None:
        """Waits until a write and a push are taken."""
        before = dict(self.load.promised)
        await self._moved(before, "api/")
        self.load.yielding.set()
        try:
            await self._moved(before, "pushed/")
        finally:
            self.load.yielding.clear()

    async def _moved(self, before: dict[str, int], way: str) -> None:
        until = time.monotonic() + RECOVERY_SECONDS
        while not self._has_moved(before, way):
            assert time.monotonic() < until, f"nothing came in by {way}\n{self.load.faults}\n{self.tails()}"
            await asyncio.sleep(0.1)

    def _has_moved(self, before: dict[str, int], way: str) -> bool:
        now = dict(self.load.promised)
        return any(count != before.get(name) for name, count in now.items() if name.startswith(way))

    def assert_kept(self) -> None:
        """Nothing acknowledged is lost, no read failed, and nobody was answered what they should not be."""
        assert_kept(self.cluster.git, self.load)
        assert not self.load.faults, "\n".join(self.load.faults)[:3000]
        assert not self.readers.failures, (
            f"{len(self.readers.failures)} reads failed: {self.readers.failures[:5]}\n{self.surprises()}"
        )
        assert not self.surprises(), self.surprises()[:3000]

    def surprises(self) -> str:
        """What the processes logged of requests and tasks that ended in what nobody expected, with its traceback."""
        lines = [line for each in self._processes() for line in each.log.read_text("utf-8", "replace").splitlines()]
        told = [line for line in lines if line.startswith("{") and "Traceback" in line]
        return "\n".join(line for line in told if _SURPRISE.search(json.loads(line)["message"]))

    def logged(self, words: str) -> int:
        """How often the processes have logged these words."""
        return sum(each.log.read_text("utf-8", "replace").count(words) for each in self._processes())

    def troubled(self) -> set[str]:
        """The services that a replica has given up for the moment, as its ``/readyz`` calls them."""
        answer = self.cluster.replicas[-1].call("GET", "/readyz")[2]
        return {each["name"] for each in answer["dependencies"] if each["state"] != "closed"}

    def tails(self) -> str:
        """The ends of the logs."""
        return "\n".join(f"--- {each.log.name}\n{each.tail()[-1500:]}" for each in self._processes())

    def _processes(self) -> tuple[Running, ...]:
        return (self.cluster.git, *self.cluster.indexers, *self.cluster.replicas)


async def _fill(service: Service) -> Mend:
    """Leaves no room: on PostgreSQL's disk, in Redis's memory, and, by its watermarks, on Elasticsearch's disk."""
    if service.name == "postgres":
        ballast = fill_up(service.folder)

        async def unlink() -> None:
            ballast.unlink()
            await service.start()  # where it gave up meanwhile

        return unlink
    if service.name == "redis":
        await _configure_redis(service.url, maxmemory="1", maxmemory_policy="noeviction")
        return partial(_configure_redis, service.url, maxmemory="0", maxmemory_policy="noeviction")
    await _set_watermarks(service.url, NO_ROOM, blocked=True)
    return partial(_set_watermarks, service.url, ROOM, blocked=False)


async def _configure_redis(url: str, **settings: str) -> None:
    async with redis.asyncio.from_url(url) as client:
        for name, value in settings.items():
            await client.config_set(name.replace("_", "-"), value)


async def _set_watermarks(url: str, free: Mapping[str, str], *, blocked: bool) -> None:
    """Says how much has to be free, and waits until Elasticsearch itself takes no writes for that, or takes them."""
    block = "index.blocks.read_only_allow_delete"
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        settings = {f"{WATERMARKS}{stage}": size for stage, size in free.items()}
        answer = await client.put("/_cluster/settings", json={"persistent": settings})
        assert answer.status_code == 200, answer.text
        until = time.monotonic() + WATERMARK_SECONDS
        while True:
            shown = await client.get(f"/_all/_settings/{block}?flat_settings=true&expand_wildcards=all")
            blocks = {index: block in each["settings"] for index, each in shown.json().items()}
            # One without a block is left out of the answer.
            if any(blocks.values()) == blocked:
                return
            assert time.monotonic() < until, f"blocked: {blocks}"
            await asyncio.sleep(0.1)


async def _fill_disk(folder: Path) -> Mend:
    ballast = fill_up(folder)

    async def unlink() -> None:
        ballast.unlink()

    return unlink


async def _break_service(service: Service, how: str) -> Mend:
    if how == "filled":
        return await _fill(service)
    if how == "stopped":
        await service.stop()
        return service.cont
    if how == "restarted":
        await service.restart()
        return _nothing
    await service.kill()

    async def start() -> None:
        await service.start()

    return start


async def _break_process(process: Running, how: str) -> Mend:
    assert process.process is not None
    if how == "stopped":
        process.process.send_signal(signal.SIGSTOP)

        async def cont() -> None:
            assert process.process is not None
            process.process.send_signal(signal.SIGCONT)

        return cont
    if how == "restarted":
        process.process.terminate()
        assert await asyncio.to_thread(process.process.wait, 30) == 0, process.tail()
        process.begin()
        return partial(_keep_starting, process)
    process.kill()
    return partial(_start, process)


async def _start(process: Running) -> None:
    process.begin()
    await asyncio.to_thread(process.wait_until_ready)


async def _keep_starting(process: Running) -> None:
    """Starts it again whenever it ends, as Docker does: it may have been started while PostgreSQL was away."""
    until = time.monotonic() + START_SECONDS
    while not await asyncio.to_thread(process.is_ready):
        assert time.monotonic() < until, process.tail()
        assert process.process is not None
        if process.process.poll() is not None:
            process.begin()
        await asyncio.sleep(0.1)


async def _mend_all(mends: Sequence[Mend]) -> None:
    await asyncio.gather(*(mend() for mend in mends))


async def _nothing() -> None:
    """What was restarted is there again."""


def push(server: Running, folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Pushes a first commit with these files."""
    clone = folder / "first.git"
    git(folder, "init", "-q", "--bare", str(clone))
    first = commit(clone, None, dict(files))
    return run_git(clone, "push", "-q", server.git_url, f"{first}:refs/heads/main")


@asynccontextmanager
async def fair_weather(folder: Path, minutes: float = 5.0) -> AsyncIterator[Weather]:
    """All of it, running, with services of its own, and with disks for PostgreSQL and Git that are soon filled up.

    Who may not mount these has folders instead, and is told. The load writes a few megabytes a minute, which have to fit
    in for so long.
    """
    size = int(10 * minutes)
    with (
        small_disk_or_folder(folder / "postgres", 250 + size) as one,
        small_disk_or_folder(folder / "data", 14 + size) as other,
    ):
        if not (one and other):
            left_out("Only root may mount small file systems: full disks of PostgreSQL and Git were left out.")
        async with _whole(folder, small_disks=one and other) as weather:
            yield weather


def _wait_until_found(git_node: Running) -> None:
    """Until searches find all there is, those of the catalogue too: it is fed a moment after Elasticsearch."""
    until = time.monotonic() + START_SECONDS
    while git_node.command("index", "verify").returncode != 0:
        assert time.monotonic() < until, git_node.tail()
        time.sleep(0.2)
    time.sleep(LATER_SECONDS)


@asynccontextmanager
async def _whole(folder: Path, *, small_disks: bool) -> AsyncIterator[Weather]:
    async with (
        own_postgres(folder, max_connections="200", max_wal_size="64MB") as postgres,
        own_elasticsearch(folder, **LOOKED_AFTER) as elasticsearch,
        own_redis(folder) as redis,
    ):
        settings = {
            "PROMPTUARY_ELASTICSEARCH_URL": elasticsearch.url,
            "PROMPTUARY_REDIS_URL": redis.url,
            **dict.fromkeys(WIDE, "1000000/60"),
        }
        cluster = make_cluster(folder, postgres.url, indexers=2, replicas=2, settings=settings)
        try:
            begun = cluster.git.command("init", "default")
            assert begun.returncode == 0, begun.stderr
            await asyncio.to_thread(cluster.start)
            files = {f"prompts/{name}.prompt.yaml": text_template(name) for name in (*HOT, *COLD)}
            made = push(cluster.git, folder, files)
            assert made.returncode == 0, made.stderr
            await asyncio.to_thread(_wait_until_found, cluster.git)
            with running_nginx([each.port for each in cluster.replicas]) as port:
                front = Running(folder / "data", folder / "nginx.log", port=port, key=cluster.git.key)
                services: dict[str, Service] = {
                    "postgres": postgres,
                    "elasticsearch": elasticsearch,
                    "redis": redis,
                }
                load = Load(front, folder, strict=True)
                yield Weather(cluster, front, services, load, Readers(front), small_disks)
        finally:
            cluster.stop()
