"""``promptuary serve`` after ``. .services/env``: one process on PostgreSQL, Elasticsearch and Redis."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import tier_settings
from tests.databases import address_of, own_database
from tests.indexes import forget_indexes
from tests.running import Running, commit, git, run_git, text_template

pytestmark = pytest.mark.e2e

PATIENCE_SECONDS = 10.0
SERVICES = {"PostgreSQL", "Elasticsearch", "Redis"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server that has not been started, on an empty database."""
    with own_database() as name:
        settings = tier_settings(address_of(name)) | {"PROMPTUARY_SAMPLE": "true"}
        running = Running(tmp_path / "data", tmp_path / "serve.log", settings=settings)
        yield running
        running.stop()
        forget_indexes(settings["PROMPTUARY_ELASTICSEARCH_URL"], settings["PROMPTUARY_NAMESPACE"])


def found(server: Running, text: str) -> set[str]:
    """What a search finds, of Elasticsearch alone."""
    status, _, answer = server.call("GET", f"/api/v1/repositories/default/search?q={text}")
    assert (status, answer["degraded"]) == (200, False), answer
    return {hit["name"] for hit in answer["hits"]}


def assert_works(server: Running, written: set[str]) -> None:
    """What was written is read and found, and all three services are used."""
    assert {name: text_template(name) for name in written} == {name: server.read(name)["source"] for name in written}
    until = time.monotonic() + PATIENCE_SECONDS
    while found(server, "unmistakable") != written:
        assert time.monotonic() < until, found(server, "unmistakable")
        time.sleep(0.05)
    status, _, ready = server.call("GET", "/readyz")
    assert status == 200
    assert {(each["name"], each["state"]) for each in ready["dependencies"]} == {(name, "closed") for name in SERVICES}


def test_it_takes_writes_and_pushes_and_goes_on_where_it_ended(server: Running, tmp_path: Path) -> None:
    server.start()
    written = {"unmistakable/one", "unmistakable/two"}
    assert server.put("unmistakable/one", text_template("unmistakable/one"), If_None_Match="*")[0] == 201
    clone = tmp_path / "clone.git"
    git(tmp_path, "clone", "-q", "--bare", server.git_url, str(clone))
    files = {"prompts/unmistakable/two.prompt.yaml": text_template("unmistakable/two")}
    made = commit(clone, git(clone, "rev-parse", "main").strip(), files)
    pushed = run_git(clone, "push", "-q", server.git_url, f"{made}:refs/heads/main")
    assert (pushed.returncode, b"unmistakable/two" in pushed.stderr) == (0, True), pushed.stderr
    assert_works(server, written)

    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0, server.tail()
    server.start()
    assert server.main() == made
    assert_works(server, written)
    server.assert_sound()
