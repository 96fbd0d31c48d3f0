"""The page for Prometheus: valid in both formats, complete, cheap to keep, and there when the catalogue is not."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from api.metric_families import FAMILIES, PREFIX, Kind
from api.metrics_page import PAGE, metrics_page
from registry.bootstrap import Registry
from registry.domain.dependencies import Circuit, Condition
from registry.domain.errors import Unavailable
from tests.pushing import REPOSITORY, Pusher, text_template

ROOT = Path(__file__).parents[2]
BASE = "http://test/api/v1/repositories/default"
TEMPLATES = "/api/v1/repositories/{repository}/templates/{name}"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("http://test/metrics", headers={"Accept": OPENMETRICS})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    return {
        (sample.name.removeprefix(PREFIX), frozenset(sample.labels.items())): sample.value
        for family in read_openmetrics(answer.text)
        for sample in family.samples
    }


def at(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


async def test_the_page_is_valid_in_both_formats(read_only: httpx.AsyncClient) -> None:
    await read_only.get("/templates/support/triage")
    plain = await read_only.get("http://test/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in read_text(plain.text)}
    for family in FAMILIES:
        assert families[family.full_name].type == family.kind.value
        assert families[family.full_name].documentation == family.help
        for sample in families[family.full_name].samples:
            assert set(sample.labels) - {"le"} == set(family.labels)
    openmetrics = await scraped(read_only)
    assert at(openmetrics, "process_resident_memory_bytes") > 1e6
    assert at(openmetrics, "metrics_unread") == 0
    assert at(openmetrics, "pool_connections", pool="write", state="limit") == 1
    assert at(openmetrics, "pool_connections", pool="read", state="in_use") == 0


async def test_only_what_is_listed_is_measured(read_only: httpx.AsyncClient) -> None:
    page = (await read_only.get("http://test/metrics")).text
    found = {family.name for family in read_text(page) if family.name.startswith(PREFIX)}
    assert found <= {family.full_name for family in FAMILIES}


async def test_it_needs_a_key_and_no_more_than_one_that_reads(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/metrics")).status_code == 401


async def test_requests_are_counted_by_the_template_of_their_route(read_only: httpx.AsyncClient) -> None:
    before = await scraped(read_only)
    for path in ("support/triage", "support/triage", "no/such", "고객지원/환불"):
        await read_only.get(f"/templates/{path}")
    await read_only.get("http://test/nowhere/at/all")
    await read_only.request("PROPFIND", "/templates/support/triage")
    after = await scraped(read_only)

    def grown(name: str, **labels: str) -> float:
        return at(after, name, **labels) - at(before, name, **labels)

    assert grown("http_requests_total", method="GET", route=TEMPLATES, status="200") == 3
    assert grown("http_requests_total", method="GET", route=TEMPLATES, status="404") == 1
    assert grown("http_requests_total", method="GET", route="none", status="404") == 1
    assert grown("http_requests_total", method="GET", route="/metrics", status="200") == 1
    assert grown("http_request_duration_seconds_count", method="GET", route=TEMPLATES) == 4
    assert grown("http_request_duration_seconds_bucket", method="GET", route=TEMPLATES, le="+Inf") == 4
    assert 0 < grown("http_request_duration_seconds_sum", method="GET", route=TEMPLATES) < 10
    assert {dict(labels)["method"] for name, labels in after if name == "http_requests_total"} <= {"GET", "other"}
    assert at(after, "http_requests_in_flight") == 1, "the scrape itself"


async def test_the_hot_reads_are_counted_with_their_cache(read_only: httpx.AsyncClient) -> None:
    before = await scraped(read_only)
    etag = ""
    for _ in range(5):
        answer = await read_only.get("/templates/support/triage", headers={"If-None-Match": etag})
        etag = answer.headers["etag"]
    after = await scraped(read_only)
    hits, misses = ({"layer": "answers", "outcome": outcome} for outcome in ("hit", "miss"))
    assert at(after, "cache_lookups_total", **hits) - at(before, "cache_lookups_total", **hits) >= 3
    assert at(after, "cache_lookups_total", **misses) >= 0
    unchanged = {"method": "GET", "route": TEMPLATES, "status": "304"}
    assert at(after, "http_requests_total", **unchanged) == 4
    assert at(after, "answer_cache_entries") > 0
    assert at(after, "answer_cache_bytes") > 0


async def test_what_the_inside_does(client: httpx.AsyncClient, stocked: Registry) -> None:
    before = await scraped(client)
    body = text_template("Good day, {{ name }}")
    answer = await client.put(
        "/templates/new/one", content=body, headers={"Content-Type": "application/yaml", "If-None-Match": "*"}
    )
    assert answer.status_code == 201, answer.text
    after = await scraped(client)

    def grown(name: str, **labels: str) -> float:
        return at(after, name, **labels) - at(before, name, **labels)

    assert grown("gate_seconds_count", way="write", outcome="accepted") == 1
    assert grown("projection_seconds_count", outcome="projected") == 1
    assert grown("projected_commits_total") == 1
    assert grown("projected_versions_total") == 1
    ref = {"repository": "default", "ref": "refs/heads/main"}
    assert grown("index_ordinal", **ref) == 1
    assert at(after, "index_lag_commits", **ref) == at(after, "index_lag_seconds", **ref) == 0
    assert at(after, "outbox_depth") == 0


async def test_the_outbox_is_as_deep_as_what_waits(client: httpx.AsyncClient, stocked: Registry) -> None:
    templates = await stocked.search._outbox.fill(REPOSITORY)  # which nobody feeds for the moment
    assert templates > 0
    assert at(await scraped(client), "outbox_depth") == templates + 2, "a mark before them, and one behind"
    await stocked.indexing.reconcile()
    assert at(await scraped(client), "outbox_depth") == 0


async def test_pushes_by_what_the_gate_said(registry: Registry) -> None:
    registry.git.create(REPOSITORY)
    pusher = Pusher(registry)
    await pusher.land({"prompts/a.prompt.yaml": text_template("one {{ name }}")})
    refused = await pusher.push({"prompts/b.prompt.yaml": "schema: nonsense\n"})
    assert not refused.accepted
    counted = {labels: each.count for (_, labels), each in registry.meters.durations.items() if labels[0] == "push"}
    assert counted == {("push", "accepted"): 1, ("push", "refused"): 1}


async def test_a_lag_is_told_until_the_projection_comes_on(
    client: httpx.AsyncClient, stocked: Registry, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.running import commit
    from tests.running import text_template as template

    bare = stocked.git.path(REPOSITORY)
    with stocked.git.open(REPOSITORY) as store:
        tip = store.resolve("main")
    made = commit(bare, str(tip), {"prompts/late.prompt.yaml": template("late")})
    (bare / "refs/heads/main").write_text(f"{made}\n")
    clock = [1000.0]
    monkeypatch.setattr("api.metrics.time.monotonic", lambda: clock[0])
    ref = {"repository": "default", "ref": "refs/heads/main"}
    seen = []
    for _ in range(2):
        samples = await scraped(client)
        seen.append((at(samples, "index_lag_commits", **ref), at(samples, "index_lag_seconds", **ref)))
        clock[0] += 15
    monkeypatch.undo()
    await stocked.indexing.poke(REPOSITORY)
    samples = await scraped(client)
    seen.append((at(samples, "index_lag_commits", **ref), at(samples, "index_lag_seconds", **ref)))
    assert seen == [(1, 0), (1, 15), (0, 0)]


async def test_without_the_catalogue_the_rest_is_told(
    read_only: httpx.AsyncClient, stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await read_only.get("/templates/support/triage")

    async def away(*_: object) -> None:
        raise Unavailable("The catalogue is away.")

    monkeypatch.setattr(type(stocked.indexing), "status", away)
    monkeypatch.setattr(type(stocked.indexing), "waiting", away)
    samples = await scraped(read_only)
    assert at(samples, "metrics_unread") == 2
    assert at(samples, "http_requests_total", method="GET", route=TEMPLATES, status="200") == 1
    assert not [name for name, _ in samples if name in {"index_lag_commits", "outbox_depth"}]


async def test_breakers(read_only: httpx.AsyncClient, stocked: Registry) -> None:
    from datetime import UTC, datetime

    class Away:
        def condition(self) -> Condition:
            return Condition("Redis", Circuit.OPEN, datetime.now(UTC), "refused")

    stocked.readiness.depend_on(Away())
    samples = await scraped(read_only)
    found = {state.value: at(samples, "circuit", dependency="Redis", state=state.value) for state in Circuit}
    assert found == {"open": 1, "closed": 0, "half_open": 0}


def test_the_page_in_the_docs_is_that_of_the_code() -> None:
    text = PAGE.read_text("utf-8")
    assert text == metrics_page(text), "python -m api.metrics_page"


def names_of_samples() -> set[str]:
    suffixes = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
    return {family.full_name + suffix for family in FAMILIES for suffix in suffixes[family.kind]}


@pytest.mark.parametrize("file", ["docs/metrics.md", "deploy/prometheus/alerts.yml"])
def test_queries_ask_for_what_there_is(file: str) -> None:
    named = set(re.findall(r"promptuary_[a-z_]+", (ROOT / file).read_text()))
    assert named
    assert {name for name in named if name not in names_of_samples() | {f.full_name for f in FAMILIES}} == set()


def test_the_alerts_are_well_formed() -> None:
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(names) == len(set(names)) >= 6
    for rule in group["rules"]:
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert {"summary", "description"} == set(rule["annotations"])
