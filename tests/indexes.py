"""Elasticsearch indexes of one test, in a namespace of its own, deleted at its end."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx

from registry.adapters.elasticsearch.cluster import Cluster
from registry.adapters.elasticsearch.search_index import ElasticsearchSearchIndex
from registry.ports.catalogue import TemplateIndex
from tests.backing import elasticsearch_url

PATIENCE = 20.0
"""Seconds for a search: tests share a machine, and an engine that has just started is slow."""


@asynccontextmanager
async def namespace() -> AsyncIterator[tuple[Cluster, str]]:
    """A connection, and a begin of index names that nobody else uses."""
    cluster, name = Cluster(elasticsearch_url(), search_seconds=PATIENCE), f"test-{secrets.token_hex(6)}"
    try:
        yield cluster, name
    finally:
        await delete_indexes(cluster, name)
        await cluster.close()


async def delete_indexes(cluster: Cluster, name: str) -> None:
    """Deletes every index of a namespace."""
    for index in await cluster.call("GET", f"/{name}*/_alias"):
        await cluster.call("DELETE", f"/{index}")


def forget_indexes(address: str, name: str) -> None:
    """The same for processes that have ended; an Elasticsearch of the test's own may have ended, too."""
    with suppress(httpx.TransportError), httpx.Client(base_url=address, timeout=10) as client:
        for index in client.get(f"/{name}*/_alias").raise_for_status().json():
            client.delete(f"/{index}").raise_for_status()


@asynccontextmanager
async def elasticsearch(templates: TemplateIndex) -> AsyncIterator[ElasticsearchSearchIndex]:
    """An index without documents, over a catalogue."""
    async with namespace() as (cluster, name):
        yield ElasticsearchSearchIndex(cluster, namespace=name, templates=templates)
