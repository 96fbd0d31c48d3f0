"""Search in the domain's words: the query, its answer, and the facets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from registry.domain.catalogue import Facts, TemplateFilter
from registry.domain.ids import LabelName, RepositoryName, TemplateName
from registry.domain.korean import sort_key
from registry.domain.rights import EVERYTHING, Sight

_MOST_VERSIONS = 10**9

FACETS = ("tag", "folder", "type", "status", "model", "owner", "label")
"""Each facet is a filter of the same name and a count in the answer. ``folder`` counts the folder and all above it."""


FILTERS = (*FACETS, "imported")
"""What lists can be filtered by."""


def list_values(
    name: TemplateName, facts: Facts | None, owners: Iterable[str], labels: Iterable[str]
) -> frozenset[tuple[str, str]]:
    """The pairs under which a list finds a template: those of its facets, and another name that it was imported by."""
    values = facet_values(name, facts, owners, labels)
    renamed = facts is not None and facts.imported not in {None, name}
    return values | {("imported", facts.imported)} if facts and facts.imported and renamed else values


def facet_values(
    name: TemplateName, facts: Facts | None, owners: Iterable[str], labels: Iterable[str]
) -> frozenset[tuple[str, str]]:
    """The pairs (facet, value) under which a template is counted and filtered."""
    values = [("folder", folder) for folder in _folder_and_above(name.rpartition("/")[0])]
    values += [("owner", owner) for owner in owners]
    values += [("label", label) for label in labels]
    if facts is not None:
        values += [("type", facts.type.value), ("status", facts.status.value)]
        values += [("tag", tag) for tag in facts.tags]
        if facts.model is not None:
            values.append(("model", facts.model))
    return frozenset(values)


def old_text_key(name: TemplateName, version: int) -> bytes:
    """The sort key of a version's text: behind the template's own, newer ones first."""
    return sort_key(name) + f"\x01{_MOST_VERSIONS - version:010}".encode()


@lru_cache(maxsize=4096)
def _folder_and_above(folder: str) -> tuple[str, ...]:
    """A folder and all that hold it, outermost first: of ``a/b`` these are ``a`` and ``a/b``."""
    places = [place for place, letter in enumerate(folder) if letter == "/"]
    return (*(folder[:place] for place in places), folder) if folder else ()


def filter_values(where: TemplateFilter) -> list[tuple[str, str]]:
    """The pairs (facet, value) that a filter asks for, all of which must hold."""
    asked = ((facet, getattr(where, facet)) for facet in FILTERS)
    return [(facet, str(value).strip("/") if facet == "folder" else str(value)) for facet, value in asked if value]


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. An empty ``text`` matches everything that passes the filter, sorted by name.

    ``like`` names a template to which others are alike, most alike first; there is no text beside it. With ``versions``
    texts that templates had are looked through too; of the filters only the folder holds for them, others leave them
    out. ``sight`` is what the reader sees: of the rest nothing is found, counted or otherwise told.
    """

    repository: RepositoryName
    text: str
    filter: TemplateFilter = field(default_factory=TemplateFilter)
    limit: int = 20
    cursor: str | None = None
    like: TemplateName | None = None
    versions: bool = False
    sight: Sight = EVERYTHING

    @property
    def looks_back(self) -> bool:
        """Whether there are words to look for in old texts."""
        return self.versions and self.like is None


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a template's present state can change while its own text does not; its search document has none of it."""

    latest: int | None
    labels: Mapping[LabelName, int] = field(default_factory=dict)
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Highlight:
    """A fragment of ``field`` (name, description, tags, body) and the ranges in it, in characters, that matched."""

    field: str
    fragment: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One template that was found; ``latest`` is its newest valid version.

    ``version`` is set where an older text of it was found: the newest version that has that text.
    """

    name: TemplateName
    score: float
    latest: int | None
    facts: Facts
    owners: tuple[str, ...] = ()
    labels: Mapping[LabelName, int] = field(default_factory=dict)
    highlights: tuple[Highlight, ...] = ()
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A template whose name goes on as somebody types, and the ranges of the name that match, in characters."""

    name: TemplateName
    description: str
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The suggestions, best first; ``degraded`` as in ``SearchPage``."""

    found: tuple[Suggestion, ...] = ()
    degraded: bool = False


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
