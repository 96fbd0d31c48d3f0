"""PostgreSQL comes back without any table, as on a new disk, while all processes run: they make it whole again."""

import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.cluster import Cluster, make_cluster
from tests.databases import address_of, fetch_sql, migrated_database, run_sql
from tests.running import text_template

pytestmark = pytest.mark.e2e

HEALING_SECONDS = 60.0
"""Two looks five seconds apart come before the tables, and as many before the administrator; the machine may be busy."""


def drop_schema(address: str) -> None:
    """As who restores nothing into a database that is there."""
    run_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", address=address)


def drop_database(address: str) -> None:
    """As a server with a new disk: every connection breaks, too, and with one of them the leader's lock."""
    name = urlsplit(address).path.removeprefix("/")
    run_sql(f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name}")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with migrated_database() as name:
        yield address_of(name)


@pytest.fixture(scope="module")
def cluster(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Git node, two indexers and an API replica, with one template."""
    made = make_cluster(tmp_path_factory.mktemp("cluster"), address, indexers=2)
    try:
        begun = made.git.command("init", "default")
        assert begun.returncode == 0, begun.stderr
        made.start()
        assert made.git.put("support/triage", text_template("first"), If_None_Match="*")[0] == 201
        yield made
    finally:
        made.stop()


def until(holds: Callable[[], bool], cluster: Cluster) -> None:
    end = time.monotonic() + HEALING_SECONDS
    while not holds():
        tails = "".join(f"--- {each.log.name}\n{each.tail()[-1500:]}" for each in (cluster.git, *cluster.indexers))
        assert time.monotonic() < end, tails
        time.sleep(0.2)


@pytest.mark.parametrize("lose", [pytest.param(drop_schema, marks=pytest.mark.soak), drop_database])
def test_a_catalogue_without_tables_is_made_and_filled_by_itself(
    cluster: Cluster, address: str, lose: Callable[[str], None]
) -> None:
    git, (replica,) = cluster.git, cluster.replicas
    old, key_path = git.key, git.data / "admin-key"
    kept = (git.data / "registry-id").read_text().strip()
    before = replica.read("support/triage")
    lose(address)
    until(lambda: key_path.read_text().strip() != old, cluster)
    assert replica.call("GET", "/api/v1/repositories/default/templates")[0] in {401, 503}, "keys were in it alone"
    for each in (git, replica):
        each.key = key_path.read_text().strip()

    def is_whole() -> bool:
        done = git.command("index", "verify", "--json")
        return done.returncode == 0 and bool(json.loads(done.stdout)["equal"])

    until(is_whole, cluster)
    assert [row[0] for row in fetch_sql("SELECT id FROM registry", address=address)] == [kept]
    assert replica.read("support/triage") == before
    status, _, written = replica.put("support/triage", text_template("second"), If_Match="*")
    assert status in {200, 201}, written
    assert "second" in replica.read("support/triage", min_commit=written["commit"])["source"]
    until(lambda: "support/triage" in replica.search("second"), cluster)
    assert [row[0] for row in fetch_sql('SELECT "user" FROM users', address=address)] == ["admin"]
    assert replica.put("support/triage", text_template("first"), If_Match="*")[0] in {200, 201}
