"""``promptuary index rebuild`` as a process: killed half way, twice at once, and while others write."""

import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.backing import elasticsearch_url
from tests.cluster import Cluster, leads, make_cluster
from tests.databases import address_of, fetch_sql, migrated_database, run_sql
from tests.load import Load, assert_kept
from tests.running import text_template
from tests.warm import WarmProcess

TEMPLATES = 300
COMMITS = 1_300
"""A replay goes by batches of 500: several of them, so that a staged build is there for a while."""
HEALING_SECONDS = 25.0
"""Indexers look every five seconds whether all is there; the machine may be busy."""
TRIES = 3
STAGED = "SELECT staged_build FROM repositories WHERE staged_build IS NOT NULL"

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Git node, two indexers and a replica, with a history whose replay takes a second or two."""
    with migrated_database() as name:
        made = make_cluster(tmp_path_factory.mktemp("cluster"), address_of(name), indexers=2)
        try:
            assert made.git.command("init", "default").returncode == 0
            subprocess.run(["git", "fast-import", "--quiet"], cwd=made.git.bare, input=history(), check=True)
            made.start()
            wait_until_equal(made)
            yield made
        finally:
            made.stop()


def history() -> bytes:
    """What ``git fast-import`` makes all commits of: a few templates, and changes of them."""
    lines = []
    for number in range(COMMITS):
        lines += ["commit refs/heads/main", f"committer Ada <ada@example.com> {1_700_000_000 + number} +0000"]
        lines += ["data 6", "change"]
        changed = range(TEMPLATES) if number == 0 else [number % TEMPLATES]
        for each in changed if number % 10 == 0 else ():
            text = text_template(f"{each} as of {number}")
            lines += [f"M 100644 inline prompts/made/t{each}.prompt.yaml", f"data {len(text)}", text]
        lines += ["M 100644 inline README.md", f"data {len(str(number))}", str(number)]
    return "\n".join([*lines, ""]).encode()


def rebuilding(cluster: Cluster) -> "subprocess.Popen[str]":
    return WarmProcess(
        ["index", "rebuild"],
        env=cluster.git.environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def is_staged(cluster: Cluster, _client: httpx.Client) -> bool:
    """Whether a build lies beside the live one."""
    return bool(fetch_sql(STAGED, address=cluster.git.settings["PROMPTUARY_DATABASE_URL"]))


def is_renewed(cluster: Cluster, client: httpx.Client) -> bool:
    """Whether both search indexes, that of old texts too, are written to beside those that are searched."""
    written = [
        aliases for aliases in indexes(cluster, client).values() if [each[-6:] for each in aliases] == ["@write"]
    ]
    return len(written) == 2


def indexes(cluster: Cluster, client: httpx.Client) -> dict[str, set[str]]:
    """The cluster's indexes in Elasticsearch with their aliases."""
    namespace = cluster.git.settings["PROMPTUARY_NAMESPACE"]
    found = client.get(f"{elasticsearch_url()}/{namespace}*/_alias").raise_for_status().json()
    return {name: set(each["aliases"]) for name, each in found.items()}


MOMENTS = {"staged": is_staged, "renewed": is_renewed}


def kill_at(moment: str, cluster: Cluster, victims: "Iterator[subprocess.Popen[Any]]") -> None:
    """Kills the first that is caught at a moment; others go on meanwhile, and may end it between two looks."""
    assert any(was_killed_at(moment, cluster, victim) for victim in islice(victims, TRIES)), f"never caught {moment}"


def was_killed_at(moment: str, cluster: Cluster, victim: "subprocess.Popen[Any]") -> bool:
    """Whether the moment came, and still was when the process had been stopped; if not, the process goes on.

    Killed at any other moment it may leave an index that was only begun, which nobody sweeps for ten minutes.
    """
    holds = MOMENTS[moment]
    until = time.monotonic() + HEALING_SECONDS
    with httpx.Client(timeout=10) as client:
        while not holds(cluster, client):
            if victim.poll() is not None or time.monotonic() > until:
                return False
        victim.send_signal(signal.SIGSTOP)
        if victim.poll() is None and holds(cluster, client):
            victim.kill()
            assert victim.wait() == -9
            return True
        victim.send_signal(signal.SIGCONT)
        return False


def rebuilds(cluster: Cluster, beside: str) -> "Iterator[subprocess.Popen[Any]]":
    """Rebuilds one after the other, each of what is whole, with or without indexers beside."""
    while True:
        for each in cluster.indexers if beside == "nobody" else ():
            each.kill()
        with rebuilding(cluster) as process:
            yield process
        cluster.heal()
        wait_until_equal(cluster)
        assert_rebuilt(cluster)


def rebuilding_leaders(cluster: Cluster) -> "Iterator[subprocess.Popen[Any]]":
    """Who leads just now, with a catalogue of another schema to make anew."""
    while True:
        assert_rebuilt(cluster)  # whatever is staged or renewed from now on is the indexer's
        run_sql("UPDATE builds SET schema = 1", address=cluster.git.settings["PROMPTUARY_DATABASE_URL"])
        leader = next(each for each in cluster.indexers if leads(each)).process
        assert leader is not None
        yield leader
        wait_until_equal(cluster)


def wait_until_equal(cluster: Cluster, seconds: float = HEALING_SECONDS) -> None:
    """Until ``index verify`` finds nothing, whoever sees to it."""
    until = time.monotonic() + seconds
    while (done := cluster.git.command("index", "verify")).returncode:
        assert time.monotonic() < until, done.stdout + done.stderr
        time.sleep(0.2)


def assert_tidy(cluster: Cluster) -> None:
    """One build, and of each search index the one that is searched and the one before it."""
    address = cluster.git.settings["PROMPTUARY_DATABASE_URL"]
    assert fetch_sql(STAGED, address=address) == []
    (builds,) = fetch_sql("SELECT count(*) FROM builds", address=address)
    assert builds[0] == 1
    with httpx.Client(timeout=10) as client:
        found = indexes(cluster, client)
    for begin in ("", "~versions"):
        searched = f"{cluster.git.settings['PROMPTUARY_NAMESPACE']}{begin}@default"
        mine = [aliases for index, aliases in found.items() if index.startswith(f"{searched}@")]
        assert sorted(mine, key=len) == [{f"{searched}@old"}, {searched, f"{searched}@write"}], mine


def assert_rebuilt(cluster: Cluster) -> None:
    """One more rebuild makes all equal, and leaves nothing behind."""
    done = cluster.git.command("index", "rebuild")
    assert done.returncode == 0, done.stderr
    verified = cluster.git.command("index", "verify")
    assert verified.returncode == 0, verified.stdout
    assert_tidy(cluster)


@pytest.mark.parametrize(
    ("moment", "beside"),
    [
        ("staged", "nobody"),
        pytest.param("renewed", "indexers", marks=pytest.mark.soak),
        pytest.param("staged", "indexers", marks=pytest.mark.soak),
        pytest.param("renewed", "nobody", marks=pytest.mark.soak),
    ],
)
def test_a_rebuild_that_is_killed(cluster: Cluster, moment: str, beside: str) -> None:
    kill_at(moment, cluster, rebuilds(cluster, beside))
    if beside == "indexers":
        wait_until_equal(cluster)
    assert_rebuilt(cluster)


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["staged", "renewed"])
def test_an_indexer_that_is_killed_while_it_rebuilds(cluster: Cluster, moment: str) -> None:
    """A catalogue of another schema is made anew by who leads; when that is killed, by who leads then."""
    kill_at(moment, cluster, rebuilding_leaders(cluster))
    wait_until_equal(cluster)
    assert_rebuilt(cluster)


@pytest.mark.parametrize("apart", [0.0, pytest.param(0.5, marks=pytest.mark.soak)])
def test_two_rebuilds_at_once(cluster: Cluster, apart: float) -> None:
    one = rebuilding(cluster)
    time.sleep(apart)
    other = rebuilding(cluster)
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in (one, other)]
    lost = [(said, code) for said, code in ended if code != 0]
    assert len(lost) < 2, lost
    for said, code in lost:
        assert (code, said.count("\n")) == (1, 1), said
        assert "another process has projected it meanwhile" in said, said
    wait_until_equal(cluster)
    assert_rebuilt(cluster)


def test_a_rebuild_while_others_write(cluster: Cluster, tmp_path: Path) -> None:
    load = Load(cluster.replicas[0], tmp_path, strict=True)
    threads = load.start()
    try:
        while not load.commits:
            time.sleep(0.05)
        before = len(load.commits)
        done = cluster.git.command("index", "rebuild")
        assert done.returncode == 0, done.stderr
        assert len(load.commits) > before, "writes did not go on"
    finally:
        load.stopping.set()
        for each in threads:
            each.join(60)
            assert not each.is_alive()
    assert not load.faults
    assert_kept(cluster.git, load)
    wait_until_equal(cluster)
    assert_rebuilt(cluster)
