"""A template as the index holds it, and back."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from registry.adapters.elasticsearch.mapping import FIELDS
from registry.domain.catalogue import Facts, SearchDocument
from registry.domain.ids import TemplateName
from registry.domain.korean import sort_key
from registry.domain.search import facet_values, old_text_key
from registry.domain.search_text import folded, name_initials
from registry.domain.template import Status, TemplateType

SHORTEST_TAIL = 3
LONGEST_TAIL = 100
LONGEST_START = 2
_FIRST_VOWEL, _LAST_FINAL = "\u1160", "\u11ff"
_SHOWN = tuple(field.name for field in fields(Facts) if field.name != "tokens")


class Kept(NamedTuple):
    """What a document keeps to be shown. It has no ``tokens``, which follow a template's partials."""

    name: TemplateName
    facts: Facts
    owners: tuple[str, ...]
    body: str
    version: int | None = None


def document_id(name: TemplateName, version: int | None = None) -> str:
    """The id of a template's document, or of a version's text: names are longer than an id may be."""
    digest = blake2b(name.encode(), digest_size=16).hexdigest()
    return digest if version is None else f"{digest}-{version}"


def source_of(document: SearchDocument) -> dict[str, Any]:
    """The fields of a document."""
    facts = document.facts
    words = words_of(document.name, facts, document.body)
    unique = {field: set(text.split(" ")) for field, text in words.items()}
    return {
        "name": document.name,
        "sort_key": sort_key(document.name).decode(),
        "fingerprint": document.fingerprint,
        "kept": {"facts": {name: getattr(facts, name) for name in _SHOWN}, "owners": document.owners},
        "body": unicodedata.normalize("NFC", document.body),
        "facet": _facets(document),
        "words": words,
        "tails": {field: _tails(known) for field, known in unique.items()},
        "starts": {field: _starts(known) for field, known in unique.items()},
        "initials": name_initials(document.name).strip(),
    }


def old_source_of(document: SearchDocument) -> dict[str, Any]:
    """The fields of a text that a template had: it is found by its words alone, and in its folder."""
    source = source_of(document)
    version = document.version or 0
    for field in ("words", "tails", "starts"):
        source[field] = {"body": source[field]["body"]}
    del source["initials"]
    folders = source["facet"].get("folder", [])
    return source | {
        "facet": {"folder": folders},
        "version": version,
        "sort_key": old_text_key(document.name, version).decode(),
    }


def words_of(name: TemplateName, facts: Facts, body: str) -> dict[str, str]:
    """The folded words of each field."""
    texts = (name, facts.description, " ".join(facts.tags), body)
    return {field: folded(text).strip() for field, text in zip(FIELDS, texts, strict=True)}


def kept_of(source: Mapping[str, Any], tokens: int = 0) -> Kept:
    """What an answer's ``_source`` says, with the ``tokens`` that the catalogue has."""
    facts = source["kept"]["facts"]
    facts |= {
        "type": TemplateType(facts["type"]),
        "status": Status(facts["status"]),
        "tags": tuple(facts["tags"]),
        "variables": tuple(facts["variables"]),
        "tokens": tokens,
    }
    owners, body = tuple(source["kept"]["owners"]), source.get("body", "")
    return Kept(TemplateName(source["name"]), Facts(**facts), owners, body, source.get("version"))


def facet_value(value: str) -> str:
    """A facet's value as it is counted: in one line."""
    return " ".join(value.split())


def _facets(document: SearchDocument) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for facet, value in facet_values(document.name, document.facts, document.owners, document.labels):
        found[facet].append(facet_value(value))
    return {facet: sorted(set(values)) for facet, values in found.items()}


@lru_cache(maxsize=65_536)
def _tails_of(word: str) -> tuple[str, ...]:
    """The ends of a word that are not the whole of it; of an endless one only the beginning of each.

    None begins within a syllable: nobody types half of one first.
    """
    places = (at for at in range(1, len(word) - SHORTEST_TAIL + 1) if not _FIRST_VOWEL <= word[at] <= _LAST_FINAL)
    return tuple(word[at : at + LONGEST_TAIL] for at in places)


def _tails(words: set[str]) -> list[str]:
    return list(set().union(*map(_tails_of, words)))


def _starts(words: set[str]) -> list[str]:
    return list({word[:1] for word in words if word} | {word[:LONGEST_START] for word in words if word})
