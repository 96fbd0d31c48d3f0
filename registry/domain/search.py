"""Search in the domain's words: the query, its answer, and the facets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.domain.catalogue import Facts, TemplateFilter
from registry.domain.ids import LabelName, RepositoryName, TemplateName

FACETS = ("tag", "folder", "type", "status", "model", "owner", "label")
"""Each facet is a filter of the same name and a count in the answer. ``folder`` counts the folder and all above it."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. An empty ``text`` matches everything that passes the filter, sorted by name."""

    repository: RepositoryName
    text: str
    filter: TemplateFilter = TemplateFilter()
    limit: int = 20
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Highlight:
    """A fragment of ``field`` (name, description, tags, body) and the ranges in it, in characters, that matched."""

    field: str
    fragment: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One template that was found; ``latest`` is its newest valid version."""

    name: TemplateName
    score: float
    latest: int | None
    facts: Facts
    owners: tuple[str, ...] = ()
    labels: Mapping[LabelName, int] = field(default_factory=dict)
    highlights: tuple[Highlight, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The hits, best first, with counts per facet value.

    ``exact`` is false where ``total`` and ``facets`` were counted over a bounded set of candidates; ``degraded``
    where the search engine was away and the catalogue answered instead.
    """

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, tuple[tuple[str, int], ...]]
    exact: bool = True
    degraded: bool = False
    next_cursor: str | None = None
