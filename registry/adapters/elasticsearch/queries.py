"""A query as Elasticsearch takes it: which documents, in which order, and what the facets count.

The score of a term is the best of its forms over the fields: name before description before tags before body, a whole
word before the begin of one before a part, and a form's own weight. Weights are so far apart that a worse field never
beats a better one. All but a small share for how often a word stands in the body is constant, so no text is syntax and
none outweighs a better place.
"""

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from registry.adapters.elasticsearch.documents import LONGEST_START, LONGEST_TAIL, document_id, facet_value
from registry.adapters.elasticsearch.mapping import FIELDS
from registry.domain.ids import TemplateName
from registry.domain.korean import sort_key
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search import FACETS
from registry.domain.search_terms import Form, Look, Term

FACET_VALUES = 100
"""Values that a facet shows at most, the most frequent first."""

_WEIGHTS = dict(zip(FIELDS, (1000.0, 300.0, 100.0, 30.0), strict=True))
_INITIALS = 400.0
_WHOLE, _BEGIN, _PART = 1.0, 0.8, 0.6
_ADJACENT = 0.5
_ELSEWHERE = 0.01
_OFTEN = 0.2
_EXPANSIONS = 300
"""Words that the half-typed end of a phrase may stand for."""

Filters = Sequence[tuple[str, str]]
Json = dict[str, Any]


_ALIKE_TERMS = 30
_ALIKE_SHARE = "20%"
_ALIKE_OFTEN = 4
"""A word that more than this part of all documents have says nothing."""
_ALIKE_TAG = 3.0
_SHORTEST_ALIKE = 4
_COUNTED = itemgetter("key", "doc_count")
_BEST_FIRST = [{"_score": "desc"}, {"sort_key": "asc"}]
_WILD = re.compile(r"[\\*?]")


def search_body(
    wanted: Json | None, filters: Filters, limit: int, after: list[Any] | None, sight: Sight = EVERYTHING
) -> Json:
    """The request for a page; ``after`` are the sort values of the last hit of the page before."""
    body: Json = {
        "query": _seen(wanted or {"match_all": {}}, sight),
        "sort": _BEST_FIRST if wanted else [{"sort_key": "asc"}],
        "size": limit,
        "track_total_hits": True,
        "aggs": facet_aggregations(filters),
    }
    if filters:
        body["post_filter"] = _all_of(filters)
    if after is not None:
        body["search_after"] = after
    return body


def suggestions_body(terms: Sequence[Term], limit: int, sight: Sight) -> Json:
    """The request for the names that go on as typed."""
    return {
        "query": _seen({"bool": {"must": [_best(_ways_of_name(term)) for term in terms]}}, sight),
        "sort": _BEST_FIRST,
        "size": limit,
        "track_total_hits": False,
        "_source": ["name", "kept"],
    }


def one_body(name: TemplateName) -> Json:
    """The request for one document, and for how many there are."""
    return {"query": {"ids": {"values": [document_id(name)]}}, "size": 1, "aggs": {"all": {"global": {}}}}


def alike(name: TemplateName, text: Mapping[str, str], tags: Sequence[str], documents: int) -> Json:
    """Documents with the rarest words of one, and with its tags, but not that one itself."""
    words = {
        "more_like_this": {
            "fields": [f"words.{field}" for field in FIELDS],
            "like": [f"{text[field]}" for field in FIELDS if text[field]],
            "min_term_freq": 1,
            "min_doc_freq": 2,
            "max_doc_freq": max(2, documents // _ALIKE_OFTEN),
            "min_word_length": _SHORTEST_ALIKE,
            "max_query_terms": _ALIKE_TERMS,
            "minimum_should_match": _ALIKE_SHARE,
        }
    }
    tagged = [_constant({"term": {"facet.tag": facet_value(tag)}}, _ALIKE_TAG) for tag in tags]
    return {"bool": {"must": [words], "should": tagged, "must_not": [{"ids": {"values": [document_id(name)]}}]}}


def facet_aggregations(filters: Filters) -> Json:
    """Counts of every facet; its own filter does not narrow it."""
    found = {}
    for facet in FACETS:
        others = [pair for pair in filters if pair[0] != facet]
        inside = {"values": {"terms": {"field": f"facet.{facet}", "size": FACET_VALUES}}}
        found[facet] = {"filter": _all_of(others), "aggs": inside} if others else inside["values"]
    return found


def facets_of(aggregations: Mapping[str, Any]) -> dict[str, tuple[tuple[str, int], ...]]:
    """The counts of an answer, most frequent first."""
    found = {}
    for facet in FACETS:
        counted = aggregations[facet]
        buckets = counted.get("values", counted)["buckets"]
        found[facet] = tuple(map(_COUNTED, buckets))
    return found


def no_facets() -> dict[str, tuple[tuple[str, int], ...]]:
    """What is counted where nothing was found."""
    return dict.fromkeys(FACETS, ())


def _all_of(filters: Filters) -> Json:
    return {"bool": {"filter": [{"term": {f"facet.{facet}": facet_value(value)}} for facet, value in filters]}}


def _seen(query: Json, sight: Sight) -> Json:
    """A query for what is seen alone: within the query itself, so that nothing else is counted either."""
    if sight.folders is None:
        return query
    folders = {"terms": {"facet.folder": [facet_value(folder) for folder in sight.folders]}}
    names = {"bool": {"should": [_below(folder) for folder in sight.folders], "minimum_should_match": 1}}
    return {"bool": {"must": [query], "filter": [folders, names]}}


def _below(folder: str) -> Json:
    """The names in a folder, by the sort key, at whose end they stand: two folders can be one as values of a facet."""
    place, mark, text = sort_key(folder).decode().partition("\x01")
    return {"wildcard": {"sort_key": {"value": f"{_literal(place)}\x02*{mark}{_literal(text)}/*"}}}


def _literal(text: str) -> str:
    return _WILD.sub(r"\\\g<0>", text)


def wanted(terms: Sequence[Term], *, any_term: bool, sight: Sight = EVERYTHING) -> Json | None:
    """Documents that have every term, or any; None without terms.

    How often a word stands in the body counts for who sees everything alone: the engine weighs that by how many
    documents of all have the word.
    """
    if not terms:
        return None
    found = [_term(term, often=sight.is_whole) for term in terms]
    query: Json = {"should": found, "minimum_should_match": 1} if any_term else {"must": found}
    phrase = " ".join(term.forms[0].text for term in terms)
    if len(terms) > 1:
        near = [_constant(_phrase(field, phrase), _ADJACENT * _WEIGHTS[field]) for field in FIELDS]
        query = {"must": [{"bool": query}], "should": [{"dis_max": {"queries": near}}]}
    return {"bool": query}


def _term(term: Term, *, often: bool) -> Json:
    """The best way to find a term; a term in two fields is a little better than in one."""
    found = _best([way for form in term.forms for way in _ways(form, _WEIGHTS)])
    word = term.forms[0].text
    if not often or " " in word:
        return found
    return {"bool": {"must": [found], "should": [{"match": {"words.body": {"query": word, "boost": _OFTEN}}}]}}


def _best(ways: Sequence[Json]) -> Json:
    return {"dis_max": {"queries": ways, "tie_breaker": _ELSEWHERE}}


def _ways_of_name(term: Term) -> list[Json]:
    return [way for form in term.forms for way in _ways(form, {"name": _WEIGHTS["name"]})]


def _ways(form: Form, weights: Mapping[str, float]) -> list[Json]:
    if form.look is Look.INITIALS:
        return [_constant(_begin("initials", form.text), _INITIALS * form.weight)]
    ways = []
    for field, weight in weights.items():
        counts = weight * form.weight
        ways.append(_constant(_phrase(field, form.text), _WHOLE * counts))
        if len(form.text) <= LONGEST_START:
            ways.append(_constant({"term": {f"starts.{field}": form.text}}, _BEGIN * counts))
            continue
        ways.append(_constant(_begin(f"words.{field}", form.text), _BEGIN * counts))
        if form.look is Look.ANYWHERE and " " not in form.text:
            part = form.text[:LONGEST_TAIL]
            ways.append(_constant({"prefix": {f"tails.{field}": part}}, _PART * counts))
    return ways


def _phrase(field: str, text: str) -> Json:
    """Whole words, one behind the other."""
    if " " in text:
        return {"match_phrase": {f"words.{field}": text}}
    return {"term": {f"words.{field}": text}}


def _begin(field: str, text: str) -> Json:
    """Words one behind the other, of which the last may be longer."""
    if " " in text:
        return {"match_phrase_prefix": {field: {"query": text, "max_expansions": _EXPANSIONS}}}
    return {"prefix": {field: text}}


def _constant(query: Json, boost: float) -> Json:
    return {"constant_score": {"filter": query, "boost": round(boost, 4)}}
