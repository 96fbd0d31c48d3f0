"""An id for each request: the caller's own where it is sensible, else a new one."""

import itertools
import re
import secrets
from contextvars import ContextVar

HEADER = b"x-request-id"

CURRENT: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that the running code works for; the log puts it into every line."""

_SENSIBLE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class RequestIds:
    """Gives out ids that are unique over all processes: a random beginning and a count."""

    def __init__(self) -> None:
        self._beginning = secrets.token_hex(6).encode()
        self._count = itertools.count(1)

    def take(self, header: bytes | None = None) -> bytes:
        """The id in the caller's X-Request-Id, if it is one, else the next of ours."""
        if header is not None and _SENSIBLE.fullmatch(header):
            return header
        return b"%s-%x" % (self._beginning, next(self._count))
