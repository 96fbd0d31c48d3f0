"""Search over HTTP."""

from typing import Literal

from pydantic import Field

from api.schemas.fields import NAME, Answered, QueryInt, ReadQuery, example
from api.schemas.templates import FilterQuery
from registry.domain import search
from registry.domain.ids import RepositoryName
from registry.domain.names import parse_name
from registry.domain.rights import Sight
from registry.domain.search import Query

MAX_QUERY = 1000
DEGRADED = "True where the search engine was away or not filled yet, and the catalogue answered, or something may lack."
HIGHLIGHT_EXAMPLE = {"field": "body", "fragment": "… the refund policy …", "ranges": [[6, 12]]}
SUGGESTION_EXAMPLE = {"name": NAME, "description": "Sorts one ticket into a queue.", "ranges": [[8, 14]]}
HIT_EXAMPLE = {
    "name": NAME,
    "score": 7.41,
    "latest": 12,
    "version": None,
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
    like: str | None = Field(
        None, description="Finds the templates that are most like this one, in the place of words; takes no `q`."
    )
    versions: Literal["current", "all"] = Field(
        "current",
        description="`all` looks through texts that templates had, too. Filters but `folder` leave those out.",
    )
    limit: QueryInt = Field(20, ge=1, le=100, description="How many hits a page has at most.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")

    def query(self, repository: RepositoryName, sight: Sight) -> Query:
        """The domain's query for what is seen. Raises BadRequest for a label or a name that is none."""
        like = parse_name(self.like) if self.like else None
        every = self.versions == "all"
        return Query(repository, self.q.strip(), self.filter(), self.limit, self.cursor, like, every, sight)


class SuggestionsQuery(ReadQuery):
    """What has been typed, and how many names may be shown."""

    q: str = Field("", max_length=MAX_QUERY, description="What has been typed so far, in any language; initials too.")
    limit: QueryInt = Field(10, ge=1, le=50, description="How many names there are at most.")


class Suggestion(Answered):
    """A template whose name goes on as was typed."""

    model_config = example(**SUGGESTION_EXAMPLE)

    name: str
    description: str
    ranges: list[tuple[int, int]] = Field(description="Start and end of each match in the name, in characters.")


class Suggestions(Answered):
    """The names, best first."""

    model_config = example(suggestions=[SUGGESTION_EXAMPLE], degraded=False)

    suggestions: list[Suggestion]
    degraded: bool = Field(description=DEGRADED)

    @classmethod
    def from_domain(cls, made: search.Suggestions) -> "Suggestions":
        """The answer for what was found."""
        return cls(
            suggestions=[
                Suggestion(name=each.name, description=each.description, ranges=list(each.ranges))
                for each in made.found
            ],
            degraded=made.degraded,
        )


class Highlight(Answered):
    """A fragment that shows where the query matched."""

    model_config = example(**HIGHLIGHT_EXAMPLE)

    field: str = Field(description="name, description, tags or body.")
    fragment: str
    ranges: list[tuple[int, int]] = Field(description="Start and end of each match in the fragment, in characters.")


class Hit(Answered):
    """One template that was found."""

    model_config = example(**HIT_EXAMPLE)

    name: str
    score: float = Field(description="Higher is better; comparable within one answer only.")
    latest: int | None
    version: int | None = Field(description="Of an older text that was found: the newest version that has it.")
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
    degraded: bool = Field(description=DEGRADED)
    next_cursor: str | None
