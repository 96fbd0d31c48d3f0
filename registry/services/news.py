"""What a projection means: to subscribers as events, to a pusher in words."""

from collections.abc import Sequence

from registry.domain.catalogue import ProjectionBatch
from registry.domain.events import Event, RepositoryRebuilt
from registry.services.projecting import events_of

LINES_AT_MOST = 20
"""How many "is live" lines a pusher is shown."""


def news(batch: ProjectionBatch) -> list[Event]:
    """What subscribers are told: each change, or, after a replay of many batches, to look at everything again."""
    if batch.replay and batch.expected is not None:
        return [RepositoryRebuilt(batch.repository, batch.commit)]
    return events_of(batch)


def live_lines(batches: Sequence[ProjectionBatch], milliseconds: float) -> tuple[str, ...]:
    """What is live now, in words for the pusher."""
    lines: list[str] = []
    for version in {v.name: v for batch in batches for v in batch.versions}.values():
        because = f" because {version.cause} changed" if version.cause else ""
        state = f"is live ({milliseconds:.0f} ms)" if version.valid else "is invalid and not served"
        lines.append(f"{version.name} v{version.number} {state}{because}")
    for batch in batches:
        lines.extend(f"{r.name} is now {r.moved_to}" if r.moved_to else f"{r.name} is deleted" for r in batch.removals)
        for move in batch.labels:
            target = f"v{move.version}" if move.version is not None else "nothing"
            lines.append(f"{move.label} of {move.name} is now {target}")
    if len(lines) > LINES_AT_MOST:
        more = len(lines) - LINES_AT_MOST
        lines = [*lines[:LINES_AT_MOST], f"and {more} more"]
    return tuple(lines)
