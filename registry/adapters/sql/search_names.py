"""Names that go on as somebody types: candidates by their headings, and by what their names have."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select

from registry.adapters.sql.search_ranking import Scorer
from registry.adapters.sql.search_store import stored_of
from registry.adapters.sql.sights import begins, seen
from registry.adapters.sql.tables import search_bodies, search_documents
from registry.domain.highlighting import Highlighter
from registry.domain.rights import Sight
from registry.domain.search import Suggestion
from registry.domain.search_terms import Form, Look, Term

_CANDIDATES = 2_000
"""Headings that are looked at: a word that more have shows those that come first by name."""

_HEADINGS = (
    select(search_documents.c.id, search_documents.c.name, search_documents.c.heading, search_documents.c.sort_key)
    .where(search_documents.c.index_id == bindparam("index"))
    .order_by(search_documents.c.sort_key)
    .limit(_CANDIDATES)
)
_DOCUMENT = select(search_bodies.c.document).where(search_bodies.c.document_id == bindparam("number"))


def suggest_names(
    connection: Connection, index: int, terms: Sequence[Term], limit: int, sight: Sight
) -> tuple[Suggestion, ...]:
    """The templates seen whose names have every term, best first."""
    looked_for = [
        or_(*(search_documents.c.heading.contains(_piece(form), autoescape=True) for form in term.forms))
        for term in terms
    ]
    wanted: dict[str, Any] = {"index": index}
    if not sight.is_whole:
        looked_for.append(seen(search_documents.c.name, "begins"))
        wanted["begins"] = begins(sight)
    scorer = Scorer(terms, any_term=False)
    found = []
    for row in connection.execute(_HEADINGS.where(*looked_for), wanted):
        name, _, _, initials = row.heading.split("\n")
        score = scorer.score(f"{name}\n \n \n{initials}", " ")
        if score:
            found.append((-score, row.sort_key, row))
    highlighter = Highlighter(terms)
    suggestions = []
    for _, _, row in sorted(found, key=lambda each: each[:2])[:limit]:
        stored = stored_of(connection.execute(_DOCUMENT, {"number": row.id}).scalar_one())
        suggestions.append(Suggestion(row.name, stored.facts.description, highlighter.ranges_of_name(row.name)))
    return tuple(suggestions)


def _piece(form: Form) -> str:
    """What a heading has that has a form; initials stand in it as words."""
    return form.text if form.look is Look.ANYWHERE else f" {form.text}"
