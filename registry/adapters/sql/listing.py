"""The statements behind lists of templates: keyset pagination that costs the same on the first and the last page.

Without filters a page is a range of an index of ``templates``. With filters the rarest of them leads, a range of
``template_values`` in the order of names, and the others are looked up in it. Newest first with a filter sorts the
leading filter's templates where they are few, and walks the index by age where they are many.

There are few shapes of statement, each made once; what is listed goes in as parameters.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    LargeBinary,
    Row,
    Select,
    bindparam,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from registry.adapters.sql.dialect import one_of
from registry.adapters.sql.tables import template_values, templates
from registry.domain.catalogue import SortBy
from registry.domain.rights import EVERYTHING, Sight

FEW = 2_000
"""Templates of a filter that are sorted at once for a page of the newest."""

KINDS: dict[SortBy, tuple[type, ...]] = {SortBy.NAME: (str,), SortBy.UPDATED: (int, str)}
"""The types of a cursor's parts."""

ENTRY = (
    templates.c.name,
    templates.c.version,
    templates.c.latest,
    templates.c.default_version,
    templates.c.facts,
    templates.c.labels,
    templates.c.owners,
    templates.c.deleted,
    templates.c.moved_to,
    templates.c.commit,
    templates.c.age,
    templates.c.diagnostics,
)
"""What is shown of a template, in the order of ``template_index.entry_of``."""

_LISTED: Select[Any] = select(*ENTRY, templates.c.sort_key)

Position = tuple[int, bytes]
"""The age (0 where names sort) and the sort key of a page's last template."""

Filters = Sequence[tuple[str, str]]

_BUILD: BindParameter[int] = bindparam("build")
_AFTER_AGE = bindparam("after_age", type_=BigInteger)
_AFTER_KEY = bindparam("after_key", type_=LargeBinary)
_LIMIT: BindParameter[int] = bindparam("limit")


def position(parts: Sequence[str | int | float]) -> Position:
    """The position that a cursor names."""
    age = int(parts[0]) if len(parts) > 1 else 0
    return age, str(parts[-1]).encode()


def place_of(row: Row[Any], sort: SortBy) -> list[str | int | float]:
    """The cursor's parts behind a row."""
    key = row.sort_key.decode()
    return [key] if sort is SortBy.NAME else [row.age, key]


def page_rows(
    connection: Connection,
    build: int,
    filters: Filters,
    sort: SortBy,
    after: Position | None,
    limit: int,
    sight: Sight = EVERYTHING,
) -> Sequence[Row[Any]]:
    """The ``limit`` templates behind ``after``, in order: ``ENTRY`` and the sort key."""
    counted = (
        sorted((_count(connection, build, *each), each) for each in filters) if _order_matters(filters, sort) else []
    )
    ordered = [each for _, each in counted] or filters
    few = bool(counted) and counted[0][0] <= FEW
    values: dict[str, Any] = {"build": build, "limit": limit}
    for number, (facet, value) in enumerate(ordered):
        values |= {f"facet{number}": facet, f"value{number}": value}
    if after is not None:
        values["after_key"] = after[1]
        if sort is SortBy.UPDATED:
            values["after_age"] = after[0]
    if sight.folders is not None:
        values["seen"] = list(sight.folders)
    statement = page_statement(sort, len(filters), after=after is not None, few=few, whole=sight.is_whole)
    return connection.execute(statement, values).all()


def _order_matters(filters: Filters, sort: SortBy) -> bool:
    return len(filters) > 1 or (bool(filters) and sort is SortBy.UPDATED)


@lru_cache(maxsize=128)
def page_statement(sort: SortBy, filters: int, *, after: bool, few: bool, whole: bool = True) -> Select[Any]:
    """The statement of a page: so many filters, behind a cursor or not, few templates left by the leading filter.

    Unless everything is seen (``whole``) the folders that are lead where no filter does.
    """
    if sort is SortBy.UPDATED:
        return _by_age(filters, after=after, few=few or not (filters or whole), whole=whole)
    if filters or not whole:
        return _by_name_filtered(filters, after=after, whole=whole)
    found = _shown()
    if after:
        found = found.where(templates.c.sort_key > _AFTER_KEY)
    return found.order_by(templates.c.sort_key).limit(_LIMIT)


def _shown() -> Select[Any]:
    return _LISTED.where(templates.c.build_id == _BUILD, templates.c.deleted == literal(value=False))


def _by_name_filtered(filters: int, *, after: bool, whole: bool) -> Select[Any]:
    lead = _leading(filters, whole=whole)
    if after:
        lead = lead.where(template_values.c.sort_key > _AFTER_KEY)
    # The inner order makes the page, from the index alone; the outer one keeps it.
    keys = lead.order_by(template_values.c.sort_key).limit(_LIMIT).subquery("keys")
    return _LISTED.join(keys, templates.c.id == keys.c.template_id).order_by(keys.c.sort_key)


def _by_age(filters: int, *, after: bool, few: bool, whole: bool) -> Select[Any]:
    if few:
        keys = _leading(filters, whole=whole).subquery("keys")
        found = _LISTED.join(keys, templates.c.id == keys.c.template_id)
    else:
        found = _shown()
        for number in range(filters):
            found = found.where(_has(number, templates.c.sort_key))
        if not whole:
            found = found.where(_seen(templates.c.sort_key))
    if after:
        found = found.where(tuple_(templates.c.age, templates.c.sort_key) > tuple_(_AFTER_AGE, _AFTER_KEY))
    return found.order_by(templates.c.age, templates.c.sort_key).limit(_LIMIT)


def _leading(filters: int, *, whole: bool = True) -> Select[Any]:
    lead = select(template_values.c.template_id, template_values.c.sort_key).where(template_values.c.build_id == _BUILD)
    if not filters:  # no template lies in two of them: they lie apart
        return lead.where(template_values.c.facet == "folder", one_of(template_values.c.value, "seen"))
    lead = lead.where(template_values.c.facet == bindparam("facet0"), template_values.c.value == bindparam("value0"))
    for number in range(1, filters):
        lead = lead.where(_has(number, template_values.c.sort_key))
    return lead if whole else lead.where(_seen(template_values.c.sort_key))


def _seen(key: ColumnElement[bytes]) -> ColumnElement[bool]:
    """Whether a template lies in one of the folders that are seen."""
    other = template_values.alias()
    mine = (
        other.c.build_id == _BUILD,
        other.c.facet == "folder",
        one_of(other.c.value, "seen"),
        other.c.sort_key == key,
    )
    return select(literal(1)).where(*mine).exists()


def _has(number: int, key: ColumnElement[bytes]) -> ColumnElement[bool]:
    other = template_values.alias()
    return (
        select(literal(1))
        .where(
            other.c.build_id == _BUILD,
            other.c.facet == bindparam(f"facet{number}"),
            other.c.value == bindparam(f"value{number}"),
            other.c.sort_key == key,
        )
        .exists()
    )


_SOME = select(func.count()).select_from(_leading(1).limit(FEW + 1).subquery("some"))


def _count(connection: Connection, build: int, facet: str, value: str) -> int:
    """How many templates a filter leaves, counted up to a little above FEW."""
    return int(connection.execute(_SOME, {"build": build, "facet0": facet, "value0": value}).scalar_one())
