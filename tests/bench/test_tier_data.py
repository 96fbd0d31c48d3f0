"""What the server tier is measured on is projected once; each figure gets copies, which leave nothing behind."""

import asyncio
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from bench.backing import Backing, backing
from bench.data import Data
from bench.floors.answers import put_answers
from bench.floors.process import floor_server
from bench.product import REPOSITORY
from bench.tier_data import Place, copied, kept
from registry.bootstrap import open_registry
from registry.domain.catalogue import TemplateFilter
from registry.domain.ids import RepositoryName
from registry.domain.search import Query
from tests.backing import elasticsearch_url, postgres_url, redis_url
from tests.databases import address_of, own_database

TEMPLATES = 20
REPO = RepositoryName(REPOSITORY)


@pytest.fixture(scope="module")
def servers() -> Backing:
    """Leaves the test out where there are none."""
    for address in (postgres_url, redis_url, elasticsearch_url):
        address()
    return backing()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, servers: Backing) -> Iterator[Data]:
    made = Data(tmp_path_factory.mktemp("bench"), Console(quiet=True))
    place = kept(made, TEMPLATES)
    yield made
    servers.run_sql(f"DROP DATABASE {place.database}")
    servers.forget(place.namespace)


def databases(servers: Backing) -> set[str]:
    return {row["datname"] for row in servers.fetch_sql("SELECT datname FROM pg_database", "postgres")}


async def _found(place: Place, servers: Backing) -> tuple[int, int]:
    """How many templates the catalogue lists, and Elasticsearch finds."""
    async with open_registry(place.opened(servers)) as registry:
        found = await registry.search.search(Query(repository=REPO, text=""))
        assert not found.degraded
        listed = await registry.templates.list_templates(REPO, TemplateFilter(), limit=100)
        return len(listed.items), found.total


def test_it_is_made_once(data: Data, servers: Backing) -> None:
    place = kept(data, TEMPLATES)
    before = (place.folder / "tier.json").stat().st_mtime_ns
    assert kept(data, TEMPLATES) == place
    assert (place.folder / "tier.json").stat().st_mtime_ns == before
    assert place.projected_seconds > 0


def test_a_copy_has_everything_and_leaves_nothing_behind(data: Data, servers: Backing) -> None:
    with copied(data, TEMPLATES) as place:
        assert place.database in databases(servers)
        with asyncio.Runner() as runner:
            assert runner.run(_found(place, servers)) == (TEMPLATES, TEMPLATES)
        assert servers.indexes(place.namespace)
    assert not place.folder.exists()
    assert servers.indexes(place.namespace) == {}
    assert place.database not in databases(servers)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_floor_of_cold_reads_gives_what_the_table_has(workers: str, servers: Backing, tmp_path: Path) -> None:
    with own_database() as name:
        put_answers(address_of(name), [("a/b", b"first"), ("한글/둘", "둘째".encode())])
        address = tmp_path / "address"
        address.write_text(address_of(name))
        with floor_server("select", address, workers) as port:
            for path, expected in (("a/b", "first"), ("%ED%95%9C%EA%B8%80/%EB%91%98", "둘째")):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/template/{path}", timeout=20) as answer:
                    assert answer.read().decode() == expected
