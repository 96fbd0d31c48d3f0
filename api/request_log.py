"""Which requests the log tells of: those that took long or failed by our fault; with level debug every one."""

import logging
from dataclasses import dataclass

SLOW_SECONDS = 1.0
"""A request whose answer began later than this is told of."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """One request that was answered.

    ``waited`` is the time until the answer began, ``seconds`` until it ended: a stream, or a slow client, lets it last.
    """

    method: str
    path: str
    route: str
    status: int
    waited: float
    seconds: float
    user: str = ""


def tell(served: Served, request_id: bytes | None = None) -> None:
    """Writes the line of one request, if it is to have one. A query is not shown: it holds what people look for.

    ``request_id`` is given where the code does not run under it (``request_ids.CURRENT``).
    """
    failed = served.status >= 500
    level = logging.WARNING if failed else logging.INFO if served.waited >= SLOW_SECONDS else logging.DEBUG
    if not log.isEnabledFor(level):
        return
    fields = {
        "http.request.method": served.method,
        "url.path": loggable(served.path),
        "http.route": served.route,
        "http.response.status_code": served.status,
        "event.duration": round(served.seconds * 1e9),
        "user.name": served.user,
    }
    what = f"{served.method} {loggable(served.path)} {served.status} in {served.waited * 1000:.0f} ms"
    if request_id is not None:
        fields["http.request.id"] = request_id.decode()
    log.log(level, "%s", what, extra={name: value for name, value in fields.items() if value != ""})


def loggable(path: str) -> str:
    """A path as a line shows it: no line ends, no signs that a terminal obeys, not too long."""
    return path.encode("unicode_escape").decode()[:500]
