"""A Git node, an indexer and an API replica whose PostgreSQL goes away: every template is read on, through the replica."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster, make_cluster
from tests.own_services import own_postgres
from tests.running import template_path, text_template


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[Any]:
    async with own_postgres(tmp_path / "postgres") as server:
        yield server


def started(cluster: Cluster) -> None:
    made = cluster.git.command("init", "default")
    assert made.returncode == 0, made.stderr
    cluster.start()
    for name in ("support/triage", "support/reply"):
        for text in ("first", "second"):
            condition = {"If_None_Match": "*"} if text == "first" else {"If_Match": "*"}
            status, _, answer = cluster.git.put(name, text_template(text), **condition)
            assert status in {200, 201}, answer


def read(cluster: Cluster, name: str, **query: str) -> tuple[int, str | None, Any, float]:
    began = time.monotonic()
    status, headers, answer = cluster.replicas[0].call("GET", template_path(name, **query))
    marked = next((value for key, value in dict(headers).items() if key.lower() == "promptuary-degraded"), None)
    return status, marked, answer, time.monotonic() - began


def unmarked(cluster: Cluster, name: str, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while read(cluster, name)[:2] != (200, None):
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.e2e
async def test_a_replica_has_from_the_git_node_what_it_never_read(postgres: Any, tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path, postgres.url, indexers=1, replicas=1)
    try:
        await asyncio.to_thread(started, cluster)
        await asyncio.to_thread(unmarked, cluster, "support/triage")
        await asyncio.sleep(2.5)  # the key has to be looked up again, and the snapshot is there
        for how in ("stop", "kill"):
            await getattr(postgres, how)()
            await asyncio.sleep(1.1)  # for a second after it was compared an answer is as good as new
            for name, query, wanted in (
                ("support/triage", {}, "second"),
                ("support/reply", {"label": "latest"} if how == "stop" else {}, "second"),
                ("support/reply", {"version": "1"} if how == "stop" else {"version": "2"}, "first second"),
            ):
                status, marked, answer, seconds = await asyncio.to_thread(read, cluster, name, **query)
                assert (status, marked is not None) == (200, True), answer
                assert answer["source"].split("text: |\n  ")[1].strip() in wanted
                assert marked == ("git" if name == "support/reply" else "cache")
                assert seconds < 3.0
            put = await asyncio.to_thread(
                cluster.replicas[0].put, "support/reply", text_template("third"), If_Match="*"
            )
            assert put[0] == 503
            await (postgres.cont() if how == "stop" else postgres.restart())
            await asyncio.to_thread(unmarked, cluster, "support/triage")
    finally:
        await asyncio.to_thread(cluster.stop)
