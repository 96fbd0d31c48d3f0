"""How catalogue and search indexes come to what Git says: written by this process, or waited for."""

from dataclasses import dataclass

from registry.domain.errors import Unavailable
from registry.ports.events import EventBus
from registry.ports.projection import Projection
from registry.ports.signals import Signals
from registry.process_kinds import ProcessKind
from registry.services.feeding import Feeding
from registry.services.followed_projection import FollowedFeed, FollowedProjection
from registry.services.search_feed import ENGINE_ENTRIES_AT_ONCE, ENTRIES_AT_ONCE, URGENT_ENTRIES_AT_ONCE, SearchFeed
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
        return Projected(tier.projection, _feeding(tier), tier.events)
    if tier.signals is None:
        raise Unavailable(
            "Several processes share a catalogue in PostgreSQL: set PROMPTUARY_DATABASE_URL, or run promptuary serve, "
            "which is all of them in one."
        )
    following = FollowedProjection(projection=tier.projection, signals=tier.signals)
    return Projected(following, _followed(tier, tier.signals), tier.own_events)


def _feeding(tier: Tier) -> Feeding:
    own, engine = SearchFeed(outbox=tier.outbox, index=tier.search, at_once=ENTRIES_AT_ONCE), tier.engine
    if engine is None:
        return Feeding([own])
    whole = SearchFeed(outbox=engine.outbox, index=engine.index, at_once=ENGINE_ENTRIES_AT_ONCE)
    return Feeding([own, whole], SearchFeed(outbox=engine.urgent, index=engine.index, at_once=URGENT_ENTRIES_AT_ONCE))


def _followed(tier: Tier, signals: Signals) -> Feeding:
    own, engine = FollowedFeed(outbox=tier.outbox, signals=signals), tier.engine
    if engine is None:
        return Feeding([own])
    whole = FollowedFeed(outbox=engine.outbox, signals=signals)
    # An index that is being filled is waited for, too, though not for long.
    return Feeding([own, whole], FollowedFeed(outbox=engine.outbox, signals=signals, texts=False))


def searched(tier: Tier) -> list[Searched]:
    """Each search index with what still has to reach it; the catalogue's own full text first."""
    engine = tier.engine
    own = Searched(tier.outbox, tier.search)
    return [own] if engine is None else [own, Searched(engine.outbox, engine.index)]
