"""How an index is set up. Nothing in it needs a plugin: the domain folds texts, the engine splits them at spaces.

Of each field of a template the index has its words (``words``, with positions, for whole words, phrases and begins),
the ends of its words (``tails``: a part of a word is the begin of such an end), and the first letters of its words
(``starts``), all in jamo.
"""

from typing import Any

FIELDS = ("name", "description", "tags", "body")
"""The fields that are searched, the best first."""

_KEYWORD = {"type": "keyword"}
_SET = {"type": "keyword", "doc_values": False, "norms": False}
_WORDS = {"type": "text", "analyzer": "whitespace", "index_options": "positions", "norms": False}
_KEPT = {"type": "keyword", "index": False, "doc_values": False}


def _each(mapping: dict[str, Any]) -> dict[str, Any]:
    return {"properties": dict.fromkeys(FIELDS, mapping)}


def mappings(facets: tuple[str, ...], *, whole: bool) -> dict[str, Any]:
    """The mapping. ``whole`` is kept with it: whether the index began as one that gets every document."""
    return {
        "dynamic": "strict",
        "_meta": {"whole": whole},
        "_source": {"excludes": ["words", "tails", "starts", "initials", "facet", "sort_key"]},
        "properties": {
            "name": _KEPT,
            "sort_key": _KEYWORD,
            "fingerprint": {"type": "keyword", "index": False},
            "version": {"type": "integer", "index": False, "doc_values": False},
            "kept": {"type": "object", "enabled": False},
            "body": _KEPT,
            "facet": {"properties": dict.fromkeys(facets, _KEYWORD)},
            "words": _each(_WORDS),
            "tails": _each(_SET),
            "starts": _each(_SET),
            "initials": _WORDS,
        },
    }


FILLING: dict[str, Any] = {
    "number_of_shards": 1,
    "number_of_replicas": 0,
    "refresh_interval": "-1",
    # How long the engine remembers a deleted document's version, against a writer that was held up.
    "gc_deletes": "1h",
    "max_result_window": 10_000,
}
"""Settings of an index that nobody searches yet. One shard: scores and counts are exact; repositories spread."""

SERVING: dict[str, Any] = {"refresh_interval": "1s", "auto_expand_replicas": "0-1"}
"""What changes before an index is searched."""
