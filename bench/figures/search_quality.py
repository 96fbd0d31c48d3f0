"""How good the order of answers is: nDCG@10 over the judged queries, for every search adapter that is set up."""

import asyncio
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from pydantic import SecretStr

from bench.bench import Bench
from bench.judged import TEMPLATES, Judged, judged_generated, judged_sample, ndcg
from bench.product import clean_environment
from bench.rows import Bound, Row
from registry.bootstrap import Registry, open_registry
from registry.domain.ids import RepositoryName
from registry.domain.search import Query
from registry.settings import Settings

_MUST, _AIM = 0.7, 0.85
_GENERATED = RepositoryName("generated")
_DATABASE = "promptuary_judged"
_SAMPLE = RepositoryName("default")


def measure(bench: Bench) -> list[Row]:
    """A row for each adapter and repository; those of the server tier where their settings are in the environment."""
    source = bench.data.repository(TEMPLATES)
    return [
        row for name, settings in _set_ups(bench.data.out / "judged") for row in _rows(bench, name, settings, source)
    ]


def _set_ups(folder: Path) -> Iterator[tuple[str, Settings]]:
    """What searches, and the settings that make it search."""
    given = Settings()
    alone = given.model_copy(
        update={"data": folder, "render_workers": 1, "elasticsearch_url": None, "database_url": None, "redis_url": None}
    )
    yield "SQLite", alone
    if given.database_url is not None:
        with _own_database(given.database_url.get_secret_value()) as address:
            yield "PostgreSQL", alone.model_copy(update={"database_url": SecretStr(address)})
    if given.elasticsearch_url is not None:
        more = {"elasticsearch_url": given.elasticsearch_url, "namespace": "bench-judged"}
        yield "Elasticsearch", alone.model_copy(update=more)


@contextmanager
def _own_database(address: str) -> Iterator[str]:
    """A database beside the one that is set, dropped afterwards."""
    asyncio.run(_execute(address, f"DROP DATABASE IF EXISTS {_DATABASE}", f"CREATE DATABASE {_DATABASE}"))
    try:
        yield urlsplit(address)._replace(path=f"/{_DATABASE}").geturl()
    finally:
        asyncio.run(_execute(address, f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)"))


async def _execute(address: str, *statements: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _rows(bench: Bench, name: str, settings: Settings, source: Path) -> Iterator[Row]:
    judged = {_SAMPLE: judged_sample(), _GENERATED: judged_generated(source)}
    shutil.rmtree(settings.data, ignore_errors=True)
    for repository, scored in asyncio.run(_scored(settings, source, judged)).items():
        worst = sorted(scored, key=lambda each: each[1])
        weak = [f"{judgement.query} {value:.2f}" for judgement, value in worst if value < _MUST]
        bench.console.print(f"  {name}, {repository}: {len(weak)} of {len(scored)} below {_MUST}: {'; '.join(weak)}")
        yield Row(
            figure=f"search quality, {name}, {'sample' if repository == _SAMPLE else 'generated'}",
            size=f"{len(scored)} queries",
            unit="nDCG@10",
            product_runs=[statistics.fmean(value for _, value in scored)],
            must=_at_least(_MUST),
            aim=_at_least(_AIM),
        )


async def _scored(
    settings: Settings, source: Path, judged: dict[RepositoryName, list[Judged]]
) -> dict[RepositoryName, list[tuple[Judged, float]]]:
    async with open_registry(settings) as registry:
        await registry.seeding.seed(sample=True, progress=lambda _done, _total: None)
        registry.repositories.create(_GENERATED)
        fetch = ["git", "-C", str(settings.repositories / f"{_GENERATED}.git"), "fetch", "-q", str(source.resolve())]
        await asyncio.to_thread(subprocess.run, [*fetch, "+main:main"], check=True, env=clean_environment())
        await registry.indexing.rebuild(_SAMPLE)
        await registry.indexing.rebuild(_GENERATED)
        return {
            name: [(each, await _score(registry, name, each)) for each in queries] for name, queries in judged.items()
        }


async def _score(registry: Registry, repository: RepositoryName, judged: Judged) -> float:
    page = await registry.search.search(Query(repository, judged.query, limit=10))
    if page.degraded:
        raise RuntimeError("The search engine was away while it was judged.")
    return ndcg([hit.name for hit in page.hits], judged.grades)


def _at_least(limit: float) -> Bound:
    return Bound(limit, at_least=True, words=f"≥ {limit}")
