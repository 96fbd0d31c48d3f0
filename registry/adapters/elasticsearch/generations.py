"""The indexes of a repository: a new one for each filling, found by aliases that move in one call.

``NAMESPACE@REPOSITORY`` is what is searched, ``…@write`` where documents go (the same index, or the one that is being
filled), ``…@old`` the one that was searched before, kept for a cycle. An index that has none of these names is a stray.
"""

import secrets
import time
from collections.abc import Iterable
from typing import Any

from registry.adapters.elasticsearch.cluster import Cluster, NotThere
from registry.adapters.elasticsearch.mapping import FILLING, SERVING, mappings
from registry.domain.errors import Conflict
from registry.domain.ids import RepositoryName
from registry.domain.search import FACETS

_MERGED_FROM = 1_000
"""Documents of an index that is worth making one piece of."""

_FRESH_SECONDS = 1.0
"""How long it is believed that an index is there and whole."""


class Generations:
    """Makes, swaps and sweeps the indexes of repositories."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._whole: dict[RepositoryName, tuple[float, bool]] = {}

    def searched(self, repository: RepositoryName) -> str:
        """The alias that is searched."""
        return f"{self._namespace}@{repository}"

    def written(self, repository: RepositoryName) -> str:
        """The alias that documents go to."""
        return f"{self.searched(repository)}@write"

    def _kept(self, repository: RepositoryName) -> str:
        return f"{self.searched(repository)}@old"

    async def is_whole(self, repository: RepositoryName) -> bool:
        """Whether what is searched was filled with every document: false for an index that was lost."""
        known = self._whole.get(repository)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if known is not None:  # who asks meanwhile does not wait for this answer
            self._whole[repository] = (time.monotonic() + _FRESH_SECONDS, known[1])
        try:
            found = await self._cluster.ask("GET", f"/{self.searched(repository)}/_mapping")
            whole = all(each["mappings"].get("_meta", {}).get("whole") is True for each in found.values())
        except NotThere:
            whole = False
        self._whole[repository] = (time.monotonic() + _FRESH_SECONDS, whole)
        return whole

    async def is_filled(self, repository: RepositoryName) -> bool:
        """The same, as it is now."""
        self._whole.pop(repository, None)
        return await self.is_whole(repository)

    async def documents(self, repository: RepositoryName) -> int | None:
        """How many documents are searched; None where they are not known to be all that were put."""
        if not await self.is_filled(repository):
            return None
        try:
            await self._cluster.call("POST", f"/{self.searched(repository)}/_refresh")
            return int((await self._cluster.call("GET", f"/{self.searched(repository)}/_count"))["count"])
        except NotThere:
            return None

    async def begin(self, repository: RepositoryName) -> None:
        """An empty index that documents go to from now on, beside the one that is searched."""
        index = await self._make(repository, whole=True)
        await self._point(self.written(repository), index)
        await self._sweep(repository)

    async def begin_live(self, repository: RepositoryName) -> None:
        """An index for a repository that has none: written and searched at once, and not known to be whole."""
        index = await self._make(repository, whole=False)
        await self._cluster.call("PUT", f"/{index}/_settings", {"index": SERVING})
        names = (self.searched(repository), self.written(repository))
        await self._alias([{"add": {"index": index, "alias": name}} for name in names])
        self._whole.pop(repository, None)

    async def swap(self, repository: RepositoryName, at_least: int) -> None:
        """Searches the index that was begun. Raises Conflict where it has fewer documents than ``at_least``."""
        indexes = await self._indexes(repository)
        index = _of(indexes, self.written(repository))
        live = _of(indexes, self.searched(repository))
        if index is None or index == live:
            return
        await self._cluster.call("POST", f"/{index}/_refresh")
        documents = (await self._cluster.call("GET", f"/{index}/_count"))["count"]
        if documents < at_least:
            raise Conflict(
                f"The new search index of {repository} has {documents} documents where {at_least} are expected, so the "
                "old one stays in use."
            )
        await self._cluster.call("PUT", f"/{index}/_settings", {"index": SERVING})
        moves: list[dict[str, Any]] = [{"add": {"index": index, "alias": self.searched(repository)}}]
        moves += [
            {"remove": {"index": name, "alias": alias}}
            for name, aliases in indexes.items()
            for alias in aliases
            if name != index and alias in {self.searched(repository), self._kept(repository)}
        ]
        if live is not None:
            moves.append({"add": {"index": live, "alias": self._kept(repository)}})
        await self._alias(moves)
        self._whole.pop(repository, None)
        await self._sweep(repository)
        if documents > _MERGED_FROM:
            # Goes on by itself: what bulk writing left in pieces costs a search of parts of words a look at each piece.
            merge = {"max_num_segments": 1, "wait_for_completion": "false"}
            await self._cluster.call("POST", f"/{index}/_forcemerge", params=merge)

    async def _make(self, repository: RepositoryName, *, whole: bool) -> str:
        index = f"{self.searched(repository)}@{time.time_ns():x}{secrets.token_hex(2)}"
        body = {"settings": {"index": FILLING}, "mappings": mappings(FACETS, whole=whole)}
        await self._cluster.call("PUT", f"/{index}", body)
        return index

    async def _point(self, alias: str, index: str) -> None:
        moves = [{"remove": {"index": "*", "alias": alias, "must_exist": False}}]
        await self._alias([*moves, {"add": {"index": index, "alias": alias}}])

    async def _alias(self, moves: list[dict[str, Any]]) -> None:
        await self._cluster.call("POST", "/_aliases", {"actions": moves})

    async def _indexes(self, repository: RepositoryName) -> dict[str, set[str]]:
        """The repository's indexes with their aliases."""
        found = await self._cluster.call("GET", f"/{self.searched(repository)}@*/_alias")
        begin = f"{self.searched(repository)}@"
        return {name: set(each["aliases"]) for name, each in found.items() if name.startswith(begin)}

    async def _sweep(self, repository: RepositoryName) -> None:
        """Deletes the indexes that have no name: the one before the last, those given up, those of a killed filling."""
        indexes = await self._indexes(repository)
        for index, aliases in indexes.items():
            if not aliases:
                await self._delete(index)

    async def _delete(self, index: str) -> None:
        try:
            await self._cluster.call("DELETE", f"/{index}")
        except NotThere:
            return  # another process swept it


def _of(indexes: dict[str, set[str]], alias: str) -> str | None:
    names: Iterable[str] = (name for name, aliases in indexes.items() if alias in aliases)
    return next(iter(names), None)
