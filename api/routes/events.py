"""What happens in a repository, as server-sent events."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api.dependencies import RegistryDep, Repository
from api.documented import READ, problems
from api.event_streams import EventStream
from api.gateway import SECRET
from api.needs import Reader
from api.schemas.events import STREAM_EXAMPLE, EventQuery

router = APIRouter(tags=["events"])


@router.get(
    "/events",
    response_class=Response,
    responses={
        200: {
            "description": "Events until either side ends the connection. `data` is an `EventBody`.",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string", "contentSchema": {"$ref": "#/components/schemas/EventBody"}},
                    "example": STREAM_EXAMPLE,
                }
            },
        },
        **problems(*READ),
    },
)
async def follow_events(
    registry: RegistryDep,
    caller: Reader,
    repository: Repository,
    query: Annotated[EventQuery, Query()],
    request: Request,
    last_event_id: Annotated[
        str | None, Header(description="The `id` of the last event that you have: what came after it is sent first.")
    ] = None,
) -> Response:
    """Streams what happens to templates, labels and the index, from now on or from where you were.

    After a lost connection, also one that a restart of the server ended, send the last `id`: no event is lost and none
    comes twice. A `reset` says that the way from there to here cannot be told (the branch was rewritten, or more than
    10,000 events were missed): read everything again. A `resume` ends a stream that was taken too slowly.
    """
    after = last_event_id if last_event_id is not None else query.after
    return EventStream(
        registry, repository, query.filter(caller.sight(repository)), after=after, secret=request.scope[SECRET]
    )
