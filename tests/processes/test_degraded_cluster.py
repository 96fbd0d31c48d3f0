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


def rendered(cluster: Cluster, name: str) -> tuple[int, str | None, str]:
    status, headers, answer = cluster.replicas[0].call(
        "POST", f"/api/v1/repositories/default/render/{name}", '{"variables": {}}', {"Content-Type": "application/json"}
    )
    return status, headers.get("promptuary-degraded"), str(answer)


def promoted(cluster: Cluster) -> None:
    """Has everything read and rendered on the replica, and changed then; nothing reads it afterwards."""
    for _ in range(3):
        assert read(cluster, "support/triage")[:2] == rendered(cluster, "support/triage")[:2] == (200, None)
    until = time.monotonic() + 10
    while True:  # the Git node finds out for itself that PostgreSQL is there again
        status, _, answer = cluster.git.put("support/triage", text_template("fourth"), If_Match="*")
        if status != 503 or time.monotonic() > until:
            break
        time.sleep(0.1)
    assert status == 200, answer
    time.sleep(2)  # the replica is told, and the snapshot is there


@pytest.mark.e2e
async def test_a_replica_has_from_the_git_node_what_it_never_read(postgres: Any, tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path, postgres.url, indexers=1, replicas=1)
    try:
        await asyncio.to_thread(started, cluster)
        await asyncio.to_thread(unmarked, cluster, "support/triage")
        await asyncio.sleep(2.5)  # the key has to be looked up again, and the snapshot is there
        for how in ("stop", "kill"):
            await asyncio.to_thread(unmarked, cluster, "support/triage")  # whatever was told late has been told by now
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
        await asyncio.to_thread(promoted, cluster)
        await postgres.kill()
        for _ in range(2):
            _, marked, answer, _ = await asyncio.to_thread(read, cluster, "support/triage")
            assert (marked, "fourth" in str(answer)) == ("git", True), "what is known to be old is asked for in Git"
            _, marked, text = await asyncio.to_thread(rendered, cluster, "support/triage")
            assert (marked, "fourth" in text) == ("git", True)
            assert "second" in (await asyncio.to_thread(rendered, cluster, "support/reply"))[2], "never rendered here"
        cluster.git.kill()
        status, marked, answer, _ = await asyncio.to_thread(read, cluster, "support/triage")
        assert (status, marked, "second" in str(answer)) == (200, "cache", True), "better than none"
        status, marked, text = await asyncio.to_thread(rendered, cluster, "support/triage")
        assert (status, marked, "second" in text) == (200, "cache", True)
    finally:
        await asyncio.to_thread(cluster.stop)
