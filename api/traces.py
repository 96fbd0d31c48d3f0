"""Traces by OpenTelemetry, where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; else nothing of it is even imported."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from api.redaction import Redaction
from registry.domain.errors import Unavailable
from registry.ports.tracing import trace_with
from registry.settings import TraceSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

log = logging.getLogger(__name__)

NAME = "promptuary"
_REDACTION = Redaction()
EXPORT_SECONDS = 5.0
"""How long the last spans may take to be sent when the process ends."""


class _Traced:
    """The tracer of this process while it traces; as there is one log, there is one of these."""

    tracer: "Tracer | None" = None


@contextmanager
def tracing(settings: TraceSettings, process: str) -> Iterator[None]:
    """Sends spans to where the settings say while the context is open. Raises Unavailable where that cannot be."""
    if not settings.wanted:
        yield
        return
    try:
        provider = _provider(process)
    except ImportError as error:
        raise Unavailable(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and OpenTelemetry is not installed: it comes with promptuary[server]."
        ) from error
    _Traced.tracer = tracer = provider.get_tracer(NAME, version(NAME))
    trace_with(partial(_span, tracer))
    log.info("traces are sent to %s", settings.exporter_otlp_traces_endpoint or settings.exporter_otlp_endpoint)
    try:
        yield
    finally:
        trace_with(None)
        _Traced.tracer = None
        provider.force_flush(round(EXPORT_SECONDS * 1000))
        provider.shutdown()


def _provider(process: str) -> "TracerProvider":
    """Its sampler, headers, batches and whatever else are set as OpenTelemetry's own settings say."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.version": version(NAME), "promptuary.role": process})
    if "unknown_service" in str(resource.attributes.get("service.name", "unknown_service")):
        resource = resource.merge(Resource({"service.name": NAME}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def request_span(scope: Scope) -> AbstractContextManager[object]:
    """The span of a request, below the caller's where a ``traceparent`` (W3C) names that."""
    return nullcontext() if _Traced.tracer is None else _request_span(_Traced.tracer, scope)


@contextmanager
def _request_span(tracer: "Tracer", scope: Scope) -> Iterator[object]:
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    caller = TraceContextTextMapPropagator().extract(headers)
    attributes = {"http.request.method": scope["method"], "url.path": scope["path"]}
    with _span(tracer, scope["method"], attributes, context=caller, kind=SpanKind.SERVER) as span:
        yield span


@contextmanager
def _span(tracer: "Tracer", name: str, attributes: Mapping[str, str], **how: Any) -> Iterator[object]:
    """A span without secrets. Of an error it says the class alone: messages quote what callers sent."""
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    shown = {key: _REDACTION.text(value) for key, value in attributes.items()}
    opened = tracer.start_as_current_span(
        _REDACTION.text(name), attributes=shown, record_exception=False, set_status_on_exception=False, **how
    )
    with opened as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise


def name_request(span: object, method: str, route: str, status: int) -> None:
    """What is known of a request once it is over; status 0 is one that is handed on."""
    if _Traced.tracer is None or span is None:
        return
    from opentelemetry.trace import Span, Status, StatusCode  # noqa: PLC0415

    assert isinstance(span, Span)
    span.update_name(f"{method} {route}" if route else method)
    span.set_attributes({"http.route": route, **({"http.response.status_code": status} if status else {})})
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def trace_ids() -> tuple[str, str] | None:
    """The trace and the span that the running code belongs to, in hexadecimal digits; None where it is none."""
    if _Traced.tracer is None:
        return None
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span  # noqa: PLC0415

    context = get_current_span().get_span_context()
    return (format_trace_id(context.trace_id), format_span_id(context.span_id)) if context.is_valid else None


def traceparent() -> str | None:
    """The header by which another server joins the trace."""
    ids = trace_ids()
    if ids is None:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    return f"00-{ids[0]}-{ids[1]}-{int(get_current_span().get_span_context().trace_flags):02x}"
