"""Which documents a query finds, how good each is, and what the facets count.

The full text gives a bounded set of candidates; their folded texts say in Python whether and how well each has the
terms. The score of a term is the best of its forms over the fields: name before description before tags before body,
a whole word before the begin of one before a part, and a form's own weight; a document's score is the sum over the
terms. Weights are so far apart that a worse field never beats a better one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from registry.adapters.sql import dialect
from registry.adapters.sql.full_text import Wanted, facet_token
from registry.adapters.sql.full_texts import full_text
from registry.adapters.sql.search_store import all_counts
from registry.adapters.sql.tables import search_bodies, search_documents
from registry.domain.rights import Sight
from registry.domain.search import FACETS
from registry.domain.search_terms import Look, Term

BOUND = 1_000
"""Candidates that are read, scored and counted; a query that has more is answered over so many of its best."""

HEADING_BOUND = 500
"""Of these, how many at most come for their heading."""

COUNT_BOUND = 10_000
"""How far the matches of a common word are counted."""

FACET_VALUES = 100
"""Values that a facet shows at most, the most frequent first."""

_FIELDS = (1000.0, 300.0, 100.0)
_BODY = 30.0
_INITIALS = 400.0
_WHOLE, _BEGIN, _PART = 1.0, 0.8, 0.6
_ADJACENT = 0.5
_ELSEWHERE = 0.01
_OFTEN = 10

_SHORT_ROWS = select(search_documents.c.id, search_documents.c.sort_key, search_documents.c.facets).where(
    dialect.one_of(search_documents.c.id, "ids")
)
_ROWS = (
    select(
        search_documents.c.id,
        search_documents.c.sort_key,
        search_documents.c.facets,
        search_documents.c.heading,
        search_bodies.c.folded,
    )
    .join(search_bodies, search_bodies.c.document_id == search_documents.c.id)
    .where(dialect.one_of(search_documents.c.id, "ids"))
)

Filters = Sequence[tuple[str, str]]
Scored = tuple[float, Any]
"""A document's score, and its row: id, sort key and facets at least."""


@dataclass(slots=True)
class Found:
    """What a query found: the documents that pass the filter, what the facets count, and whether that is all."""

    hits: list[Scored] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    total: int = 0
    exact: bool = True


class Search:
    """One query on one index within one transaction."""

    def __init__(
        self,
        connection: Connection,
        index: int,
        terms: Sequence[Term],
        filters: Filters,
        sight: Sight,
        *,
        any_term: bool = False,
    ) -> None:
        self._connection = connection
        self._index = index
        self._text = full_text(connection)
        self._terms = terms
        self._tokens = {facet: facet_token(facet, value) for facet, value in filters}
        self._sight = sight
        self._any_term = any_term

    def run(self) -> Found:
        """The hits, in no order, with facet counts. Where no document has all terms, those that have any are found."""
        found = self._find()
        if not found.total and len(self._terms) > 1 and not self._any_term:
            self._any_term = True
            found = self._find()
        return found

    def count_words(self, bound: int) -> int:
        """How many documents have every term as a whole word, counted up to a bound."""
        return len(self._text.whole_words(self._connection, self._index, self._wanted(()), bound))

    def count_documents(self) -> int:
        """How many documents are seen that have the terms, counted up to a bound."""
        return self._text.count(self._connection, self._index, self._wanted(()), COUNT_BOUND)

    def _find(self) -> Found:
        tokens = list(self._tokens.values())
        wanted = self._wanted(() if self._terms else tokens)
        ids = self._text.candidates(self._connection, self._index, wanted, BOUND)
        if len(ids) > BOUND:
            return self._find_bounded(tokens)
        scored = self._scored(ids)
        found = Found(hits=_passing(scored, tokens), counts=_counted(_passing(scored, tokens)))
        found.total = len(found.hits)
        for facet in self._tokens:
            if self._terms:
                found.counts[facet] = _counted(_passing(scored, self._others(facet)))[facet]
            else:  # the candidates are those that pass: there was nothing else to look for them by
                self._count_wider(facet, found)
        return found

    def _find_bounded(self, tokens: list[str]) -> Found:
        """A common word: the best headings, then whole words, then any, over a bounded set."""
        here, text, wanted = (self._connection, self._index), self._text, self._wanted(tokens)
        ids: dict[int, None] = {}
        if self._terms:
            ids.update(dict.fromkeys(text.headings(*here, wanted, HEADING_BOUND)))
            ids.update(dict.fromkeys(text.whole_words(*here, wanted, BOUND)))
        if len(ids) < BOUND:
            ids.update(dict.fromkeys(text.matching(*here, wanted, BOUND)))
        found = Found(hits=_passing(self._scored(list(ids)[:BOUND]), tokens), exact=False)
        found.counts = _counted(found.hits)
        for facet in self._tokens:
            self._count_wider(facet, found)
        found.total = max(len(found.hits), text.count(*here, wanted, COUNT_BOUND))
        return found

    def _count_wider(self, facet: str, found: Found) -> None:
        """The counts of a facet without its own filter; they are not exact where there are too many to look at."""
        others = self._others(facet)
        if not self._terms and not others and self._sight.is_whole:
            found.counts[facet] = all_counts(self._connection, self._index)[facet]
            return
        ids = self._text.matching(self._connection, self._index, self._wanted(others), BOUND)
        found.counts[facet] = _counted(self._scored(ids))[facet]
        found.exact = found.exact and len(ids) < BOUND

    def _wanted(self, tokens: Sequence[str]) -> Wanted:
        return Wanted(self._terms, tokens, self._any_term, self._sight)

    def _others(self, facet: str) -> list[str]:
        """What all filters but one ask for: a facet's counts do not mind its own filter."""
        return [token for other, token in self._tokens.items() if other != facet]

    def _scored(self, ids: Sequence[int]) -> list[Scored]:
        """Of the documents those that have the terms, with their scores."""
        listed = {"ids": ids}
        if not self._terms:
            return [(0.0, row) for row in self._connection.execute(_SHORT_ROWS, listed).all()]
        scorer = Scorer(self._terms, any_term=self._any_term)
        scored = [(scorer.score(row[3], row[4]), row) for row in self._connection.execute(_ROWS, listed).all()]
        return [each for each in scored if each[0]]


class Scorer:
    """Scores folded documents for a query."""

    def __init__(self, terms: Sequence[Term], *, any_term: bool) -> None:
        self._terms = [(_families(term), _initials(term)) for term in terms]
        self._phrase = " ".join(term.forms[0].text for term in terms) if len(terms) > 1 else ""
        self._any_term = any_term

    def score(self, heading: str, text: str) -> float:
        """How well a document has the terms; 0 where it lacks one (where any will do: where it has none)."""
        fields = heading.split("\n")
        total = 0.0
        for families, initials in self._terms:
            best = max((_INITIALS * weight for begin, weight in initials if begin in fields[3]), default=0.0)
            body = 0.0
            for shared, shapes in families:
                in_heading, in_body = shared in heading, shared in text
                for shape in shapes if in_heading or in_body else ():
                    if in_heading:
                        best = max(best, _heading_score(shape, fields))
                    if in_body and shape.text in text:
                        body = max(body, _body_score(shape, text))
            if not best and not body and not self._any_term:
                return 0.0
            # A term in two fields is a little better than in one, never as good as in a better field.
            total += max(best, body) + _ELSEWHERE * min(best, body)
        if self._phrase:
            total += _ADJACENT * self._adjacent(fields, text)
        return round(total, 3)

    def _adjacent(self, fields: Sequence[str], text: str) -> float:
        for weight, part in zip((*_FIELDS, _BODY), (*fields[:3], text), strict=True):
            if self._phrase in part:
                return weight
        return 0.0


class _Shape(NamedTuple):
    """A form as it is looked for: its text, the begin of a word, a whole word; ``part``: what counts inside of one."""

    text: str
    begin: str
    word: str
    weight: float
    part: float


def _families(term: Term) -> list[tuple[str, list[_Shape]]]:
    """A term's forms by a shorter one that they hold: a text without that one has none of its family."""
    forms = [form for form in term.forms if form.look is not Look.INITIALS]
    families: dict[str, list[_Shape]] = {}
    for form in forms:
        shared = min((other.text for other in forms if other.text in form.text), key=len)
        part = _PART * form.weight if form.look is Look.ANYWHERE else 0.0
        shape = _Shape(form.text, f" {form.text}", f" {form.text} ", form.weight, part)
        families.setdefault(shared, []).append(shape)
    return list(families.items())


def _initials(term: Term) -> list[tuple[str, float]]:
    return [(f" {form.text}", form.weight) for form in term.forms if form.look is Look.INITIALS]


def _heading_score(shape: _Shape, fields: Sequence[str]) -> float:
    for weight, part in zip(_FIELDS, fields, strict=False):
        if shape.text in part and (found := _how(shape, part)):
            return weight * found
    return 0.0


def _body_score(shape: _Shape, text: str) -> float:
    """What a form counts in a body that has it."""
    found = _how(shape, text)
    return _BODY * found + 0.3 * min(text.count(shape.text), _OFTEN) * shape.weight if found else 0.0


def _how(shape: _Shape, part: str) -> float:
    """How well a text that has a form has it: as a word, the begin of one, a part."""
    if shape.word in part:
        return _WHOLE * shape.weight
    return _BEGIN * shape.weight if shape.begin in part else shape.part


def _passing(scored: Sequence[Scored], tokens: Iterable[str]) -> list[Scored]:
    lines = [f"\n{token}\n" for token in tokens]
    return [each for each in scored if all(line in each[1].facets for line in lines)] if lines else list(scored)


def _counted(scored: Sequence[Scored]) -> dict[str, Counter[str]]:
    tokens = Counter("".join([each[1].facets for each in scored]).split("\n"))
    counts: dict[str, Counter[str]] = {facet: Counter() for facet in FACETS}
    for token, count in tokens.items():
        facet, tab, value = token.partition("\t")
        if tab:
            counts[facet][value] = count
    return counts


def facet_page(counts: Mapping[str, Mapping[str, int]]) -> dict[str, tuple[tuple[str, int], ...]]:
    """The most frequent values of every facet with their counts, most frequent first."""
    return {
        facet: tuple(sorted(counts.get(facet, {}).items(), key=lambda each: (-each[1], each[0]))[:FACET_VALUES])
        for facet in FACETS
    }
