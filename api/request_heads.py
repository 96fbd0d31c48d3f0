"""What is wrong with a request before anybody asks what it wants. The connection answers that itself, and ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.edge import HeadLimits

Headers = Sequence[tuple[bytes, bytes]]

ADVICE = (
    "check the method, the headers, the length of the body, and the address, "
    "which is ASCII without spaces and control characters: percent-encode the rest."
)


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer's status and detail, and the word for it in the metrics."""

    status: int
    detail: str
    reason: str


def malformed(message: str) -> Fault:
    """What the parser cannot read, or what two readers could understand differently."""
    return Fault(400, f"{message.rstrip('.')}: {ADVICE}", "malformed")


def long_address(limits: HeadLimits) -> Fault:
    """A longer address than is taken."""
    return Fault(
        414,
        f"The address is longer than {limits.address_bytes} bytes: send a shorter query, or what is long in a body.",
        "long_address",
    )


def large_head(limits: HeadLimits) -> Fault:
    """More, or longer, headers than are taken."""
    return Fault(
        431,
        f"The request's line and headers are longer than {limits.head_bytes} bytes, or they are more than "
        f"{limits.headers} headers, or the body comes in too many small chunks.",
        "large_head",
    )


def find_fault(version: str, headers: Headers, *, leaves: bool) -> Fault | None:
    """What of a head that was parsed is refused nevertheless: a proxy in front may have read it in another way.

    ``leaves``: the parser takes what follows for another protocol's (``Upgrade``, ``CONNECT``), also a body.
    """
    if version not in {"1.1", "1.0"}:
        return malformed("This server speaks HTTP/1.1 and 1.0")
    hosts = lengths = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            lengths += 1
        elif name == b"transfer-encoding" and (version == "1.0" or value.lower() != b"chunked"):
            return malformed("Of the codings of a transfer only chunked is understood, and in HTTP/1.1")
        if leaves and name in {b"content-length", b"transfer-encoding"}:
            return malformed("A request with a body cannot ask for another protocol (Upgrade, CONNECT)")
    if lengths > 1:
        return malformed("The Content-Length is given more than once")
    if hosts > 1 or (not hosts and version == "1.1"):
        return malformed("A request has one Host header")
    return None
