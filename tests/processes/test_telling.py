"""What each process of the server tier tells of itself: metrics, and one trace through all of them."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster import Cluster, make_cluster
from tests.collecting import Received, collector
from tests.databases import address_of, migrated_database
from tests.running import Running, text_template

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


@dataclass
class Watched:
    cluster: Cluster
    received: Received


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A Git node, an indexer and an API replica, whose traces are collected, after one write by the replica."""
    with migrated_database() as name, collector() as received:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{received.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PROMPTUARY_LOG_LEVEL": "debug",
        }
        made = make_cluster(tmp_path_factory.mktemp("watched"), address_of(name), settings=settings)
        try:
            started = made.git.command("init", "default")
            assert started.returncode == 0, started.stderr
            made.start()
            (replica,) = made.replicas
            headers = {"If_None_Match": "*", "traceparent": f"00-{TRACE}-{CALLER}-01", "X_Request_Id": "through-all"}
            assert replica.put("support/triage", text_template("first"), **headers)[0] == 201
            yield Watched(made, received)
        finally:
            made.stop()


def scraped(process: Running) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    status, headers, page = process.call("GET", "/metrics")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    return {
        (sample.name.removeprefix("promptuary_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def of(samples: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    return sum(v for (n, found), v in samples.items() if n == name and labels.items() <= dict(found).items())


def test_each_process_counts_its_own(watched: Watched) -> None:
    (replica,), (indexer,), node = watched.cluster.replicas, watched.cluster.indexers, watched.cluster.git
    for _ in range(10):  # notices of the write may come between: the answer that was kept is none then
        assert "first" in replica.read("support/triage")["source"]
    api, projecting, git = scraped(replica), scraped(indexer), scraped(node)
    roles = [dict(next(found for name, found in each if name == "build"))["role"] for each in (api, projecting, git)]
    assert roles == ["api", "indexer", "git"]

    assert of(api, "http_requests_total", route="forwarded", method="PUT", status="201") == 1
    assert of(api, "cache_lookups_total", layer="answers", outcome="hit") >= 1
    assert {dict(found)["layer"] for name, found in api if name == "cache_lookups_total"} == {
        "answers",
        "memory",
        "redis",
    }
    assert of(git, "gate_seconds_count", way="write", outcome="accepted") == 1
    assert of(git, "http_requests_total", method="PUT", status="201") == 1
    assert of(projecting, "projected_versions_total") >= 1
    assert of(projecting, "index_lag_commits", repository="default") == 0
    for each in (api, projecting, git):
        closed = {
            dict(found)["dependency"]: v
            for (n, found), v in each.items()
            if n == "circuit" and ("state", "closed") in found
        }
        assert {"PostgreSQL", "Redis", "Elasticsearch"} <= set(closed), closed
        assert of(each, "pool_connections", state="limit") > 1
        assert of(each, "process_resident_memory_bytes") > 1e7
        assert of(each, "metrics_unread") == 0


def test_one_trace_leads_from_the_replica_to_the_gate(watched: Watched) -> None:
    spans = watched.received.wait_for(
        TRACE, "PUT forwarded", "gate", "PUT /api/v1/repositories/{repository}/templates/{name}"
    )
    forwarded, there = spans["PUT forwarded"], spans["PUT /api/v1/repositories/{repository}/templates/{name}"]
    assert forwarded.parent_span_id.hex() == CALLER
    assert there.parent_span_id == forwarded.span_id
    assert {resource["promptuary.role"] for resource in watched.received.resources} >= {"api", "git"}
    assert any(name.startswith("PostgreSQL") for name in spans)


def test_a_search_leads_to_the_search_engine(watched: Watched) -> None:
    trace = TRACE[::-1]
    asked = watched.cluster.replicas[0].call(
        "GET",
        "/api/v1/repositories/default/search?q=support",
        headers={"traceparent": f"00-{trace}-{CALLER}-01"},
    )
    assert asked[0] == 200
    spans = watched.received.wait_for(trace, "Elasticsearch", "GET /api/v1/repositories/{repository}/search")
    assert spans["Elasticsearch"].parent_span_id == spans["GET /api/v1/repositories/{repository}/search"].span_id


def test_one_request_id_leads_through_the_logs(watched: Watched) -> None:
    def lines(log: Path) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line.get("http", {}).get("request", {}).get("id") == "through-all"]

    until = time.monotonic() + 10
    logs = [watched.cluster.replicas[0].log, watched.cluster.git.log]
    while not all(map(lines, logs)) and time.monotonic() < until:
        time.sleep(0.1)
    assert all(any(line.get("trace", {}).get("id") == TRACE for line in lines(log)) for log in logs)


def test_no_log_has_a_secret(watched: Watched) -> None:
    processes = (*watched.cluster.replicas, *watched.cluster.indexers, watched.cluster.git)
    assert [each.log.name for each in processes if each.key in each.log.read_text()] == []
