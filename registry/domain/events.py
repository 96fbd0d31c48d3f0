"""What happened: produced by the projection, consumed by caches, event streams and webhooks."""

from dataclasses import dataclass

from registry.domain.ids import CommitId, LabelName, RefName, RepositoryName, TemplateName


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a repository, as of a commit of its default branch."""

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

    name: TemplateName
    version: int
    valid: bool
    cause: TemplateName | None = None
    moved_from: TemplateName | None = None


@dataclass(frozen=True, slots=True)
class TemplateRemoved(Event):
    """A template was deleted, or renamed to ``moved_to``."""

    name: TemplateName
    last_version: int
    moved_to: TemplateName | None = None


@dataclass(frozen=True, slots=True)
class LabelMoved(Event):
    """A label of a template points to another version; None where it did not exist or was dropped."""

    label: LabelName
    name: TemplateName
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class RefProjected(Event):
    """The projection of a ref has reached ``commit``."""

    ref: RefName


@dataclass(frozen=True, slots=True)
class RepositoryRebuilt(Event):
    """The projection of a repository was made anew from Git."""
