"""The indexes of a repository: a new one for each filling, found by aliases that move in one call.

``NAMESPACE@REPOSITORY`` is what is searched, ``…@write`` where documents go (the same index, or the one that is being
filled), ``…@old`` the one that was searched before, kept for a cycle. ``…@part`` is what documents went to that came
where no index was: nobody knows what it lacks, and no process may take it for the whole one that it knew. One that is
being made is called ``…@begun`` from its first moment, so that no other process takes it for a stray, which is what one
without any name is.
"""

import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from registry.adapters.elasticsearch.cluster import BULK_SECONDS, Cluster, NotThere
from registry.adapters.elasticsearch.mapping import FILLING, SERVING, mappings
from registry.domain.errors import Conflict, Unavailable
from registry.domain.ids import RepositoryName
from registry.domain.search import FACETS

_MERGED_FROM = 1_000
"""Documents of an index that is worth making one piece of."""

_FRESH_SECONDS = 1.0
"""How long it is believed that an index is there and whole."""

_RANDOM_BYTES = 2
_TIDY_SECONDS = 5.0
_GIVEN_UP_SECONDS = 600.0
"""An index that was only begun so long ago is that of a process that was killed: two calls lie between."""

_STATE = {"features": "mappings,settings"}
_FULL = "read_only_allow_delete"
"""What the engine blocks itself by at its flood-stage watermark, and lifts when there is room again."""

WHAT_IS_THERE = {"ignore_unavailable": "true"}
"""Parameters of a call to those of several indexes that are there, if any is."""


class _State(NamedTuple):
    """An index as it was found; believed ``until`` then."""

    until: float
    filled: bool
    whole: bool


class Generations:
    """Makes, swaps and sweeps the indexes of repositories."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._known: dict[RepositoryName, _State] = {}

    def searched(self, repository: RepositoryName) -> str:
        """The alias that is searched."""
        return f"{self._namespace}@{repository}"

    def written(self, repository: RepositoryName) -> str:
        """The alias that documents go to."""
        return f"{self.searched(repository)}@write"

    def any_of(self, repository: RepositoryName) -> tuple[str, ...]:
        """The aliases of whatever there is, to be asked with ``WHAT_IS_THERE``: none of them, or one, may be."""
        return self.searched(repository), self._partial(repository)

    def _partial(self, repository: RepositoryName) -> str:
        return f"{self.searched(repository)}@part"

    def _kept(self, repository: RepositoryName) -> str:
        return f"{self.searched(repository)}@old"

    def _begun(self, repository: RepositoryName) -> str:
        return f"{self.searched(repository)}@begun"

    async def is_whole(self, repository: RepositoryName) -> bool:
        """Whether what is searched has every document, as of a moment ago.

        False for an index that was lost, and for one that takes none just now: the engine's disk is full.
        """
        known = self._known.get(repository)
        if known is not None and known.until > time.monotonic():
            return known.whole
        if known is not None:  # who asks meanwhile does not wait for this answer
            self._known[repository] = known._replace(until=time.monotonic() + _FRESH_SECONDS)
        return (await self._look(repository)).whole

    async def is_filled(self, repository: RepositoryName) -> bool:
        """Whether what is searched was filled with every document, as it is now."""
        return (await self._look(repository)).filled

    async def _look(self, repository: RepositoryName) -> "_State":
        try:
            found = await self._cluster.ask("GET", f"/{self.searched(repository)}", params=_STATE)
        except NotThere:
            found = {}
        filled = bool(found) and all(each["mappings"].get("_meta", {}).get("whole") is True for each in found.values())
        takes = all(each["settings"]["index"].get("blocks", {}).get(_FULL) != "true" for each in found.values())
        state = _State(time.monotonic() + _FRESH_SECONDS, filled, filled and takes)
        self._known[repository] = state
        return state

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
        """An empty index that documents go to from now on, beside the one that is searched.

        Where another process begins one at the same moment that is the one, and Unavailable is raised.
        """
        index = await self._make(repository, whole=True)
        written = self.written(repository)
        await self._open(repository, index, {"remove": {"index": "*", "alias": written, "must_exist": False}})
        await self._sweep(repository)

    async def begin_live(self, repository: RepositoryName) -> None:
        """An index for a repository that has none: written at once, and not known to be whole.

        Where another process was faster its index is the one, and Unavailable is raised.
        """
        index = await self._make(repository, whole=False)
        await self._cluster.call("PUT", f"/{index}/_settings", {"index": SERVING})
        await self._open(repository, index, {"add": {"index": index, "alias": self._partial(repository)}})

    async def swap(self, repository: RepositoryName, at_least: int) -> None:
        """Searches the index that was begun.

        Raises Conflict where it has fewer documents than ``at_least``, NotThere where another was begun meanwhile.
        """
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
        # The first is refused, and all with it, where another process has begun an index since: its sweep would
        # delete this one, which documents do not go to any more.
        moves: list[dict[str, Any]] = [
            {"remove": {"index": index, "alias": self.written(repository), "must_exist": True}},
            {"add": {"index": index, "alias": self.written(repository), "is_write_index": True}},
            {"add": {"index": index, "alias": self.searched(repository)}},
        ]
        moves += [
            {"remove": {"index": name, "alias": alias, "must_exist": False}}
            for name, aliases in indexes.items()
            for alias in aliases
            if name != index and alias in {self.searched(repository), self._kept(repository), self._partial(repository)}
        ]
        if live is not None:
            moves.append({"add": {"index": live, "alias": self._kept(repository)}})
        await self._alias(moves)
        self._known.pop(repository, None)
        await self._sweep(repository)
        if documents > _MERGED_FROM:
            # Goes on by itself: what bulk writing left in pieces costs a search of parts of words a look at each piece.
            merge = {"max_num_segments": "1", "wait_for_completion": "false"}
            await self._cluster.call("POST", f"/{index}/_forcemerge", params=merge)

    async def keep_searched(self, repository: RepositoryName) -> None:
        """Deletes every index but the one that is searched, and merges that: nothing that was deleted lies in it.

        What documents go to stays, too: it is being filled from what there is now.
        """
        indexes = await self._indexes(repository)
        for index, aliases in indexes.items():
            if not aliases & {self.searched(repository), self.written(repository)}:
                await self._delete(index)
            else:
                merge = {"max_num_segments": "1", "flush": "true"}
                await self._cluster.call("POST", f"/{index}/_forcemerge", params=merge, seconds=BULK_SECONDS)

    async def _make(self, repository: RepositoryName, *, whole: bool) -> str:
        index = f"{self.searched(repository)}@{time.time_ns():x}{secrets.token_hex(_RANDOM_BYTES)}"
        body = {
            "settings": {"index": FILLING},
            "mappings": mappings(FACETS, whole=whole),
            "aliases": {self._begun(repository): {}},
        }
        await self._cluster.call("PUT", f"/{index}", body)
        return index

    async def _open(self, repository: RepositoryName, index: str, move: dict[str, Any]) -> None:
        """Documents go to an index that was begun; Elasticsearch refuses this where they go to another's meanwhile."""
        write = {"add": {"index": index, "alias": self.written(repository), "is_write_index": True}}
        begun = {"remove": {"index": index, "alias": self._begun(repository)}}
        try:
            await self._alias([move, write, begun])
        except Unavailable:
            with suppress(Unavailable, NotThere):  # it is swept later where it cannot be asked for that now
                await self._tidy(repository, index)
            raise

    async def _tidy(self, repository: RepositoryName, index: str) -> None:
        """Deletes an index that was begun, unless it was opened all the same and only the answer was lost."""
        found = await self._cluster.call("GET", f"/{index}/_alias", seconds=_TIDY_SECONDS)
        if set(found[index]["aliases"]) == {self._begun(repository)}:
            await self._delete(index, seconds=_TIDY_SECONDS)

    async def _alias(self, moves: list[dict[str, Any]]) -> None:
        await self._cluster.call("POST", "/_aliases", {"actions": moves})

    async def _indexes(self, repository: RepositoryName) -> dict[str, set[str]]:
        """The repository's indexes with their aliases."""
        found = await self._cluster.call("GET", f"/{self.searched(repository)}@*/_alias")
        begin = f"{self.searched(repository)}@"
        return {name: set(each["aliases"]) for name, each in found.items() if name.startswith(begin)}

    async def _sweep(self, repository: RepositoryName) -> None:
        """Deletes the indexes that have no name: the one before the last, those given up, those of a killed filling.

        What another process is about to fill stays.
        """
        indexes = await self._indexes(repository)
        for index, aliases in indexes.items():
            if not aliases or (aliases == {self._begun(repository)} and _age(index) > _GIVEN_UP_SECONDS):
                await self._delete(index)

    async def _delete(self, index: str, seconds: float = BULK_SECONDS) -> None:
        try:
            await self._cluster.call("DELETE", f"/{index}", seconds=seconds)
        except NotThere:
            return  # another process swept it


def _age(index: str) -> float:
    """Seconds since an index was made, by its name."""
    made = int(index.rpartition("@")[2][: -2 * _RANDOM_BYTES], 16)
    return (time.time_ns() - made) / 1e9


def _of(indexes: dict[str, set[str]], alias: str) -> str | None:
    names: Iterable[str] = (name for name, aliases in indexes.items() if alias in aliases)
    return next(iter(names), None)
