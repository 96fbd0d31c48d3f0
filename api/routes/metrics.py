"""The metrics of this process."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from api.dependencies import NO_QUERY
from api.documented import problems
from api.metrics import Metrics
from api.needs import ServerReader
from registry.domain import errors

router = APIRouter(tags=["health"])

OPENMETRICS = "application/openmetrics-text"
EXAMPLE = """\
# HELP promptuary_outbox_depth Templates that the search index has not got yet.
# TYPE promptuary_outbox_depth gauge
promptuary_outbox_depth 0.0
"""


async def metrics_of(request: Request) -> Metrics:
    """The metrics of the application."""
    metrics: Metrics = request.app.state.metrics
    return metrics


@router.get(
    "/metrics",
    dependencies=[NO_QUERY],
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format, or OpenMetrics where the caller takes it.",
            "content": {
                kind: {"schema": {"type": "string"}, "example": EXAMPLE} for kind in ("text/plain", OPENMETRICS)
            },
        },
        **problems(errors.Unauthenticated, errors.Denied, errors.BadRequest, errors.Unavailable),
    },
)
async def read_metrics(
    _caller: ServerReader,
    metrics: Annotated[Metrics, Depends(metrics_of)],
    accept: Annotated[str, Header(description="Which of the two formats, as Prometheus says it.")] = "",
) -> Response:
    """What this process has counted, with other workers on the same port, for Prometheus. Each address has its own."""
    page, media_type = await metrics.page(accept)
    response = Response(page)
    response.headers["content-type"] = media_type
    response.headers["cache-control"] = "private, no-cache"
    return response
