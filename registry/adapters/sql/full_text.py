"""What the two databases' full texts have in common: what is indexed of a document, and how candidates are asked for.

``fts5`` is SQLite's and ``trigrams`` PostgreSQL's; ``search_store`` writes them and ``search_ranking`` reads them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search_terms import Term
from registry.domain.search_text import folded, name_initials


class IndexedRow(NamedTuple):
    """What is indexed of a document: its heading (``heading_of``), its folded text, its facet values."""

    id: int
    heading: str
    text: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Documents that are seen and have every term (or any) and all the facet values."""

    terms: Sequence[Term]
    values: Sequence[str] = ()
    any_term: bool = False
    sight: Sight = EVERYTHING


class FullText(Protocol):
    """The full-text tables of the search indexes, a set for each by its number."""

    def create(self, connection: Connection, index: int, *, bulk: bool) -> None:
        """Makes an empty one; with ``bulk`` for many documents, to be finished before it is searched much."""
        ...

    def drop(self, connection: Connection, index: int) -> None:
        """Drops one, or nothing."""
        ...

    def finish_some(self, connection: Connection, index: int) -> bool:
        """Does a part of what makes searching quick after bulk writing; False where nothing is left to do."""
        ...

    def add(self, connection: Connection, index: int, rows: Sequence[IndexedRow]) -> None:
        """Adds documents."""
        ...

    def remove(self, connection: Connection, index: int, rows: Sequence[IndexedRow]) -> None:
        """Removes documents; the rows must be those that were added."""
        ...

    def candidates(self, connection: Connection, index: int, wanted: Wanted, bound: int) -> Sequence[int]:
        """Documents among which are all that are wanted; more than ``bound`` only where so many are."""
        ...

    def matching(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Documents that are wanted, and no others; the same ones each time."""
        ...

    def whole_words(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Those of the wanted documents that have every term as a whole word."""
        ...

    def headings(self, connection: Connection, index: int, wanted: Wanted, limit: int) -> Sequence[int]:
        """Documents seen that have every term in name, description or tags; none where a term has only initials.

        Facet values are not asked for.
        """
        ...

    def count(self, connection: Connection, index: int, wanted: Wanted, bound: int) -> int:
        """How many are wanted, counted up to a bound; some engines stop sooner."""
        ...


def facet_token(facet: str, value: str) -> str:
    """A facet's value in one line."""
    return f"{facet}\t{' '.join(value.split())}"


def folder_tokens(sight: Sight) -> list[str]:
    """Of these every document that is seen has one at least, where the sight is not whole."""
    return [facet_token("folder", folder) for folder in sight.folders or ()]


def heading_of(name: str, description: str, tags: Iterable[str]) -> str:
    """Name, description, tags and the name's initials, folded, a line each."""
    return "\n".join((folded(name), folded(description), folded(" ".join(tags)), name_initials(name)))
