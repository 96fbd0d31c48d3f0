"""Daily counts of reads (``registry.ports.reads.ReadLedger``). They hang on no build: a rebuild leaves them alone."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, and_, false, func, or_, select

from registry.adapters.sql.engine import Database
from registry.adapters.sql.kept_tables import read_counts
from registry.adapters.sql.statements import add_up, write_rows
from registry.domain.ids import LabelName, RepositoryName, TemplateName
from registry.domain.reads import CountedRead, ReadCount, ReadCounts, ReadsBy
from registry.domain.rights import EVERYTHING, Sight

_KEY = [column.name for column in read_counts.primary_key]
_EPOCH = date(1970, 1, 1)
_ADD = add_up(read_counts, "reads")
_COLUMNS: Mapping[ReadsBy, Column[Any]] = {
    ReadsBy.DAY: read_counts.c.day,
    ReadsBy.NAME: read_counts.c.name,
    ReadsBy.VERSION: read_counts.c.version,
    ReadsBy.LABEL: read_counts.c.label,
    ReadsBy.KEY: read_counts.c.key_id,
}


class SqlReadLedger:
    """Counts by repository, name, day, version, label and key; no version is 0, no label and no key are empty."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, day: date, reads: Mapping[CountedRead, int]) -> None:
        """Adds to what has been counted on a day, in one transaction. Raises Unavailable."""
        rows = [
            {
                "repository": state.repository,
                "name": state.name,
                "day": _to_days(day),
                "version": state.version or 0,
                "label": state.label or "",
                "key_id": key or "",
                "reads": count,
            }
            for (state, key), count in reads.items()
        ]
        # In the order of the key, so that two processes that add at once never wait for each other in a ring.
        rows.sort(key=itemgetter(*_KEY))
        await self._database.write(lambda connection: write_rows(connection, _ADD, rows))

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
        """The reads from one day to another, both included: newest day first, then the most read."""
        where = [
            read_counts.c.repository == repository,
            read_counts.c.day.between(_to_days(first), _to_days(last)),
            *([read_counts.c.name == name] if name is not None else []),
            *([or_(false(), *map(_within, sight.folders))] if sight.folders is not None else []),
        ]
        summed = func.coalesce(func.sum(read_counts.c.reads), 0).label("reads")
        apart = [column for key, column in _COLUMNS.items() if key in by]
        order = [read_counts.c.day.desc()] if ReadsBy.DAY in by else []
        listed = select(*apart, summed).where(*where).group_by(*apart).order_by(*order, summed.desc(), *apart)

        def read(connection: Connection) -> ReadCounts:
            total = int(connection.execute(select(summed).where(*where)).scalar_one())
            rows = connection.execute(listed.limit(limit + 1)).mappings().all() if total else []
            return ReadCounts(tuple(_count_of(row) for row in rows[:limit]), total, more=len(rows) > limit)

        return await self._database.read(read)


def _within(folder: str) -> ColumnElement[bool]:
    """Whether a name lies below a folder: ``0`` comes behind the slash."""
    return and_(read_counts.c.name > f"{folder}/", read_counts.c.name < f"{folder}0")


def _to_days(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def _count_of(found: RowMapping) -> ReadCount:
    return ReadCount(
        reads=int(found["reads"]),
        day=_EPOCH + timedelta(found["day"]) if "day" in found else None,
        name=TemplateName(found["name"]) if "name" in found else None,
        version=found.get("version") or None,
        label=LabelName(found["label"]) if found.get("label") else None,
        key=found.get("key_id") or None,
    )
