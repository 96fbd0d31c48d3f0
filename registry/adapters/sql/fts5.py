"""SQLite's full text: two FTS5 tables for each search index, on trigrams of jamo.

``search_text_N`` has everything of a document, ``search_heading_N`` only name, description and tags, so that the best
hits of a very common word are found without walking the long lists of bodies. Both are contentless: the text stands
once, folded, in ``search_documents`` and ``search_bodies``, and deleting gives FTS5 the very text that was added. They
keep positions: without them the index is a fifth of the size, but in Korean, where few jamo make all trigrams, most
documents that have every trigram of a word do not have the word.

Words stand between single spaces, so one table answers for substrings (``refund``), begins of words (`` refund``) and
whole words (`` refund ``), down to two letters. For queries of one letter, for initials and for facets there are marks
of private characters in the text, each a trigram of its own. Every string of a query is quoted: nothing that a user
types is syntax here.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

import orjson
from sqlalchemy import Connection

from registry.adapters.sql.full_text import IndexedRow, Wanted, folder_tokens
from registry.adapters.sql.sights import begins, begins_in_sqlite
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search_terms import Form, Look, Term

_TRIGRAM = 3
_PROBES = 4
"""Trigrams of a literal that are looked for where roughly will do."""
_AUTOMERGE = 8
_MERGE_PAGES = 500
_MERGED = 2
_START = "\U00108000"
_INITIALS = "\U00108001"


class Fts5:
    """The full text of SQLite (``full_text.FullText``)."""

    def create(self, connection: Connection, index: int, *, bulk: bool) -> None:  # noqa: ARG002  (merging is all)
        """Makes the two tables of an index."""
        for table in (_text_table(index), _heading_table(index)):
            connection.exec_driver_sql(
                f"CREATE VIRTUAL TABLE {table} USING fts5"
                "(text, content='', columnsize=0, tokenize='trigram case_sensitive 1')"
            )
            configure = f"INSERT INTO {table}({table}, rank) VALUES ('automerge', ?)"  # noqa: S608  (a name of ours)
            connection.exec_driver_sql(configure, (_AUTOMERGE,))

    def drop(self, connection: Connection, index: int) -> None:
        """Drops the two tables of an index."""
        for table in (_text_table(index), _heading_table(index)):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")

    def finish_some(self, connection: Connection, index: int) -> bool:
        """Merges some of what bulk writing left in pieces; False where all is one piece.

        Pieces count alike whatever their size, so a few documents written after would make FTS5 merge large ones.
        """
        for table in (_text_table(index), _heading_table(index)):
            # The first step of a merge of everything has a negative size; one that merged nothing changes one row.
            merge = f"INSERT INTO {table}({table}, rank) VALUES ('merge', ?)"  # noqa: S608  (a name of ours)
            before = _changes(connection)
            connection.exec_driver_sql(merge, (-_MERGE_PAGES,))
            if _changes(connection) - before >= _MERGED:
                return True
        return False

    def add(self, connection: Connection, index: int, rows: Sequence[IndexedRow]) -> None:
        """Adds documents."""
        self._write(connection, index, rows, "INSERT INTO {table}(rowid, text) VALUES (?, ?)")

    def remove(self, connection: Connection, index: int, rows: Sequence[IndexedRow]) -> None:
        """Removes documents: FTS5 is given the very text that was added."""
        self._write(connection, index, rows, "INSERT INTO {table}({table}, rowid, text) VALUES ('delete', ?, ?)")

    def _write(self, connection: Connection, index: int, rows: Sequence[IndexedRow], statement: str) -> None:
        if rows:
            headings = [(row.id, row.heading) for row in rows]
            connection.exec_driver_sql(statement.format(table=_heading_table(index)), headings)
            texts = [(row.id, indexed(row.heading, row.text, row.values)) for row in rows]
            connection.exec_driver_sql(statement.format(table=_text_table(index)), texts)

    def candidates(self, connection: Connection, index: int, wanted: Wanted, bound: int) -> Sequence[int]:
        """Documents among which are all that are wanted; more than ``bound`` only where so many are."""
        exact, rough = match(wanted), match(wanted, roughly=True)
        ids = _ids(connection, _text_table(index), rough, bound + 1, wanted.sight)
        if len(ids) <= bound or rough == exact:
            return ids
        return _ids(connection, _text_table(index), exact, bound + 1, wanted.sight)

    def matching(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Documents that are wanted."""
        return _ids(connection, _text_table(index), match(wanted), limit, wanted.sight)

    def whole_words(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Those that have every term as a whole word."""
        words = [_quoted(f" {term.forms[0].text} ") for term in wanted.terms]
        return _ids(connection, _text_table(index), " AND ".join([match(wanted), *words]), limit, wanted.sight)

    def headings(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Documents seen that have every term in the short fields."""
        table, expression = _heading_table(index), match_heading(wanted.terms)
        if wanted.sight.is_whole or not expression:
            return _ids(connection, table, expression, limit)
        # Headings have no marks. The plus keeps SQLite from looking up each document of the folders by itself.
        text, (seen, values) = _text_table(index), _seen(table, wanted.sight)
        inside = f"SELECT rowid FROM {text} WHERE {text} MATCH ?"  # noqa: S608  (a name of ours)
        statement = f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND +rowid IN ({inside}){seen} LIMIT ?"  # noqa: S608  (as above)
        parameters = (expression, _within(wanted.sight), *values, limit)
        return connection.exec_driver_sql(statement, parameters).scalars().all()

    def count(self, connection: Connection, index: int, wanted: Wanted, bound: int) -> int:
        """How many are wanted, counted up to a bound."""
        table = _text_table(index)
        seen, values = _seen(table, wanted.sight)
        inner = f"SELECT 1 FROM {table} WHERE {table} MATCH ?{seen} LIMIT ?"  # noqa: S608  (a name of ours)
        counted = connection.exec_driver_sql(f"SELECT count(*) FROM ({inner})", (match(wanted), *values, bound))  # noqa: S608  (as above)
        return int(counted.scalar_one())


def _text_table(index: int) -> str:
    """The table with everything of an index."""
    return f"search_text_{index}"


def _heading_table(index: int) -> str:
    """The table with the short fields of an index."""
    return f"search_heading_{index}"


def _changes(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT total_changes()").scalar_one())


def _ids(connection: Connection, table: str, expression: str, limit: int, sight: Sight = EVERYTHING) -> Sequence[int]:
    if not expression:
        return []
    seen, values = _seen(table, sight)
    statement = f"SELECT rowid FROM {table} WHERE {table} MATCH ?{seen} LIMIT ?"  # noqa: S608  (a name of ours)
    return connection.exec_driver_sql(statement, (expression, *values, limit)).scalars().all()


def _seen(table: str, sight: Sight) -> tuple[str, tuple[str, ...]]:
    """What an expression leaves open of a sight, with its parameter: a mark is a hash, and the name decides."""
    if sight.is_whole:
        return "", ()
    named = f"found.id = {table}.rowid AND {begins_in_sqlite('found.name', '?')}"
    seen = f" AND EXISTS (SELECT 1 FROM search_documents AS found WHERE {named})"  # noqa: S608  (a name of ours)
    return seen, (orjson.dumps(begins(sight)).decode(),)


def _within(sight: Sight) -> str:
    """The expression for what is seen; without any folder it asks for a mark that nothing has."""
    return f"({' OR '.join(_quoted(facet_mark(token)) for token in folder_tokens(sight) or [''])})"


def indexed(heading: str, text: str, values: Iterable[str]) -> str:
    """Everything that is indexed of a document: its heading, its folded text and the marks."""
    words = f"{heading}{text}".split()
    starts = _START.join(sorted({word[0] for word in words}))
    short = _INITIALS.join(heading.rpartition("\n")[2].split())
    marks = "".join(facet_mark(value) for value in values)
    return f"{heading}\n{text}\n{_START}{starts}{_START}\n{_INITIALS}{short}{_INITIALS}\n{marks}"


def facet_mark(value: str) -> str:
    """Three private characters for a facet value. Each place has its own range, so no other trigram looks like one."""
    bits = int.from_bytes(blake2b(value.encode(), digest_size=6).digest(), "big")
    first, second, third = bits & 0x7FFF, (bits >> 15) % 0x7FF0, bits >> 33
    return chr(0xF0000 + first) + chr(0xF8000 + second) + chr(0x100000 + third)


def match(wanted: Wanted, *, roughly: bool = False) -> str:
    """The expression for documents that are wanted.

    ``roughly``: those and a few more, found in about half the time, for callers who look at the documents themselves.
    """
    quote = _roughly if roughly else _quoted
    found = [_either((_literal(form) for form in term.forms), quote) for term in wanted.terms]
    parts = [f"({(' OR ' if wanted.any_term else ' AND ').join(found)})"] if found else []
    if not wanted.sight.is_whole:
        parts.append(_within(wanted.sight))
    return " AND ".join(parts + [_quoted(facet_mark(value)) for value in wanted.values])


def match_heading(terms: Sequence[Term]) -> str:
    """The expression for headings that have every term; empty where a term has only forms that have marks."""
    found = []
    for term in terms:
        usable = [_literal(form) for form in term.forms if form.look is not Look.INITIALS]
        usable = [literal for literal in usable if _START not in literal]
        if not usable:
            return ""
        found.append(_either(usable, _quoted))
    return " AND ".join(found)


def _literal(form: Form) -> str:
    """What is looked for: from three letters anywhere, of two at the begin of a word, of one its mark."""
    if form.look is Look.INITIALS:
        return f"{_INITIALS}{form.text.split(' ')[0]}" if len(form.text) > 1 else f"{_START}{form.text}{_START}"
    if len(form.text) >= _TRIGRAM:
        return form.text
    return f" {form.text}" if len(form.text) > 1 else f"{_START}{form.text}{_START}"


def _either(literals: Iterable[str], quote: Callable[[str], str]) -> str:
    known = list(dict.fromkeys(literals))
    # What holds one literal needs no look for another that holds it too: each costs as much as a search of its own.
    shortest = [each for each in known if not any(other in each for other in known if other != each)]
    return f"({' OR '.join(map(quote, shortest))})"


def _roughly(literal: str) -> str:
    """A literal by some of its trigrams, near each other: a phrase of all of them reads a list for every letter."""
    last = len(literal) - _TRIGRAM
    if last < _TRIGRAM:
        return _quoted(literal)
    step = max(_TRIGRAM, -(-last // (_PROBES - 1)))
    probes = [literal[at : at + _TRIGRAM] for at in (*range(0, last, step), last)]
    return f"NEAR({' '.join(map(_quoted, probes))}, {last - 1})"


def _quoted(literal: str) -> str:
    return '"' + literal.replace('"', '""') + '"'
