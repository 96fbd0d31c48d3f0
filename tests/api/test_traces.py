"""Traces reach a collector over OTLP when an endpoint is set, and are not even imported otherwise."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.collecting import collector
from tests.running import ROOT, Running, text_template

pytestmark = pytest.mark.e2e

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_a_request_its_gate_projection_and_statements(tmp_path: Path) -> None:
    with collector() as received:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{received.port}",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20collector-token",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PROMPTUARY_LOG_FORMAT": "json",
            "PROMPTUARY_LOG_LEVEL": "debug",
        }
        running = Running(tmp_path / "data", tmp_path / "log", settings=settings)
        running.start()
        try:
            joined = {"If-None-Match": "*", "traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-Id": "mine-1"}
            status, _, _ = running.put("a/b", text_template("Good day"), **joined)
            assert status == 201
            spans = received.wait_for(
                TRACE, "PUT /api/v1/repositories/{repository}/templates/{name}", "gate", "projection", "SQLite write"
            )
            other = TRACE.replace("0", "1")
            running.call(
                "GET",
                "/api/v1/repositories/default/templates/a/b",
                headers={"traceparent": f"00-{other}-{CALLER}-01"},
            )
            read = received.wait_for(other, "GET /api/v1/repositories/{repository}/templates/{name}", "SQLite read")
        finally:
            running.stop()
    request = spans["PUT /api/v1/repositories/{repository}/templates/{name}"]
    assert request.parent_span_id.hex() == CALLER
    assert attributes(request)["http.response.status_code"] == 201
    assert attributes(request)["url.path"] == "/api/v1/repositories/default/templates/a/b"
    assert attributes(spans["gate"]) == {"repository": "default"}
    assert spans["gate"].parent_span_id != b""
    parent = read["GET /api/v1/repositories/{repository}/templates/{name}"]
    assert read["SQLite read"].parent_span_id == parent.span_id
    assert received.resources[0]["service.name"] == "promptuary"
    assert received.resources[0]["promptuary.role"] == "serve"
    assert received.headers[0]["authorization"] == "Bearer collector-token"
    log = running.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    told = next(line for line in lines if line.get("http", {}).get("request", {}).get("id") == "mine-1")
    assert told["trace"]["id"] == TRACE
    assert "collector-token" not in log
    assert running.key not in str(received.spans)


def test_a_collector_that_is_away_costs_nothing_but_its_traces(tmp_path: Path) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    running = Running(tmp_path / "data", tmp_path / "log", settings=settings)
    running.start()
    started = time.monotonic()
    for number in range(5):
        assert running.put(f"a/b{number}", text_template("Good day"), If_None_Match="*")[0] == 201
    running.stop()
    assert time.monotonic() - started < 30


def test_without_an_endpoint_nothing_of_it_is_imported() -> None:
    """FastAPI looks for OpenTelemetry's interface by itself; what costs time and memory is not there."""
    code = "import api.server, api.app, sys; print([m for m in sys.modules if m.startswith(%r)])"
    ours = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto")
    done = subprocess.run([sys.executable, "-c", code % (ours,)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
