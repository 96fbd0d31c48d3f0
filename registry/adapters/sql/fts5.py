"""SQLite's full text: two FTS5 tables for each search index, on trigrams of jamo.

``search_text_N`` has everything of a document, ``search_heading_N`` only name, description and tags, so that the best
hits of a very common word are found without walking the long lists of bodies. Both keep neither text (contentless)
nor positions (detail=none): they give candidates, which have every trigram of what is looked for, and the texts in
``search_documents`` and ``search_bodies`` decide. That is a fifth of the size of an index with positions, and a third
of the time to write it. Deleting gives FTS5 the very text that was added.

Words stand between single spaces, so one table answers for substrings (``refund``), begins of words (`` refund``) and
whole words (`` refund ``), down to two letters. For queries of one letter, for initials and for facets there are marks
of private characters in the text, each a trigram of its own. Every trigram of a query is quoted: nothing that a user
types is syntax here.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from sqlalchemy import Connection

from registry.domain.korean import initials
from registry.domain.search_terms import Form, Look, Term
from registry.domain.search_text import folded

_TRIGRAM = 3
_MAX_TRIGRAMS = 24
_AUTOMERGE = 8
_START = "\U00108000"
_INITIALS = "\U00108001"


def text_table(index: int) -> str:
    """The table with everything of an index."""
    return f"search_text_{index}"


def heading_table(index: int) -> str:
    """The table with the short fields of an index."""
    return f"search_heading_{index}"


def create_tables(connection: Connection, index: int) -> None:
    """Makes the two tables of an index."""
    for table in (text_table(index), heading_table(index)):
        connection.exec_driver_sql(
            f"CREATE VIRTUAL TABLE {table} USING fts5"
            "(text, content='', detail='none', columnsize=0, tokenize='trigram case_sensitive 1')"
        )
        configure = f"INSERT INTO {table}({table}, rank) VALUES ('automerge', ?)"  # noqa: S608  (a name of ours)
        connection.exec_driver_sql(configure, (_AUTOMERGE,))


def drop_tables(connection: Connection, index: int) -> None:
    """Drops the two tables of an index."""
    for table in (text_table(index), heading_table(index)):
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")


Row = tuple[int, str, str]
"""A document's number, its heading (``heading_of``), and everything that is indexed of it (``indexed``)."""


def add_rows(connection: Connection, index: int, rows: Sequence[Row]) -> None:
    """Adds documents."""
    if rows:
        for table, column in ((heading_table(index), 1), (text_table(index), 2)):
            statement = f"INSERT INTO {table}(rowid, text) VALUES (?, ?)"  # noqa: S608  (a name of ours)
            connection.exec_driver_sql(statement, [(row[0], row[column]) for row in rows])


def delete_rows(connection: Connection, index: int, rows: Sequence[Row]) -> None:
    """Deletes documents; heading and text must be those that were added."""
    if rows:
        for table, column in ((heading_table(index), 1), (text_table(index), 2)):
            statement = f"INSERT INTO {table}({table}, rowid, text) VALUES ('delete', ?, ?)"  # noqa: S608  (as above)
            connection.exec_driver_sql(statement, [(row[0], row[column]) for row in rows])


def heading_of(name: str, description: str, tags: Iterable[str]) -> str:
    """Name, description, tags and the name's initials, folded, a line each."""
    return "\n".join((folded(name), folded(description), folded(" ".join(tags)), _initials_of(name)))


def indexed(heading: str, text: str, values: Iterable[str]) -> str:
    """Everything that is indexed of a document: its heading, its folded text and the marks."""
    words = f"{heading}{text}".split()
    starts = _START.join(sorted({word[0] for word in words}))
    short = _INITIALS.join(heading.rpartition("\n")[2].split())
    marks = "".join(facet_mark(value) for value in values)
    return f"{heading}\n{text}\n{_START}{starts}{_START}\n{_INITIALS}{short}{_INITIALS}\n{marks}"


def _initials_of(name: str) -> str:
    """The initials of a name's words, and of each segment as if it had no spaces: `` ㄱㄱ ㅎㅂ ㅇㅊ ㅎㅂㅇㅊ ``."""
    words = folded(initials(name)).split()
    whole = [folded(initials(segment)).replace(" ", "") for segment in name.split("/")]
    return f" {' '.join(dict.fromkeys([*words, *whole]))} "


def facet_mark(value: str) -> str:
    """Three private characters for a facet value. Each place has its own range, so no other trigram looks like one."""
    bits = int.from_bytes(blake2b(value.encode(), digest_size=6).digest(), "big")
    first, second, third = bits & 0x7FFF, (bits >> 15) % 0x7FF0, bits >> 33
    return chr(0xF0000 + first) + chr(0xF8000 + second) + chr(0x100000 + third)


def match(terms: Sequence[Term], values: Iterable[str] = (), *, any_term: bool = False) -> str:
    """The expression for documents that may have every term (or any) and all the facet values."""
    found = [_either(_literal(form) for form in term.forms) for term in terms]
    parts = [f"({(' OR ' if any_term else ' AND ').join(found)})"] if found else []
    return " AND ".join(parts + [_all_of(facet_mark(value)) for value in values])


def match_heading(terms: Sequence[Term]) -> str:
    """The expression for headings that may have every term; empty where a term has only forms that have marks."""
    found = []
    for term in terms:
        usable = [_literal(form) for form in term.forms if form.look is not Look.INITIALS]
        usable = [literal for literal in usable if _START not in literal]
        if not usable:
            return ""
        found.append(_either(usable))
    return " AND ".join(found)


def match_words(terms: Sequence[Term]) -> str:
    """The expression for documents that may have every term as a whole word; empty where a term is too short."""
    words = [f" {term.forms[0].text} " for term in terms]
    return " AND ".join(_all_of(word) for word in words) if words else ""


def _literal(form: Form) -> str:
    """What is looked for: from three letters anywhere, of two at the begin of a word, of one its mark."""
    if form.look is Look.INITIALS:
        return f"{_INITIALS}{form.text.split(' ')[0]}" if len(form.text) > 1 else f"{_START}{form.text}{_START}"
    if len(form.text) >= _TRIGRAM:
        return form.text
    return f" {form.text}" if len(form.text) > 1 else f"{_START}{form.text}{_START}"


def _either(literals: Iterable[str]) -> str:
    return f"({' OR '.join(f'({_all_of(literal)})' for literal in dict.fromkeys(literals))})"


def _all_of(literal: str) -> str:
    """Every trigram of a literal, of a long one some, each quoted."""
    trigrams = [literal[at : at + _TRIGRAM] for at in range(len(literal) - _TRIGRAM + 1)]
    step = -(-len(trigrams) // _MAX_TRIGRAMS)
    return " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in dict.fromkeys(trigrams[::step]))
