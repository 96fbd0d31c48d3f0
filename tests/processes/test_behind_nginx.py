"""Two API replicas behind a real nginx: one of them may go at any moment, and nobody who reads notices."""

import shutil
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
from tests.running import NoAnswer, Running, free_port, text_template

READERS = 8
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
def proxied(cluster: Cluster, folder: Path) -> Iterator[Running]:
    """Nginx in front of the replicas, as ``deploy/nginx`` configures it."""
    assert shutil.which("nginx"), "nginx is missing: scripts/services installs it"
    port = free_port()
    servers = "".join(f"server 127.0.0.1:{each.port} max_fails=1 fail_timeout=2s;" for each in cluster.replicas)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""
        daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
        events {{ worker_connections 512; }}
        http {{
          access_log off;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          upstream api {{ {servers} keepalive 32; }}
          server {{
            listen 127.0.0.1:{port};
            client_max_body_size 64m;
            location / {{
              proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection "";
              proxy_set_header Host $host;
              proxy_request_buffering off; proxy_buffering off; proxy_read_timeout 900s; proxy_connect_timeout 2s;
              proxy_next_upstream error timeout;
            }}
          }}
        }}
        """
    )
    process = subprocess.Popen(["nginx", "-c", str(configuration), "-p", str(folder)])
    front = Running(cluster.git.data, folder / "nginx.log", port=port, process=process, key=cluster.git.key)
    try:
        front.wait_until_ready()
        yield front
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A Git node, an indexer and two replicas, with a few templates."""
    with migrated_database() as name:
        made = make_cluster(tmp_path, address_of(name), replicas=2)
        try:
            assert made.git.command("init", "default").returncode == 0
            made.start()
            for each in TEMPLATES:
                assert made.git.put(each, text_template(each), If_None_Match="*")[0] == 201
            yield made
        finally:
            made.stop()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_read_fails_while_a_replica_goes_and_comes_back(
    cluster: Cluster, tmp_path: Path, how: signal.Signals
) -> None:
    with proxied(cluster, tmp_path) as proxy, Readers(proxy) as readers:
        for victim in cluster.replicas:
            time.sleep(0.5)
            assert victim.process is not None
            victim.process.send_signal(how)
            victim.process.wait(20)
            time.sleep(0.5)
            victim.begin()
            victim.wait_until_ready()
    assert readers.failures == []
    assert readers.answers > 100


def test_writes_and_git_go_through_the_proxy(cluster: Cluster, tmp_path: Path) -> None:
    with proxied(cluster, tmp_path) as proxy:
        status, _, answer = proxy.put("support/new", text_template("through nginx"), If_None_Match="*")
        assert status == 201, answer
        assert "through nginx" in proxy.read("support/new", min_commit=answer["commit"])["source"]
        subprocess.run(["git", "clone", "-q", proxy.git_url, str(tmp_path / "clone")], check=True)
        assert (tmp_path / "clone/prompts/support/new.prompt.yaml").exists()
