"""A Git node that comes back with an older copy of its repository, as from last week's backup: all follow it there."""

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, migrated_database
from tests.running import REPOSITORY, Running, git, text_template

pytestmark = pytest.mark.e2e

HEALING_SECONDS = 10.0
NAME = "support/triage"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A Git node, an indexer and an API replica, with two templates."""
    with migrated_database() as name:
        made = make_cluster(tmp_path, address_of(name))
        try:
            begun = made.git.command("init", "default")
            assert begun.returncode == 0, begun.stderr
            made.start()
            for each in (NAME, "support/reply"):
                written(made.replicas[0], each, "first", If_None_Match="*")
            yield made
        finally:
            made.stop()


def written(server: Running, name: str, text: str, **condition: str) -> str:
    """Writes a template and waits until it is projected: the commit."""
    status, _, answer = server.put(name, text_template(text), **condition)
    assert status in {200, 201}, answer
    assert text in server.read(name, min_commit=answer["commit"])["source"]
    return str(answer["commit"])


def numbers(server: Running) -> list[int]:
    """Of which versions a server knows."""
    status, _, answer = server.call("GET", f"/api/v1/repositories/{REPOSITORY}/versions/{NAME}")
    assert status == 200, answer
    return [each["version"] for each in answer["versions"]]


def numbered_without_catalogue(git_node: Running) -> list[int]:
    """Of which versions the Git node would know while PostgreSQL is away."""
    with closing(sqlite3.connect(git_node.data / "snapshot.sqlite")) as opened:
        numbered = "SELECT versions.number FROM builds JOIN versions ON build = id WHERE used AND name = ? ORDER BY 1"
        return [number for (number,) in opened.execute(numbered, (NAME,))]


def is_equal(git_node: Running) -> bool:
    done = git_node.command("index", "verify", "--json")
    return done.returncode == 0 and bool(json.loads(done.stdout)["equal"])


def test_a_git_node_that_was_put_back(cluster: Cluster, tmp_path: Path) -> None:
    node, (replica,), (indexer,) = cluster.git, cluster.replicas, cluster.indexers
    backup = shutil.copytree(node.bare, tmp_path / "last-week.git")
    kept, lost = node.main(), ""
    for text in ("second", "third", "fourth"):
        lost = written(replica, NAME, text, If_Match="*")
    written(replica, "support/lost", "new since", If_None_Match="*")
    for each in (replica, node):
        assert "fourth" in each.read(NAME, version="4")["source"]
    until(lambda: replica.search("fourth") == [NAME], cluster)
    until(lambda: numbered_without_catalogue(node) == [1, 2, 3, 4], cluster)
    for each in (node, indexer):
        each.stop()
    assert "fourth" in replica.read(NAME)["source"], "it answers on"
    shutil.rmtree(node.bare)
    backup.rename(node.bare)
    cluster.heal()
    began = time.monotonic()
    until(lambda: is_equal(node), cluster, began)
    until(lambda: "first" in replica.read(NAME)["source"], cluster, began)
    until(lambda: replica.search("fourth") == [], cluster, began)
    assert replica.search("first") == ["support/reply", NAME]
    assert replica.read(NAME)["commit"] == node.read(NAME)["commit"] != lost
    for each in (replica, node):
        assert numbers(each) == [1]
    until(lambda: numbered_without_catalogue(node) == [1], cluster, began)
    again = written(replica, NAME, "another second", If_Match="*")
    assert git(node.bare, "rev-parse", f"{again}~1").strip() == kept
    assert replica.read(NAME)["version"] == 2
    assert "another second" in replica.read(NAME, version="2")["source"]
    until(lambda: is_equal(node), cluster)
    node.assert_sound()


def until(holds: Callable[[], bool], cluster: Cluster, began: float | None = None) -> None:
    """Waits until something holds, ten seconds at most."""
    end = (began or time.monotonic()) + HEALING_SECONDS
    while not holds():
        tails = "".join(f"--- {each.log.name}\n{each.tail()[-1500:]}" for each in (cluster.git, *cluster.indexers))
        assert time.monotonic() < end, tails
        time.sleep(0.1)
