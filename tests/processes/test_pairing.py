"""Processes of the server tier begin a registry together, and none of them takes another one's folder or database."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, fetch_sql, own_database
from tests.running import Running, text_template

pytestmark = pytest.mark.e2e


@pytest.fixture
def address() -> Iterator[str]:
    with own_database() as name:
        yield address_of(name)


@pytest.fixture
def cluster(address: str, tmp_path: Path) -> Iterator[Cluster]:
    """A Git node, two indexers and an API replica on nothing."""
    made = make_cluster(tmp_path, address, indexers=2)
    yield made
    made.stop()


def ids(cluster: Cluster, address: str) -> set[str]:
    file = (cluster.git.data / "registry-id").read_text().strip()
    return {file, *(row[0] for row in fetch_sql("SELECT id FROM registry", address=address))}


def ended(process: Running) -> str:
    """What a process said that does not start."""
    process.begin()
    assert process.process is not None
    end = time.monotonic() + 30
    while process.process.poll() is None:
        assert time.monotonic() < end, process.tail()
        time.sleep(0.1)
    assert process.process.returncode == 2, process.tail()
    return process.tail()


def test_all_of_them_start_at_once_on_nothing_and_none_on_another_folder(
    cluster: Cluster, address: str, tmp_path: Path
) -> None:
    cluster.start()
    (registry_id,) = ids(cluster, address)
    replica = cluster.replicas[0]
    assert replica.put("support/triage", text_template("first"), If_None_Match="*")[0] == 201
    before = replica.read("support/triage")
    for command in ("git", "indexer"):
        other = Running(tmp_path / "other", tmp_path / f"other-{command}.log", settings=cluster.git.settings)
        other.command_line = (command,)
        said = ended(other)
        assert all(word in said for word in ("do not belong together", registry_id, str(other.data))), said
    assert replica.read("support/triage") == before
    cluster.git.assert_sound()
    assert ids(cluster, address) == {registry_id}
