"""The audit as JSON lines, in pieces that memory can hold."""

from collections.abc import AsyncIterator

import orjson

from api.schemas.audit import entry_body, mark_body
from registry.domain.audit import AuditFilter, AuditMarkKind
from registry.services.audit import Audit

MEDIA_TYPE = "application/x-ndjson"

_FORM = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


async def audit_lines(audit: Audit, wanted: AuditFilter) -> AsyncIterator[bytes]:
    """Pieces of whole lines, oldest entry first.

    Where everything is wanted, a line with the ``mark`` behind which the chain begins comes first where it was pruned,
    and the signed head last: then the lines can be verified by themselves. Raises Unavailable.
    """
    whole = wanted == AuditFilter()
    state = await audit.state()
    pruned = state.mark(AuditMarkKind.PRUNED)
    if whole and pruned is not None:
        yield orjson.dumps({"mark": mark_body(pruned)}, option=_FORM)
    async for piece in audit.export(wanted):
        yield b"".join(orjson.dumps(entry_body(entry), option=_FORM) for entry in piece)
    head = (await audit.state()).mark(AuditMarkKind.HEAD)
    if whole and head is not None:
        yield orjson.dumps({"mark": mark_body(head)}, option=_FORM)
