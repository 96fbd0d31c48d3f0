"""Keeping the counts of reads."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Protocol

from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.reads import CountedRead, ReadCounts, ReadsBy
from registry.domain.rights import EVERYTHING, Sight


class ReadLedger(Protocol):
    """Daily counts of reads. They are nowhere else: no rebuild brings them back, and none takes them away."""

    async def add(self, day: date, reads: Mapping[CountedRead, int]) -> None:
        """Adds to what has been counted on a day: all of it or, where this raises Unavailable, nothing."""
        ...

    async def counts(
        self,
        repository: RepositoryName,
        first: date,
        last: date,
        *,
        by: Collection[ReadsBy],
        name: TemplateName | None = None,
        limit: int = 100,
        sight: Sight = EVERYTHING,
    ) -> ReadCounts:
        """The reads of what is seen from one day to another, both included, told apart ``by``.

        Newest day first, then the most read.
        """
        ...
