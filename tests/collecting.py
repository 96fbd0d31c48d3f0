"""A collector of traces: a server over HTTP that takes what OpenTelemetry sends, and keeps it."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Received:
    """The spans that a collector got, and what was said of who sent them."""

    spans: list[Any] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def of(self, trace: str) -> dict[str, Any]:
        """The spans of one trace by name."""
        return {span.name: span for span in self.spans if span.trace_id.hex() == trace}

    def wait_for(self, trace: str, *names: str) -> dict[str, Any]:
        until = time.monotonic() + 20
        while not set(names) <= set(self.of(trace)):
            assert time.monotonic() < until, f"only {sorted(self.of(trace))} of {names}"
            time.sleep(0.1)
        return self.of(trace)


@contextmanager
def collector() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            received.headers.append({name.lower(): value for name, value in self.headers.items()})
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                received.resources.append({a.key: a.value.string_value for a in resource.resource.attributes})
                received.spans += [span for scope in resource.scope_spans for span in scope.spans]
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
