"""The edge of several processes: they limit together, tell each other who the client is, and renew their certificate."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, migrated_database
from tests.running import Running, children_of, text_template
from tests.secured import Secured, make_certificate

RENDER = "/api/v1/repositories/default/render/a/b"
REFS = "/git/default.git/info/refs?service=git-upload-pack"
LIMITS = {
    "PROMPTUARY_TRUSTED_PROXIES": "127.0.0.1",
    "PROMPTUARY_RATE_RENDERS": "30/3600",
    "PROMPTUARY_RATE_WRITES": "30/3600",
    "PROMPTUARY_RATE_FAILURES": "5/3600",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Git node, an indexer, two replicas, and two workers with a certificate on a port of their own."""
    with migrated_database() as name:
        folder = tmp_path_factory.mktemp("cluster")
        made = make_cluster(folder, address_of(name), replicas=2, settings=LIMITS)
        plain = made.replicas[0]
        certificate, key = make_certificate(folder, "first")
        named = {"PROMPTUARY_TLS_CERTIFICATE": str(certificate), "PROMPTUARY_TLS_KEY": str(key)}
        secured = Secured(plain.data, folder / "api-tls.log", settings={**plain.settings, **named})
        secured.command_line = ("api", "--workers", "2")
        made.replicas.append(secured)
        try:
            assert made.git.command("init", "default").returncode == 0
            made.start()
            assert made.git.put("a/b", text_template("text"), If_None_Match="*")[0] == 201
            yield made
        finally:
            made.stop()


def until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def render(server: Running) -> tuple[int, dict[str, str], Any]:
    return server.call("POST", RENDER, "{}", {"Content-Type": "application/json"})


def left(headers: dict[str, str]) -> int:
    return int(headers["ratelimit"].partition(";r=")[2].partition(";")[0])


def test_replicas_count_together(cluster: Cluster) -> None:
    one, other = cluster.replicas[:2]
    until(lambda: render(one)[0] == 200, "the template is there")
    while render(one)[0] == 200:
        pass
    until(lambda: render(other)[0] == 429, "the other replica knows, too")
    assert render(cluster.git)[0] in {200, 429}
    until(lambda: render(cluster.git)[0] == 429, "and the Git node")
    refused = render(other)
    assert (left(refused[1]), int(refused[1]["retry-after"]) > 60) == (0, True)
    assert 'promptuary_edge_refusals_total{reason="rate_renders"}' in one.call("GET", "/metrics")[2]


def test_writes_count_once_wherever_they_come_in(cluster: Cluster) -> None:
    found = []
    for number in range(4):
        server = cluster.replicas[number % 2]
        status, headers, _ = server.put(f"write/n{number}", text_template("text"), If_None_Match="*")
        found.append((status, left(headers)))
    assert [status for status, _ in found] == [201] * 4
    lefts = [rest for _, rest in found]
    assert lefts == list(range(lefts[0], lefts[0] - 4, -1))


def test_the_git_node_knows_the_client_behind_a_replica(cluster: Cluster) -> None:
    """Who fails by one replica is stopped, and nobody else behind it is."""
    server = cluster.replicas[0]

    def ask(key: str, client: str) -> int:
        return server.call("GET", REFS, headers={"Authorization": f"Bearer {key}", "X-Forwarded-For": client})[0]

    assert [ask(f"pmt_wrong{n}", "192.0.2.1") for n in range(7)] == [401] * 5 + [429] * 2
    assert ask("pmt_wrong", "192.0.2.2") == 401
    assert ask(server.key, "192.0.2.2") == 200
    assert ask("pmt_wrong", "198.51.100.1, 192.0.2.1") == 429, "what stands left of it anybody can have written"


def test_workers_take_a_new_certificate(cluster: Cluster, tmp_path: Path) -> None:
    server = cluster.replicas[2]
    assert isinstance(server, Secured)
    assert server.process is not None
    assert f"https://127.0.0.1:{server.port}" in server.tail()
    assert server.common_name() == "first"
    paths = [Path(server.settings[f"PROMPTUARY_TLS_{what}"]) for what in ("CERTIFICATE", "KEY")]
    for path, renewed in zip(paths, make_certificate(tmp_path, "second"), strict=True):
        path.write_bytes(renewed.read_bytes())
    before = set(children_of(server.process.pid))
    server.process.send_signal(signal.SIGHUP)
    until(lambda: {server.common_name() for _ in range(8)} == {"second"}, "both workers have it")
    assert set(children_of(server.process.pid)) == before, "none of them ended for it"
