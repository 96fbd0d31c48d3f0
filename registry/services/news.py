"""What a projection means: to subscribers as events, to a pusher in words, to a writer as versions."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from cachetools import LRUCache

from registry.domain.catalogue import LabelMove, ProjectionBatch, Removal, VersionRow
from registry.domain.events import Event, RepositoryRebuilt
from registry.domain.ids import CommitId, Digest, RepositoryName, TemplateName
from registry.services.projecting import events_of

LINES_AT_MOST = 20
"""How many "is live" lines a pusher is shown."""

COMMITS_REMEMBERED = 1_000

VERSIONS_REMEMBERED = 500
"""Of one commit; of one that makes more none are."""

_Change = VersionRow | Removal | LabelMove


def news(batch: ProjectionBatch) -> list[Event]:
    """What subscribers are told: each change, or, after a replay of many batches, to look at everything again."""
    if batch.replay and batch.expected is not None:
        return [RepositoryRebuilt(batch.repository, batch.commit)]
    return events_of(batch)


@dataclass(frozen=True, slots=True)
class _Told:
    """A commit's first changes, each what it is of and in words, and how many more there are."""

    lines: tuple[tuple[str, str], ...]
    more: int


class MadeVersion(NamedTuple):
    """Number and digest of a version."""

    number: int
    digest: Digest


class Made(NamedTuple):
    """A commit's place on the branch, and the versions that it made of the files that it changed."""

    ordinal: int
    versions: Mapping[TemplateName, MadeVersion]


class Journal:
    """What the last projected commits made live; who made one asks for it, whoever had it projected."""

    def __init__(self) -> None:
        self._told: LRUCache[tuple[RepositoryName, CommitId], _Told] = LRUCache(COMMITS_REMEMBERED)
        self._made: LRUCache[tuple[RepositoryName, CommitId], Made] = LRUCache(COMMITS_REMEMBERED)

    def note(self, batches: Sequence[ProjectionBatch], milliseconds: float) -> None:
        """Writes down what has been projected, in so many milliseconds."""
        for batch in batches:
            commits = {row.ordinal: row.commit for row in batch.commits[-COMMITS_REMEMBERED:]}
            changes: list[_Change] = [*batch.versions, *batch.removals, *batch.labels]
            counts = Counter(change.ordinal for change in changes)
            lines: dict[int, list[tuple[str, str]]] = {ordinal: [] for ordinal in commits}
            for change in changes:
                kept = lines.get(change.ordinal)
                if kept is not None and len(kept) < LINES_AT_MOST:
                    kept.append(_line(change, milliseconds))
            for ordinal, commit in commits.items():
                self._told[batch.repository, commit] = _Told(
                    tuple(lines[ordinal]), counts[ordinal] - len(lines[ordinal])
                )
            versions = _versions_by(batch)
            for ordinal, commit in commits.items():
                made = Made(ordinal, versions.get(ordinal, {}))
                if len(made.versions) <= VERSIONS_REMEMBERED:
                    self._made[batch.repository, commit] = made

    def made(self, repository: RepositoryName, commit: CommitId) -> Made | None:
        """What a commit made; None where it is not projected, or that is not remembered."""
        return self._made.get((repository, commit))

    def lines(self, repository: RepositoryName, commits: Iterable[CommitId]) -> Iterator[str]:
        """What the commits, oldest first, made live: of each thing the last that became of it, and how many more."""
        lines: dict[str, str] = {}
        more = 0
        for told in filter(None, (self._told.get((repository, commit)) for commit in commits)):
            lines |= told.lines
            more += told.more
        yield from islice(lines.values(), LINES_AT_MOST)
        more += max(0, len(lines) - LINES_AT_MOST)
        if more:
            yield f"and {more} more"


def _versions_by(batch: ProjectionBatch) -> Mapping[int, Mapping[TemplateName, MadeVersion]]:
    """The versions of changed files by the commit's ordinal."""
    found: defaultdict[int, dict[TemplateName, MadeVersion]] = defaultdict(dict)
    for version in batch.versions:
        if version.cause is None:
            found[version.ordinal][version.name] = MadeVersion(version.number, version.digest)
    return found


def _line(change: _Change, milliseconds: float) -> tuple[str, str]:
    """What changed, and what is live now, in words for the pusher."""
    if isinstance(change, LabelMove):
        target = f"v{change.version}" if change.version is not None else "nothing"
        return f"{change.label} of {change.name}", f"{change.label} of {change.name} is now {target}"
    if isinstance(change, Removal):
        return change.name, f"{change.name} is {f'now {change.moved_to}' if change.moved_to else 'deleted'}"
    because = f" because {change.cause} changed" if change.cause else ""
    state = f"is live ({milliseconds:.0f} ms)" if change.valid else "is invalid and not served"
    return change.name, f"{change.name} v{change.number} {state}{because}"
