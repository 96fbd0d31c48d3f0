"""Cursors of lists: opaque to callers, bound to the list that they come from."""

import base64
import binascii
from hashlib import blake2b

import orjson

from registry.domain.errors import BadRequest
from registry.domain.template import Json

_MARK_BYTES = 6
_TOO_LARGE = 2**63


def make_cursor(request: Json, position: list[str | int | float]) -> str:
    """A cursor behind ``position`` in the list that ``request`` asks for (what is listed, filtered and sorted)."""
    return base64.urlsafe_b64encode(orjson.dumps([_mark(request), *position])).decode().rstrip("=")


def read_cursor(request: Json, cursor: str, kinds: tuple[type, ...]) -> list[str | int | float]:
    """The position, whose parts have the given types. Raises BadRequest for a cursor that is not of this list."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        mark, *position = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadRequest("The cursor cannot be read: pass next_cursor of the page before as it is.") from error
    if mark != _mark(request):
        raise BadRequest("The cursor belongs to another list or filter: begin again without a cursor.")
    fits = len(position) == len(kinds) and all(type(p) is k for p, k in zip(position, kinds, strict=True))
    if not fits or any(isinstance(p, int) and abs(p) >= _TOO_LARGE for p in position):
        raise BadRequest("The cursor cannot be read: pass next_cursor of the page before as it is.")
    return list(position)


def _mark(request: Json) -> str:
    return blake2b(orjson.dumps(request), digest_size=_MARK_BYTES).hexdigest()
