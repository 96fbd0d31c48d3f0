"""Every metric by name, with its type, its labels and what it says: ``/metrics`` and docs/metrics.md are made of it."""

from dataclasses import dataclass
from enum import Enum, StrEnum

PREFIX = "promptuary_"


class Kind(StrEnum):
    """How a metric's numbers go."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Joined(Enum):
    """What one page says of several workers on a port."""

    ADDED = "added"
    HIGHEST = "highest"
    ASKED = "asked"
    """What the worker knows that was asked: it is the same for all."""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric; a counter's samples end in ``_total`` besides."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    joined: Joined = Joined.ADDED

    @property
    def full_name(self) -> str:
        """The name as it is scraped."""
        return PREFIX + self.name


BUILD = MetricFamily("build", Kind.GAUGE, "Always 1; the labels say what runs.", ("version", "role"), Joined.HIGHEST)
REQUESTS = MetricFamily(
    "http_requests", Kind.COUNTER, "Requests that were answered; status 499 is a caller that left before.",
    ("method", "route", "status"),
)  # fmt: skip
REQUEST_SECONDS = MetricFamily(
    "http_request_duration_seconds", Kind.HISTOGRAM, "Seconds until an answer began.", ("method", "route")
)
IN_FLIGHT = MetricFamily("http_requests_in_flight", Kind.GAUGE, "Requests under way, hot reads left out.")
EDGE_REFUSALS = MetricFamily(
    "edge_refusals", Kind.COUNTER,
    "Requests and connections that were refused or ended at the edge, by reason (docs/edge.md).", ("reason",),
)  # fmt: skip
CACHE_LOOKUPS = MetricFamily(
    "cache_lookups", Kind.COUNTER,
    "Look-ups by layer: answers (ready ones), memory (content by digest), redis (the same, of all processes).",
    ("layer", "outcome"),
)  # fmt: skip
CACHE_BYTES = MetricFamily("answer_cache_bytes", Kind.GAUGE, "Memory that ready answers take.")
CACHE_ENTRIES = MetricFamily("answer_cache_entries", Kind.GAUGE, "Ready answers that are kept.")
GATE_SECONDS = MetricFamily(
    "gate_seconds", Kind.HISTOGRAM, "Seconds that the gate took to judge a push, or a write of the API.",
    ("way", "outcome"),
)  # fmt: skip
PUSHES = MetricFamily("pushes", Kind.COUNTER, "Pushes that the gate judged.", ("outcome",))
PROJECTION_SECONDS = MetricFamily(
    "projection_seconds",
    Kind.HISTOGRAM,
    "Seconds from noticing new commits until the catalogue had them.",
    ("outcome",),
)
PROJECTED_COMMITS = MetricFamily("projected_commits", Kind.COUNTER, "Commits that were projected.")
PROJECTED_VERSIONS = MetricFamily("projected_versions", Kind.COUNTER, "Versions that were written to the catalogue.")
LAG_COMMITS = MetricFamily(
    "index_lag_commits", Kind.GAUGE, "Commits of a branch that are not projected yet; -1 where it was rewritten.",
    ("repository", "ref"), Joined.ASKED,
)  # fmt: skip
LAG_SECONDS = MetricFamily(
    "index_lag_seconds", Kind.GAUGE,
    "For how long a branch has been behind without coming nearer, as far as scrapes have seen; 0 where it is not.",
    ("repository", "ref"), Joined.ASKED,
)  # fmt: skip
ORDINAL = MetricFamily(
    "index_ordinal",
    Kind.GAUGE,
    "How many commits of a branch are projected in all.",
    ("repository", "ref"),
    Joined.ASKED,
)
OUTBOX = MetricFamily(
    "outbox_depth",
    Kind.GAUGE,
    "Templates that a search index has not got yet, for seconds after a write.",
    joined=Joined.ASKED,
)
SUBSCRIBERS = MetricFamily("event_subscribers", Kind.GAUGE, "Open streams of events.")
MAINTENANCE_SECONDS = MetricFamily(
    "maintenance_seconds", Kind.HISTOGRAM, "Seconds that upkeep of a repository took, by task.", ("task", "outcome")
)
CIRCUITS = MetricFamily(
    "circuit", Kind.GAUGE, "1 for the state in which a service's circuit breaker is: closed, half_open or open.",
    ("dependency", "state"), Joined.HIGHEST,
)  # fmt: skip
POOL = MetricFamily(
    "pool_connections", Kind.GAUGE,
    "Connections to the catalogue's database, by pool (hot, read, write; a shard's with its name) and state: in_use, "
    "idle, limit.",
    ("pool", "state"),
)  # fmt: skip
UNREAD = MetricFamily(
    "metrics_unread", Kind.GAUGE,
    "Parts of this page that could not be made just now: the catalogue is away, or other workers cannot be read.",
    joined=Joined.ASKED,
)  # fmt: skip

FAMILIES = (
    BUILD, REQUESTS, REQUEST_SECONDS, IN_FLIGHT, EDGE_REFUSALS, CACHE_LOOKUPS, CACHE_BYTES, CACHE_ENTRIES, GATE_SECONDS,
    PUSHES, PROJECTION_SECONDS, PROJECTED_COMMITS, PROJECTED_VERSIONS, LAG_COMMITS, LAG_SECONDS, ORDINAL, OUTBOX,
    SUBSCRIBERS, MAINTENANCE_SECONDS, CIRCUITS, POOL, UNREAD,
)  # fmt: skip
