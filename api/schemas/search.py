"""Search over HTTP."""

from pydantic import Field

from api.schemas.fields import NAME, Answered, QueryInt, example
from api.schemas.templates import FilterQuery
from registry.domain.ids import RepositoryName
from registry.domain.search import Highlight as DomainHighlight
from registry.domain.search import Hit as DomainHit
from registry.domain.search import Query, SearchPage

MAX_QUERY = 1000
HIGHLIGHT_EXAMPLE = {"field": "body", "fragment": "… the refund policy …", "ranges": [[6, 12]]}
HIT_EXAMPLE = {
    "name": NAME,
    "score": 7.41,
    "latest": 12,
    "type": "chat",
    "description": "Sorts one ticket into a queue.",
    "tags": ["support", "triage"],
    "status": "active",
    "model": "openai/gpt-4o-mini",
    "variables": ["history", "language", "ticket"],
    "tokens": 164,
    "labels": {"production": 11},
    "owners": ["@support-leads"],
    "highlights": [HIGHLIGHT_EXAMPLE],
}


class SearchQuery(FilterQuery):
    """What to look for, in which templates, and which page of the hits."""

    q: str = Field(
        "",
        max_length=MAX_QUERY,
        description="Words, prefixes or substrings, in any language; empty matches everything, sorted by name.",
    )
    limit: QueryInt = Field(20, ge=1, le=100, description="How many hits a page has at most.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")

    def query(self, repository: RepositoryName) -> Query:
        """The domain's query. Raises BadRequest for a label that is none."""
        return Query(repository, self.q.strip(), self.filter(), self.limit, self.cursor)


class Highlight(Answered):
    """A fragment that shows where the query matched."""

    model_config = example(**HIGHLIGHT_EXAMPLE)

    field: str = Field(description="name, description, tags or body.")
    fragment: str
    ranges: list[tuple[int, int]] = Field(description="Start and end of each match in the fragment, in characters.")

    @classmethod
    def from_domain(cls, highlight: DomainHighlight) -> "Highlight":
        """The body for a highlight."""
        return cls(field=highlight.field, fragment=highlight.fragment, ranges=list(highlight.ranges))


class Hit(Answered):
    """One template that was found."""

    model_config = example(**HIT_EXAMPLE)

    name: str
    score: float = Field(description="Higher is better; comparable within one answer only.")
    latest: int | None
    type: str
    description: str
    tags: list[str]
    status: str
    model: str | None
    variables: list[str]
    tokens: int
    labels: dict[str, int]
    owners: list[str]
    highlights: list[Highlight]

    @classmethod
    def from_domain(cls, hit: DomainHit) -> "Hit":
        """The body for a hit."""
        return cls(
            name=hit.name,
            score=hit.score + 0.0,  # -0.0 becomes 0.0
            latest=hit.latest,
            type=hit.facts.type.value,
            description=hit.facts.description,
            tags=list(hit.facts.tags),
            status=hit.facts.status.value,
            model=hit.facts.model,
            variables=list(hit.facts.variables),
            tokens=hit.facts.tokens,
            labels={str(label): number for label, number in hit.labels.items()},
            owners=list(hit.owners),
            highlights=[Highlight.from_domain(h) for h in hit.highlights],
        )


class FacetCount(Answered):
    """How many of the matching templates have a value."""

    model_config = example(value="support", count=7)

    value: str
    count: int


class SearchAnswer(Answered):
    """The hits, best first, with counts per facet value."""

    model_config = example(
        hits=[HIT_EXAMPLE],
        total=1,
        facets={"tag": [{"value": "support", "count": 1}], "folder": [{"value": "support", "count": 1}]},
        exact=True,
        degraded=False,
        next_cursor=None,
    )

    hits: list[Hit]
    total: int
    facets: dict[str, list[FacetCount]] = Field(
        description="tag, folder, type, status, model, owner, label. `folder` counts a folder with all below it."
    )
    exact: bool = Field(description="False where total and facets were counted over a bounded set of candidates.")
    degraded: bool = Field(description="True where the search engine was away and the catalogue answered.")
    next_cursor: str | None

    @classmethod
    def from_domain(cls, page: SearchPage) -> "SearchAnswer":
        """The body for a page of hits."""
        return cls(
            hits=[Hit.from_domain(hit) for hit in page.hits],
            total=page.total,
            facets={
                facet: [FacetCount(value=value, count=count) for value, count in counts]
                for facet, counts in page.facets.items()
            },
            exact=page.exact,
            degraded=page.degraded,
            next_cursor=page.next_cursor,
        )
