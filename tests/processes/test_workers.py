"""Several API processes on one port: one may end and is replaced, all end with the one that keeps them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, migrated_database
from tests.running import NoAnswer, Running, children_of, text_template


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Git node, an indexer, and two workers on one port."""
    with migrated_database() as name:
        made = make_cluster(tmp_path_factory.mktemp("cluster"), address_of(name), replicas=1)
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
