"""Templates like one: those that have its rarest words, in any number, most of them first."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from registry.adapters.sql.search_ranking import Filters, Found, Search
from registry.adapters.sql.search_store import total_documents
from registry.adapters.sql.tables import search_bodies, search_documents
from registry.domain.errors import TemplateNotFound
from registry.domain.ids import TemplateName
from registry.domain.rights import Sight
from registry.domain.search_terms import Form, Term

_LOOKED_AT = 40
"""Words of a template whose frequency is asked for: those of its heading, then those that it has most."""

_RAREST = 12
_OFTEN = 200
_SHARE = 4
"""A word that more documents have than this, or more than the fourth part of all, says nothing."""

_SHORTEST = 4
_IN_HEADING = 3
_WORDS = re.compile(r"[^ \n]+")

_ONE = (
    select(search_documents.c.id, search_documents.c.heading, search_bodies.c.folded)
    .join(search_bodies, search_bodies.c.document_id == search_documents.c.id)
    .where(search_documents.c.index_id == bindparam("index"), search_documents.c.name == bindparam("name"))
)


class _Word(NamedTuple):
    text: str
    worth: float


def find_alike(connection: Connection, index: int, name: TemplateName, filters: Filters, sight: Sight) -> Found:
    """The templates like one, without itself. Raises TemplateNotFound, for one that is not seen as for none."""
    one = connection.execute(_ONE, {"index": index, "name": name}).one_or_none()
    if one is None or not sight.has(name):
        raise TemplateNotFound(f"The search index has no template {name}.")
    words = _rarest(connection, index, one, sight)
    if not words:
        return Found()
    terms = [Term((Form(word.text),)) for word in words]
    found = Search(connection, index, terms, filters, sight, any_term=True).run()
    hits = [(_alike(words, row.heading, row.folded), row) for _, row in found.hits if row.id != one.id]
    found.total -= len(found.hits) - len(hits)
    found.hits = hits
    return found


def _rarest(connection: Connection, index: int, one: Any, sight: Sight) -> list[_Word]:
    """The words that few other documents have, of those that are seen, with what they are worth."""
    counts = Counter(_WORDS.findall(one.folded))
    for word in set(_WORDS.findall(one.heading.rpartition("\n")[0])):
        counts[word] += _IN_HEADING
    known = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    asked = [(word, count) for word, count in known if len(word) >= _SHORTEST][:_LOOKED_AT]
    documents = (
        total_documents(connection, index)
        if sight.is_whole
        else Search(connection, index, (), (), sight).count_documents()
    )
    often = min(_OFTEN, documents // _SHARE)
    words = []
    for word, count in asked:
        others = Search(connection, index, [Term((Form(word),))], (), sight).count_words(often + 1) - 1
        if 0 < others < often:
            words.append(_Word(word, math.log(1 + documents / others) * (1 + math.log(count))))
    return sorted(words, key=lambda each: (-each.worth, each.text))[:_RAREST]


def _alike(words: Sequence[_Word], heading: str, text: str) -> float:
    return round(sum(word.worth for word in words if f" {word.text}" in heading or f" {word.text}" in text), 3)
