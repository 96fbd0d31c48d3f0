"""PostgreSQL's full text: a table for each search index, with trigram indexes (pg_trgm) over folded text in jamo.

``words`` has everything of a document, ``heading`` only name, description and tags, ``initials`` the initials of the
name. Words stand between single spaces, and LIKE tells substrings (``%refund%``), begins of words (``% refund%``) and
whole words (``% refund %``) apart: pg_trgm finds rows that may match and the text itself decides. Facet values are an
array. Nothing that a user types is syntax: patterns are parameters, and their signs are escaped.

A table has its indexes from the beginning only where it is small; a bulk load gets them at its end.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from registry.adapters.sql.dialect import escaped
from registry.adapters.sql.full_text import IndexedRow, Wanted, folder_tokens
from registry.adapters.sql.sights import begins, begins_in_postgres
from registry.domain.rights import Sight
from registry.domain.search_terms import Look, Term

_TRIGRAM = 3
_COUNT_BOUND = 3_000
"""Each row that is counted is looked at: more would take longer than a search may."""
_INDEXES = {"words": "gin_trgm_ops", "heading": "gin_trgm_ops", "initials": "gin_trgm_ops", "tokens": "array_ops"}
_PENDING_KIB = 512
"""What waits to be merged into an index is read by each search, and merged by the write that fills it up."""


class Trigrams:
    """The full text of PostgreSQL (``full_text.FullText``)."""

    def create(self, connection: Connection, index: int, *, bulk: bool) -> None:
        """Makes the table of an index."""
        text = 'TEXT COLLATE "C" NOT NULL'
        columns = f"id BIGINT PRIMARY KEY, heading {text}, words {text}, initials {text}, tokens TEXT[] NOT NULL"
        connection.exec_driver_sql(f"CREATE TABLE {_table(index)} ({columns})")
        while not bulk and self.finish_some(connection, index):
            pass

    def drop(self, connection: Connection, index: int) -> None:
        """Drops the table of an index."""
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_table(index)}")

    def finish_some(self, connection: Connection, index: int) -> bool:
        """Makes one of the indexes that are missing; False where none is. Of two processes at it one waits."""
        connection.exec_driver_sql(f"LOCK TABLE {_table(index)} IN SHARE ROW EXCLUSIVE MODE")
        known = connection.exec_driver_sql(
            "SELECT indexname FROM pg_indexes WHERE tablename = $1 AND schemaname = current_schema()", (_table(index),)
        )
        there = set(known.scalars())
        for column, operators in _INDEXES.items():
            name = f"ix_{_table(index)}_{column}"
            if name not in there:
                connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '128MB'")
                how = f"USING gin ({column} {operators}) WITH (gin_pending_list_limit = {_PENDING_KIB})"
                connection.exec_driver_sql(f"CREATE INDEX {name} ON {_table(index)} {how}")
                connection.exec_driver_sql(f"ANALYZE {_table(index)}")
                return True
        return False

    def add(self, connection: Connection, index: int, rows: Sequence[IndexedRow]) -> None:
        """Adds documents."""
        if rows:
            connection.exec_driver_sql(
                f"INSERT INTO {_table(index)} (id, heading, words, initials, tokens) VALUES ($1, $2, $3, $4, $5)",  # noqa: S608  (a name of ours)
                [_columns(row) for row in rows],
            )

    def remove(self, connection: Connection, index: int, rows: Sequence[IndexedRow]) -> None:
        """Removes documents."""
        if rows:
            delete = f"DELETE FROM {_table(index)} WHERE id = ANY ($1::bigint[])"  # noqa: S608  (as above)
            connection.exec_driver_sql(delete, ([row.id for row in rows],))

    def candidates(self, connection: Connection, index: int, wanted: Wanted, bound: int) -> Sequence[int]:
        """Documents that are wanted; more than ``bound`` where so many are."""
        return self.matching(connection, index, wanted, bound + 1)

    def matching(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Documents that are wanted, in the order in which they lie, which is the same each time."""
        return _Conditions(index).of(wanted).ids(connection, limit)

    def whole_words(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Those that have every term as a whole word."""
        words = [f"% {escaped(term.forms[0].text)} %" for term in wanted.terms]
        return _Conditions(index).of(wanted).every("words", words).ids(connection, limit)

    def headings(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Documents seen that have every term in the short fields."""
        conditions = _Conditions(index)
        for term in wanted.terms:
            patterns = _patterns(form for form in term.forms if form.look is not Look.INITIALS and len(form.text) > 1)
            if not patterns:
                return []
            conditions.any("heading", patterns)
        return conditions.seen(wanted.sight).ids(connection, limit)

    def count(self, connection: Connection, index: int, wanted: Wanted, bound: int) -> int:
        """How many are wanted, counted up to a bound or as many as can be counted in time."""
        return _Conditions(index).of(wanted).count(connection, min(bound, _COUNT_BOUND))


class _Conditions:
    """What a row must fulfil; patterns go in as arrays, so that there are few shapes of statement."""

    def __init__(self, index: int) -> None:
        self._table = _table(index)
        self._said: list[str] = []
        self._values: list[Any] = []

    def of(self, wanted: Wanted) -> "_Conditions":
        """The terms, the facet values and the sight."""
        said = [self._term(term) for term in wanted.terms]
        if said:
            self._said.append(f"({(' OR ' if wanted.any_term else ' AND ').join(said)})")
        if wanted.values:
            self._said.append(f"tokens @> {self._parameter(list(wanted.values))}::text[]")
        return self.seen(wanted.sight)

    def seen(self, sight: Sight) -> "_Conditions":
        """It is seen: of the tokens there is an index, and the name decides, which is looked up last."""
        if not sight.is_whole:
            self._said.append(f"tokens && {self._parameter(folder_tokens(sight))}::text[]")
            name = f"(SELECT name FROM search_documents WHERE search_documents.id = {self._table}.id)"  # noqa: S608  (a name of ours)
            self._said.append(begins_in_postgres(name, f"{self._parameter(begins(sight))}::text[]"))
        return self

    def any(self, column: str, patterns: list[str]) -> "_Conditions":
        """A column is like one of the patterns."""
        self._said.append(self._like(column, patterns))
        return self

    def every(self, column: str, patterns: list[str]) -> "_Conditions":
        """A column is like all of the patterns."""
        self._said += [self._like(column, [pattern]) for pattern in patterns]
        return self

    def ids(self, connection: Connection, limit: int) -> Sequence[int]:
        """The documents, at most so many."""
        statement = f"SELECT id FROM {self._table} WHERE {' AND '.join(self._said)} LIMIT {self._parameter(limit)}"  # noqa: S608  (names of ours)
        return connection.exec_driver_sql(statement, tuple(self._values)).scalars().all()

    def count(self, connection: Connection, bound: int) -> int:
        """How many documents, at most so many."""
        inner = f"SELECT 1 FROM {self._table} WHERE {' AND '.join(self._said)} LIMIT {self._parameter(bound)}"  # noqa: S608  (as above)
        counted = connection.exec_driver_sql(f"SELECT count(*) FROM ({inner}) AS found", tuple(self._values))  # noqa: S608  (as above)
        return int(counted.scalar_one())

    def _term(self, term: Term) -> str:
        said = [self._like("words", _patterns(form for form in term.forms if form.look is not Look.INITIALS))]
        initials = [f"% {escaped(form.text.split(' ')[0])}%" for form in term.forms if form.look is Look.INITIALS]
        if initials:
            said.append(self._like("initials", initials))
        return f"({' OR '.join(said)})"

    def _like(self, column: str, patterns: list[str]) -> str:
        return f"{column} LIKE ANY ({self._parameter(patterns)}::text[])"

    def _parameter(self, value: object) -> str:
        self._values.append(value)
        return f"${len(self._values)}"


def _patterns(forms: Iterable[Any]) -> list[str]:
    """From three letters anywhere, below that at the begin of a word; without those that another one's rows have."""
    literals = list(dict.fromkeys(form.text if len(form.text) >= _TRIGRAM else f" {form.text}" for form in forms))
    shortest = [each for each in literals if not any(other in each for other in literals if other != each)]
    return [f"%{escaped(literal)}%" for literal in shortest]


def _columns(row: IndexedRow) -> tuple[int, str, str, str, list[str]]:
    heading, _, initials = row.heading.rpartition("\n")
    return row.id, heading, f"{row.heading}\n{row.text}", initials, list(row.values)


def _table(index: int) -> str:
    return f"search_text_{index}"
