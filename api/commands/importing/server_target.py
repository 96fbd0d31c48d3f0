"""A server over REST as the target of an import, or of its rehearsal."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from api.commands.remote import Server, finding_lines, refusal_lines
from api.commands.transport import NoAnswer, Reply
from registry.domain.errors import (
    Denied,
    PreconditionFailed,
    PromptuaryError,
    Refused,
    Unavailable,
)
from registry.domain.ids import LabelName, TemplateName
from registry.domain.importing.outcomes import History, Presence
from registry.domain.importing.plans import Step
from registry.domain.refs import Signature
from registry.services.importing import SAID_LINES

CONNECTIONS = 16
"""Requests at a time: the server joins the writes that wait."""

PAGE = 500
_BUSY = frozenset({429, 502, 503, 504})
_MOVED_ON = frozenset({409, 412, 428})
_PRESENCE = {200: Presence.HERE, 308: Presence.RENAMED, 404: Presence.ABSENT, 410: Presence.DELETED}


class ServerTarget:
    """A server's repository, asked in threads; to be used as a context."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._threads = ThreadPoolExecutor(CONNECTIONS)
        self._names_authors = True

    def __enter__(self) -> "ServerTarget":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Begins no further request."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def history(self, name: TemplateName) -> History:
        """What there is of a template."""
        now = await self._ask("GET", "templates", name, query={"label": "latest"}, also=_PRESENCE)
        # An imported template answers to its old name too: then nothing has this name itself.
        presence = _PRESENCE[now.status]
        if presence is Presence.ABSENT:
            return History(presence)
        found: list[tuple[int, str]] = []
        cursor: str | None = None
        while True:
            query = {"limit": PAGE, "cursor": cursor}
            reply = await self._ask("GET", "versions", name, query=query, also=_PRESENCE)
            if reply.status != 200:  # only another template, imported before, had that name
                return History(Presence.ABSENT)
            page = self._read(reply, "versions")
            found += [(each["version"], each["subject"]) for each in page["versions"] if each["cause"] is None]
            cursor = page.get("next_cursor")
            if cursor is None:
                return History(presence, found, now.headers.get("etag"))

    async def commit(
        self, step: Step, etag: str | None, message: str, author: Signature | None
    ) -> tuple[int, str] | None:
        """Writes a step's file; where the key may name no author the trailers of the message say it."""
        assert step.source is not None, "a step without a file is not sent"
        change = {"action": "put", "name": step.name, "source": step.source.decode()}
        body: dict[str, Any] = {"message": message, "changes": [change | ({"if_match": etag} if etag else {})]}
        if author is not None and self._names_authors:
            signed = {"name": author.name, "email": author.email, "time": author.time.isoformat()}
            reply = await self._call("POST", "commits", body=body | {"author": signed})
            if reply.status == 403 and not _judged(reply):
                self._names_authors = False  # only administrators may
                reply = await self._call("POST", "commits", body=body)
        else:
            reply = await self._call("POST", "commits", body=body)
        made = self._read(self._checked(reply), "changes")["changes"][0]
        return (made["version"], made["etag"]) if made["version"] and made["etag"] else None

    async def check(self, files: Mapping[str, bytes], message: str) -> None:
        """Raises Refused where a commit of these files would be; the server writes nothing."""
        texts = {path: data.decode() for path, data in files.items()}
        reply = await self._ask("POST", "check", body={"files": texts, "message": message})
        said = self._read(reply, "accepted", "diagnostics")
        if not said["accepted"]:
            raise Refused(_told(said["diagnostics"]), diagnostics=())

    async def labels(self) -> Mapping[LabelName, Mapping[TemplateName, int]]:
        """Where labels point."""
        found: Mapping[LabelName, Mapping[TemplateName, int]] = self._read(await self._ask("GET", "labels"), "labels")[
            "labels"
        ]
        return found

    async def last_move(self, label: LabelName, name: TemplateName) -> str | None:
        """The subject of the commit that moved a template's label last."""
        reply = await self._ask("GET", "labels", label, name, also={404})
        moves = self._read(reply, "history")["history"] if reply.status == 200 else []
        return str(moves[0]["subject"]) if moves else None

    async def move(self, label: LabelName, name: TemplateName, version: int, message: str) -> None:
        """Points a label to a version."""
        await self._ask("PUT", "labels", label, name, body={"version": version, "message": message})

    async def _ask(self, method: str, *path: str, also: Any = (), **given: Any) -> Reply:
        """A successful answer, or one of the statuses of ``also``. Raises the error that another stands for."""
        reply = await self._call(method, *path, **given)
        return reply if reply.status in also else self._checked(reply)

    async def _call(self, method: str, *path: str, **given: Any) -> Reply:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, partial(self._server.call, method, *path, **given))
        except NoAnswer as error:
            raise Unavailable(str(error)) from None

    def _checked(self, reply: Reply) -> Reply:
        """The reply, where it is a success. Raises the error that it stands for, with what the server said."""
        if reply.status < 300:
            return reply
        said = "\n".join(refusal_lines(reply))
        if reply.status in _BUSY:
            raise Unavailable(said)
        if reply.status in _MOVED_ON:
            raise PreconditionFailed(said)
        if reply.status in {401, 403} and not _judged(reply):
            raise Denied(said)
        if _judged(reply):
            raise Refused(_told(reply.problem["diagnostics"]), diagnostics=())
        raise PromptuaryError(said)

    def _read(self, reply: Reply, *needs: str) -> dict[str, Any]:
        try:
            return reply.json(*needs)
        except NoAnswer as error:
            raise Unavailable(f"{self._server.shown} {error}") from None


def _told(diagnostics: Any) -> str:
    """The findings that refuse a change, in one line."""
    errors = [each for each in diagnostics if each.get("severity") != "warning"]
    return "; ".join(list(finding_lines(errors))[:SAID_LINES])


def _judged(reply: Reply) -> bool:
    """Whether the gate looked at the change, so that the refusal is of this change alone."""
    return bool(reply.problem.get("diagnostics"))
