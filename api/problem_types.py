"""The kinds of problems (RFC 9457), and those that arise at the edge, before an application is reached."""

from collections.abc import Mapping
from dataclasses import dataclass

ERRORS_PAGE = "/docs/errors"
"""Where the problem types are explained; a problem's ``type`` is this with the type's name as the fragment."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem: its name in the type URI, status and title, and what the caller can do about it."""

    name: str
    status: int
    title: str
    advice: str

    @property
    def uri(self) -> str:
        """The type URI, relative to the server."""
        return f"{ERRORS_PAGE}#{self.name}"


TOO_MANY_REQUESTS = ProblemType(
    "too-many-requests",
    429,
    "Too many requests",
    "Wait for the seconds in `Retry-After`. `RateLimit-Policy` and `RateLimit` say what is allowed and what is left of "
    "it; whoever runs the server sets it (`docs/edge.md`).",
)

EDGE_PROBLEMS: Mapping[int, ProblemType] = {
    408: ProblemType(
        "request-timeout", 408, "The request did not come in time", "Send it faster, or in smaller parts."
    ),
    414: ProblemType(
        "address-too-long", 414, "The address is too long", "Shorten the query; what is long can stand in a body."
    ),
    429: TOO_MANY_REQUESTS,
    431: ProblemType(
        "headers-too-large", 431, "The headers are too large or too many", "Send fewer, and shorter ones."
    ),
}
"""By status."""
