"""What happened: produced by the projection, consumed by caches, event streams and webhooks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from registry.domain.ids import CommitId, LabelName, RefName, RepositoryName, TemplateName
from registry.domain.needs import Need, Reach
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.roles import Role

MARK_DIGITS = 12
"""So many digits of a commit's id stand in the text of a position."""

_POSITION = re.compile(r"(0)|([1-9][0-9]{0,9})(?:\.([1-9][0-9]{0,9}))?-([0-9a-f]{12})")


class EventKind(StrEnum):
    """What an event is about."""

    TEMPLATE = "template"
    LABEL = "label"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a repository, as of a commit of its default branch."""

    kind: ClassVar[EventKind]

    repository: RepositoryName
    commit: CommitId

    @property
    def type(self) -> str:
        """The event's name on the wire: ``template_changed``, ``label_moved`` and so on."""
        words = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(words))


@dataclass(frozen=True, slots=True)
class TemplateChanged(Event):
    """A template has a new version; ``cause`` names the partial whose change made it, if not its own file."""

    kind = EventKind.TEMPLATE

    name: TemplateName
    version: int
    valid: bool
    cause: TemplateName | None = None
    moved_from: TemplateName | None = None


@dataclass(frozen=True, slots=True)
class TemplateRemoved(Event):
    """A template was deleted, or renamed to ``moved_to``: then the type is ``template_moved``."""

    kind = EventKind.TEMPLATE

    name: TemplateName
    last_version: int
    moved_to: TemplateName | None = None

    @property
    def type(self) -> str:
        """``template_moved`` or ``template_removed``."""
        return "template_moved" if self.moved_to is not None else "template_removed"


@dataclass(frozen=True, slots=True)
class LabelMoved(Event):
    """A label of a template points to another version; None where it did not exist or was dropped."""

    kind = EventKind.LABEL

    label: LabelName
    name: TemplateName
    old: int | None
    new: int | None

    @property
    def type(self) -> str:
        """``label_moved`` or ``label_dropped``."""
        return "label_moved" if self.new is not None else "label_dropped"


@dataclass(frozen=True, slots=True)
class RefProjected(Event):
    """The projection of a ref has reached ``commit``."""

    kind = EventKind.INDEX

    ref: RefName


@dataclass(frozen=True, slots=True)
class RepositoryRebuilt(Event):
    """The projection of a repository was made anew from Git."""

    kind = EventKind.INDEX


@dataclass(frozen=True, slots=True)
class EventsMissed:
    """Events of any repository may have got lost on their way to this process: who needs them has to look itself.

    It is told within a process only, and is no event of a repository.
    """


EVENT_NEEDS: Mapping[str, Need] = {
    "template_changed": Need(Role.READER, Reach.FOLDER),
    "template_removed": Need(Role.READER, Reach.FOLDER),
    "template_moved": Need(Role.READER, Reach.FOLDER),
    "label_moved": Need(Role.READER, Reach.FOLDER),
    "label_dropped": Need(Role.READER, Reach.FOLDER),
    "ref_projected": Need(Role.READER, Reach.REPOSITORY),
    "repository_rebuilt": Need(Role.READER, Reach.SOMEWHERE),
}
"""Whom each event reaches, by its type."""

EVENT_TYPES = tuple(EVENT_NEEDS)
"""Every ``Event.type``."""

END_OF_COMMIT = 2**31 - 1
"""The number of the last event of a commit (``RefProjected``): behind it nothing of that commit follows."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the events of a repository: behind the ``number``-th event of the ``ordinal``-th commit.

    Ordinals and numbers follow from the commits alone, so a position outlasts restarts and rebuilds. ``commit`` is
    that commit's id, or the first 12 digits of it: where the history has another commit there, the position is void.
    The place before everything has ordinal 0.
    """

    ordinal: int
    number: int = END_OF_COMMIT
    commit: str = field(default="", compare=False)

    def __str__(self) -> str:
        if not self.ordinal:
            return "0"
        within = "" if self.number == END_OF_COMMIT else f".{self.number}"
        return f"{self.ordinal}{within}-{self.commit[:MARK_DIGITS]}"


BEGINNING = Position(0)


def read_position(text: str) -> Position | None:
    """The position that ``str`` made a text of, such as ``57.3-9c1f0a6d3b7e``; None where it made no such text."""
    found = _POSITION.fullmatch(text)
    if found is None:
        return None
    if found[1]:
        return BEGINNING
    return Position(int(found[2]), int(found[3]) if found[3] else END_OF_COMMIT, found[4])


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    """An event and the position behind it."""

    position: Position
    event: Event


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody wants; ``wanted`` are kinds and types, empty for all of them.

    A ``folder`` leaves out what lies elsewhere, and events about no template unless they are asked for by ``wanted``.
    """

    wanted: frozenset[str] = frozenset()
    folder: str | None = None
    sight: Sight = EVERYTHING

    def passes(self, event: Event) -> bool:
        """Whether the event is wanted, and seen: who sees some folders is not told either that others were changed."""
        if not self.sight.is_whole and not self._is_seen(event):
            return False
        if self.wanted and event.kind not in self.wanted and event.type not in self.wanted:
            return False
        if self.folder is None:
            return True
        name: TemplateName | None = getattr(event, "name", None)
        return bool(self.wanted) if name is None else name.startswith(f"{self.folder}/")

    def _is_seen(self, event: Event) -> bool:
        name: TemplateName | None = getattr(event, "name", None)
        return self.sight.has(name) if name is not None else EVENT_NEEDS[event.type].reach is Reach.SOMEWHERE

    def shown(self, event: Event) -> Event:
        """The event without names that are not seen."""
        if isinstance(event, TemplateRemoved) and event.moved_to is not None and not self.sight.has(event.moved_to):
            return replace(event, moved_to=None)
        if isinstance(event, TemplateChanged) and event.moved_from is not None and not self.sight.has(event.moved_from):
            return replace(event, moved_from=None)
        return event
