"""Two API replicas behind a real nginx: one of them may go at any moment, and nobody who reads notices."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, migrated_database
from tests.deploy.composed import running_nginx
from tests.running import NoAnswer, Running, text_template

READERS = 8
TAKEN_OUT_SECONDS = 3.5
"""A little longer than nginx does not ask a replica that failed (``fail_timeout``): it was away for nginx until then."""

TEMPLATES = [f"support/t{number}" for number in range(8)]


@dataclass
class Readers:
    """Threads that read through the proxy until they are told to stop, and what they were answered."""

    proxy: Running
    stopping: threading.Event = field(default_factory=threading.Event)
    answers: int = 0
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> "Readers":
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(READERS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join()

    def _read(self, number: int) -> None:
        name = TEMPLATES[number % len(TEMPLATES)]
        while not self.stopping.is_set():
            try:
                status, _, answer = self.proxy.call("GET", f"/api/v1/repositories/default/templates/{name}", timeout=10)
            except NoAnswer as error:
                self.failures.append(str(error))
            else:
                self.answers += 1
                if status != 200:
                    self.failures.append(f"{status} {answer}")


@contextmanager
def proxied(cluster: Cluster) -> Iterator[Running]:
    """Nginx in front of the replicas, as docker-compose.yml has it."""
    with running_nginx([each.port for each in cluster.replicas]) as port:
        front = Running(cluster.git.data, cluster.git.log, port=port, process=cluster.git.process, key=cluster.git.key)
        front.wait_until_ready()
        yield front


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Git node, an indexer and two replicas, with a few templates."""
    with migrated_database() as name:
        made = make_cluster(tmp_path_factory.mktemp("cluster"), address_of(name), replicas=2)
        try:
            assert made.git.command("init", "default").returncode == 0
            made.start()
            for each in TEMPLATES:
                assert made.git.put(each, text_template(each), If_None_Match="*")[0] == 201
            yield made
        finally:
            made.stop()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_read_fails_while_a_replica_goes_and_comes_back(cluster: Cluster, how: signal.Signals) -> None:
    with proxied(cluster) as proxy, Readers(proxy) as readers:
        for victim in cluster.replicas:
            time.sleep(0.5)
            assert victim.process is not None
            victim.process.send_signal(how)
            victim.process.wait(20)
            time.sleep(0.5)
            victim.begin()
            victim.wait_until_ready()
            time.sleep(TAKEN_OUT_SECONDS)
    assert readers.failures == []
    assert readers.answers > 100


def test_writes_and_git_go_through_the_proxy(cluster: Cluster, tmp_path: Path) -> None:
    with proxied(cluster) as proxy:
        status, _, answer = proxy.put("support/new", text_template("through nginx"), If_None_Match="*")
        assert status == 201, answer
        assert "through nginx" in proxy.read("support/new", min_commit=answer["commit"])["source"]
        subprocess.run(["git", "clone", "-q", proxy.git_url, str(tmp_path / "clone")], check=True)
        assert (tmp_path / "clone/prompts/support/new.prompt.yaml").exists()
