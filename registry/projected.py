"""How catalogue and search indexes come to what Git says: written by this process, or waited for."""

from collections.abc import Callable
from dataclasses import dataclass

from registry.domain.errors import Unavailable
from registry.ports.events import EventBus
from registry.ports.projection import Outbox, Projection
from registry.ports.search_index import CountedSearchIndex
from registry.process_kinds import ProcessKind
from registry.services.feeding import Feeding
from registry.services.followed_projection import FollowedFeed, FollowedProjection
from registry.services.search_feed import ENGINE_ENTRIES_AT_ONCE, ENTRIES_AT_ONCE, Feed, SearchFeed
from registry.services.verifying import Searched
from registry.tiers import Tier


@dataclass(frozen=True, slots=True)
class Projected:
    """How the catalogue comes to what Git says: written here, or waited for."""

    projection: Projection
    feeding: Feeding
    told: EventBus


def projected_by(tier: Tier, process: ProcessKind) -> Projected:
    """Raises Unavailable where another process has to project and the catalogue is none that processes can share."""
    if process.projects:
        return Projected(
            tier.projection,
            _feeding(tier, lambda outbox, index, many: SearchFeed(outbox=outbox, index=index, at_once=many)),
            tier.events,
        )
    signals = tier.signals
    if signals is None:
        raise Unavailable(
            "Several processes share a catalogue in PostgreSQL: set PROMPTUARY_DATABASE_URL, or run promptuary serve, "
            "which is all of them in one."
        )
    return Projected(
        FollowedProjection(projection=tier.projection, signals=signals),
        _feeding(tier, lambda outbox, _index, _many: FollowedFeed(outbox=outbox, signals=signals)),
        tier.own_events,
    )


def _feeding(tier: Tier, feed: Callable[[Outbox, CountedSearchIndex, int], Feed]) -> Feeding:
    own, engine = feed(tier.outbox, tier.search, ENTRIES_AT_ONCE), tier.engine
    if engine is None:
        return Feeding([own])
    whole, urgent = (feed(each, engine.index, ENGINE_ENTRIES_AT_ONCE) for each in (engine.outbox, engine.urgent))
    return Feeding([own, whole], urgent)


def searched(tier: Tier) -> list[Searched]:
    """Each search index with what still has to reach it; the catalogue's own full text first."""
    engine = tier.engine
    own = Searched(tier.outbox, tier.search)
    return [own] if engine is None else [own, Searched(engine.outbox, engine.index)]
