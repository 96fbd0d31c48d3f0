"""A backup of the whole server tier, made under writes, and what it is restored to: another server tier."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, fetch_sql, migrated_database, own_database
from tests.indexes import forget_indexes
from tests.load import Load, assert_kept
from tests.running import text_template

pytestmark = pytest.mark.e2e

SOME_WRITES = 6
PATIENCE = 60.0


@dataclass(frozen=True)
class Archived:
    """What the first server tier left: an archive, what was acknowledged before it, and its search indexes."""

    store: Path
    before: Load
    namespace: str
    key: str
    keys: object
    writes_after: int


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    """It was written to before the backup, during it, and after it; its processes have ended, its indexes are there."""
    folder = tmp_path_factory.mktemp("first")
    with migrated_database() as database:
        cluster = make_cluster(folder, address_of(database))
        try:
            made = _backed_up(cluster, folder)
            stop(cluster)
            yield made
        finally:
            cluster.stop()


def _backed_up(cluster: Cluster, folder: Path) -> Archived:
    assert cluster.git.command("init", "default").returncode == 0
    cluster.start()
    assert cluster.git.command("key", "create", "--user", "bo", "--scope", "write").returncode == 0
    load = Load(cluster.replicas[0], folder)
    threads = load.start()
    try:
        load.yielding.set()  # a push takes longer, and would be overtaken again and again
        wait_for(load, lambda: {"pushed/one", "pushed/two"} <= load.promised.keys())
        load.yielding.clear()
        # All four are in the archive: what is first written while it is made may be in it, or not.
        wait_for(load, lambda: len(load.promised) == 4 and len(load.commits) >= SOME_WRITES)
        before = Load(cluster.replicas[0], folder, promised=dict(load.promised), commits=list(load.commits))
        began = len(load.commits)
        made = cluster.git.command("backup", str(folder / "backups"), "--json")
        assert made.returncode == 0, made.stderr
        assert len(load.commits) > began, "nothing was written while it was made"
        during = len(load.commits)
        wait_for(load, lambda: len(load.commits) >= during + SOME_WRITES)
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join(60)
    assert not load.faults, load.faults
    return Archived(
        store=folder / "backups",
        before=before,
        namespace=cluster.git.settings["PROMPTUARY_NAMESPACE"],
        key=cluster.git.key,
        keys=keys_of(cluster),
        writes_after=len(load.commits) - during,
    )


def wait_for(load: Load, holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, (load.promised, load.faults)
        time.sleep(0.1)


def keys_of(cluster: Cluster) -> list[dict[str, object]]:
    done = cluster.git.command("key", "list", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)["keys"]
    return found


def stop(cluster: Cluster) -> None:
    for each in (*cluster.replicas, *cluster.indexers, cluster.git):
        each.stop()


@contextmanager
def restored(archived: Archived, folder: Path, namespace: str, shards: Sequence[str] = ()) -> Iterator[Cluster]:
    """Another server tier with what the archive has, started; ``default`` is in the last of the shards."""
    with ExitStack() as stack:
        database = address_of(stack.enter_context(own_database()))
        settings = {"PROMPTUARY_NAMESPACE": namespace}
        if shards:
            there = [f"{name}={address_of(stack.enter_context(own_database()))}" for name in shards]
            settings["PROMPTUARY_DATABASE_SHARDS"] = " ".join(there)
            settings["PROMPTUARY_DATABASE_PLACES"] = f"default={shards[-1]}"
        cluster = make_cluster(folder, database, settings=settings)
        stack.callback(stop, cluster)
        done = cluster.git.command("restore", str(archived.store), "--json")
        assert done.returncode == 0, done.stderr
        assert keys_of(cluster) == archived.keys
        assert_equal(cluster)
        cluster.start()
        yield cluster


def assert_equal(cluster: Cluster) -> None:
    done = cluster.git.command("index", "verify", "--json")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert json.loads(done.stdout) == {"equal": True, "differences": {"default": []}}


def searched(cluster: Cluster, text: str, since: str = "") -> tuple[set[str], bool]:
    """What is found, by an answer that has seen a commit; without one it may be a second old."""
    path = f"/api/v1/repositories/default/search?q={text}&limit=100{since and f'&min_commit={since}'}"
    status, _, answer = cluster.replicas[0].call("GET", path)
    assert status == 200, answer
    return {hit["name"] for hit in answer["hits"]}, answer["degraded"]


def assert_serves(cluster: Cluster, archived: Archived) -> None:
    """Everything that was acknowledged before the backup is read and found, with the old keys, and writes go on."""
    replica, names = cluster.replicas[0], set(archived.before.promised)
    assert_kept(cluster.git, archived.before)
    for key in (archived.key, replica.key):
        headers = {"Authorization": f"Bearer {key}"}
        assert replica.call("GET", "/api/v1/repositories/default/templates/api/one", headers=headers)[0] == 200
    assert searched(cluster, "counts") == (names, False)
    status, _, answer = replica.put("api/one", text_template("a heron"), If_Match="*")
    assert status == 200, answer
    since = answer["commit"]
    assert searched(cluster, "heron", since) == ({"api/one"}, False), "an older index has documents of higher ordinals"
    assert searched(cluster, "counts", since) == (names - {"api/one"}, False)
    assert_equal(cluster)


def test_into_a_shard_beside_indexes_that_are_further(archived: Archived, tmp_path: Path) -> None:
    assert archived.writes_after >= SOME_WRITES
    with restored(archived, tmp_path, archived.namespace, ("two", "three")) as cluster:
        places = dict(word.split("=", 1) for word in cluster.git.settings["PROMPTUARY_DATABASE_SHARDS"].split())
        count = "SELECT count(*) FROM templates"
        rows = {name: fetch_sql(count, address=address)[0][0] for name, address in places.items()}
        assert (rows["two"], rows["three"] >= len(archived.before.promised)) == (0, True)
        assert fetch_sql(count, address=cluster.git.settings["PROMPTUARY_DATABASE_URL"])[0][0] == 0
        assert_serves(cluster, archived)


@pytest.mark.soak
def test_into_another_namespace(archived: Archived, tmp_path: Path) -> None:
    namespace = f"restored-{secrets.token_hex(4)}"
    with restored(archived, tmp_path, namespace) as cluster:
        try:
            assert_serves(cluster, archived)
        finally:
            stop(cluster)
            forget_indexes(cluster.git.settings["PROMPTUARY_ELASTICSEARCH_URL"], namespace)
