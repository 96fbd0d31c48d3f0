"""Many rows in one statement: whatever they share, each is stored as it was given."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from registry.adapters.sql.engine import Database
from registry.adapters.sql.postgres_bulk import MANY
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.statements import insert_new, upsert, write_rows
from registry.adapters.sql.tables import commits
from tests.projected import History

PUT, ADD = upsert(commits), insert_new(commits)
FIRST = 100
_OURS = select(commits).where(commits.c.ordinal >= FIRST).order_by(commits.c.ordinal)
SHARED: dict[str, Any] = {
    "build_id": 1,
    "commit": b"\x01\x02",
    "author_name": "김 환불",
    "author_email": 'a"b@example',
    "committed_at": 2**40,
    "subject": "one, {two} \\three",
    "authored_at": None,
    "imported_subject": None,
}


def rows(count: int, **apart: Any) -> list[dict[str, Any]]:
    """Rows that share all but their ordinal and what is given, which takes turns with null or with another value."""
    return [
        SHARED | {"ordinal": FIRST + at} | {name: values[at % len(values)] for name, values in apart.items()}
        for at in range(count)
    ]


@pytest.mark.parametrize(
    "apart",
    [
        {},
        {"imported_subject": ["one", None]},
        {"authored_at": [None, 7, 2**40], "commit": [b"", b"\xff" * 20]},
        {"subject": ["", "null", "{}"]},
    ],
)
async def test_rows_are_stored_as_they_were_given(database: Database, apart: dict[str, Any]) -> None:
    await SqlProjection(database).apply(History().commit({"a": "1"}))
    first, again = rows(2 * MANY), rows(2 * MANY, **apart)

    def stored(connection: Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(_OURS).mappings()]

    await database.write(lambda on: write_rows(on, ADD, first))
    await database.write(lambda on: write_rows(on, PUT, again))
    await database.write(lambda on: write_rows(on, ADD, first))
    assert await database.read(stored) == again


async def test_one_row_many_times_is_stored_once(database: Database) -> None:
    await SqlProjection(database).apply(History().commit({"a": "1"}))
    await database.write(lambda on: write_rows(on, ADD, [SHARED | {"ordinal": FIRST}] * MANY))
    assert await database.read(lambda on: len(on.execute(_OURS).all())) == 1
