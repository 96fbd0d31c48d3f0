"""Several API processes on one port: one may end and is replaced, all end with the one that keeps them."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import SHARE_SECONDS
from api.request_meters import HOT_ROUTE
from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, migrated_database
from tests.ports import free_port
from tests.running import NoAnswer, Running, children_of, text_template


class Door:
    """A port before PostgreSQL's. While it is shut, who is connected stays so, and nobody else gets in."""

    def __init__(self, address: str) -> None:
        self._port = free_port()
        parts = urlsplit(address)
        self._behind = (parts.hostname, parts.port)
        self.address = urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self._port}"))
        self.open()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._let_in, daemon=True).start()

    def shut(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection(self._behind)
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError), source:
        try:
            while data := source.recv(65_536):
                target.sendall(data)
        finally:
            target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with migrated_database() as name:
        made = Door(address_of(name))
        yield made
        made.shut()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, door: Door) -> Iterator[Cluster]:
    """A Git node, an indexer, and two workers on one port."""
    made = make_cluster(tmp_path_factory.mktemp("cluster"), door.address, replicas=1)
    made.replicas[0].command_line = ("api", "--workers", "2")
    try:
        assert made.git.command("init", "default").returncode == 0
        made.start()
        assert made.git.put("a/b", text_template("text"), If_None_Match="*")[0] == 201
        yield made
    finally:
        made.stop()


def workers(server: Running) -> set[int]:
    assert server.process is not None
    return {pid for pid, line in children_of(server.process.pid) if "spawn_main" in line}


def until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@contextmanager
def asleep(pid: int) -> Iterator[None]:
    """One worker stopped: the other gets every connection."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def both(server: Running) -> tuple[int, int]:
    """The two workers, once each of them serves."""
    until(lambda: len(workers(server)) == 2, "two workers to begin with")
    one, other = workers(server)
    for pid in (one, other):
        with asleep(pid):
            server.wait_until_ready()
    return one, other


def counted(server: Running) -> tuple[float, float]:
    """How many reads of a template ``/metrics`` tells of, and how many connections are in use or free to be made."""
    page = server.call("GET", "/metrics")[2]
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    reads = sum(
        sample.value
        for sample in samples
        if sample.name == "promptuary_http_requests_total" and sample.labels["route"] == HOT_ROUTE
    )
    limits = [s.value for s in samples if s.name == "promptuary_pool_connections" and s.labels["state"] == "limit"]
    return reads, max(limits)


def test_metrics_are_those_of_all_workers_whichever_is_asked(cluster: Cluster) -> None:
    server = cluster.replicas[0]
    one, other = both(server)
    time.sleep(SHARE_SECONDS + 1)
    before, limit = counted(server)
    with asleep(one):
        for _ in range(20):
            server.read("a/b")
    with asleep(other):
        for _ in range(30):
            server.read("a/b")
    time.sleep(SHARE_SECONDS + 1)
    for pid in (one, other):
        with asleep(pid):
            assert counted(server) == (before + 50, limit)
    os.kill(other, signal.SIGKILL)
    until(lambda: len(workers(server) - {other}) == 2, "nobody took its place")
    with asleep(one):
        server.wait_until_ready()
        assert counted(server)[0] == before + 50, "what one counted that has ended"


def test_a_worker_that_is_killed_is_replaced_and_the_other_goes_on(cluster: Cluster) -> None:
    server = cluster.replicas[0]
    before = workers(server)
    assert len(before) == 2
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    for _ in range(20):
        assert "text" in server.read("a/b")["source"]
    until(lambda: len(workers(server) - {killed}) == 2, "nobody took its place")
    assert "takes its place" in server.tail()


def test_a_worker_that_cannot_start_now_is_tried_again_and_the_others_go_on(cluster: Cluster, door: Door) -> None:
    server = cluster.replicas[0]
    assert server.process is not None
    killed = min(both(server))
    door.shut()
    try:
        os.kill(killed, signal.SIGKILL)
        until(lambda: "ended with 2;" in server.tail(), "no worker failed to start", 60)
        for _ in range(20):
            assert "text" in server.read("a/b")["source"]
        assert server.process.poll() is None
    finally:
        door.open()
    until(lambda: len(workers(server) - {killed}) == 2, "nobody took its place")


def test_a_signal_while_a_worker_is_about_to_be_replaced_ends_all(cluster: Cluster) -> None:
    server = cluster.replicas[0]
    assert server.process is not None
    until(lambda: len(workers(server)) == 2, "two workers to begin with")
    before = workers(server)
    os.kill(min(before), signal.SIGKILL)
    until(lambda: bool(workers(server) - before), "nobody took its place")
    os.kill(min(workers(server) - before), signal.SIGKILL)
    time.sleep(0.2)  # the next one has to wait for its turn
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    server.begin()
    server.wait_until_ready()


def test_workers_end_with_the_process_that_keeps_them(cluster: Cluster) -> None:
    server = cluster.replicas[0]
    left = workers(server)
    server.kill()

    def gone() -> bool:
        try:
            server.call("GET", "/livez", timeout=2)
        except NoAnswer:
            return not any(Path(f"/proc/{pid}/cmdline").exists() for pid in left)
        return False

    until(gone, "workers were left behind")
    server.begin()
    server.wait_until_ready()


def test_all_end_on_one_signal(cluster: Cluster) -> None:
    server = cluster.replicas[0]
    assert server.process is not None
    left = workers(server)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert not any(Path(f"/proc/{pid}/cmdline").exists() for pid in left)
    server.begin()
    server.wait_until_ready()
