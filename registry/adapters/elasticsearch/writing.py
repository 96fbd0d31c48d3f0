"""Writing documents: made while those before them are on their way, on several connections."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from registry.adapters.elasticsearch.cluster import Cluster, NotThere, encoded, kept_there
from registry.adapters.elasticsearch.documents import document_id, old_source_of, source_of
from registry.adapters.elasticsearch.generations import WHAT_IS_THERE, Generations
from registry.domain.catalogue import SearchDocument
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName, TemplateName

REFRESHED_AT_MOST = 100
"""Documents that are made searchable by the request that puts them; more of them by one request behind all."""

_ACTIONS_AT_ONCE = 250
_AT_ONCE = 3
"""Requests that are on their way at a time."""

_YIELD = 20
_OLDER = 409
_GONE = 404
_FINE = 300

Versioned = tuple[RepositoryName, TemplateName, int | None]


class Writing:
    """Puts documents and deletes them; ``now`` has the templates as they are, ``old`` the texts that they had."""

    def __init__(self, cluster: Cluster, *, now: Generations, old: Generations) -> None:
        self._cluster = cluster
        self._now = now
        self._old = old
        self._making = asyncio.Lock()

    async def put(self, documents: Sequence[SearchDocument]) -> None:
        """Adds or replaces documents; one with a lower ordinal than what is there is ignored. Raises Unavailable.

        Where they go to what is searched they are found from then on: whoever feeds tells others that all is there.
        """
        newest: dict[Versioned, SearchDocument] = {}
        for document in sorted(documents, key=lambda each: each.ordinal):
            newest[document.repository, document.name, document.version] = document
        groups: defaultdict[tuple[RepositoryName, bool], list[SearchDocument]] = defaultdict(list)
        for document in newest.values():
            groups[document.repository, document.version is not None].append(document)
        refresh = len(newest) <= REFRESHED_AT_MOST
        sending: set[asyncio.Task[None]] = set()
        try:
            for (repository, old), group in groups.items():
                generations = self._old if old else self._now
                for part in _parts(group):
                    lines = await _lines(part, generations.written(repository))
                    if len(sending) >= _AT_ONCE:
                        await _first_of(sending)
                    sending.add(asyncio.create_task(self._write(repository, lines, generations, refresh=refresh)))
            while sending:
                await _first_of(sending)
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)
        if not refresh:
            for repository, old in groups:
                await self._show(self._old if old else self._now, repository)

    async def delete(self, repository: RepositoryName, names: Sequence[TemplateName], ordinal: int) -> None:
        """Removes documents whose ordinal is not higher. Raises Unavailable."""
        index = self._now.written(repository)
        places = [document_id(name) for name in dict.fromkeys(names)]
        refresh = len(places) <= REFRESHED_AT_MOST
        for part in _parts(places):
            lines = [encoded({"delete": _target(index, place, ordinal)}) for place in part]
            await self._write(repository, lines, self._now, refresh=refresh)
        if not refresh:
            await self._show(self._now, repository)

    async def _show(self, generations: Generations, repository: RepositoryName) -> None:
        """Makes searchable what is searched; an index that is being filled is left alone until it is."""
        names = ",".join(generations.any_of(repository))
        await self._cluster.call("POST", f"/{names}/_refresh", params=WHAT_IS_THERE)

    async def _write(
        self, repository: RepositoryName, lines: Sequence[bytes], generations: Generations, *, refresh: bool
    ) -> None:
        """Sends actions; makes the repository's index where it has none."""
        try:
            await self._send(lines, refresh=refresh)
        except NotThere:
            async with self._making:
                with kept_there():
                    try:
                        await self._send(lines, refresh=refresh)
                    except NotThere:
                        await generations.begin_live(repository)
                        await self._send(lines, refresh=refresh)

    async def _send(self, lines: Sequence[bytes], *, refresh: bool) -> None:
        for result in await self._cluster.bulk(lines, refresh=refresh):
            _check(result)


def _parts(actions: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (actions[start : start + _ACTIONS_AT_ONCE] for start in range(0, len(actions), _ACTIONS_AT_ONCE))


async def _lines(documents: Sequence[SearchDocument], index: str) -> list[bytes]:
    """The actions that put documents, made in slices so that requests are answered meanwhile."""
    lines = []
    for number, document in enumerate(documents, 1):
        target = _target(index, document_id(document.name, document.version), document.ordinal)
        source = source_of(document) if document.version is None else old_source_of(document)
        lines.append(encoded({"index": target}) + b"\n" + encoded(source))
        if number % _YIELD == 0:
            await asyncio.sleep(0)
    return lines


async def _first_of(sending: set[asyncio.Task[None]]) -> None:
    done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    sending -= done
    for error in [task.exception() for task in done]:  # all are asked: one that nobody asks is told of in the log
        if error is not None:
            raise error


def _target(index: str, place: str, ordinal: int) -> dict[str, Any]:
    return {"_index": index, "_id": place, "version": ordinal, "version_type": "external_gte"}


def _check(result: Mapping[str, Any]) -> None:
    """Raises NotThere where there is no index, Unavailable for what was not done; older documents are let go."""
    status = result["status"]
    if status < _FINE or status == _OLDER:
        return
    error = result.get("error")
    if status == _GONE:
        if error is None:
            return  # a document that was to be deleted was not there
        raise NotThere
    raise Unavailable(f"The search engine refused a document: {status} {(error or {}).get('type')}.")
