"""What an import finds of a prompt where it goes to, and what became of it."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from registry.domain.importing.imported import LeftOut
from registry.domain.importing.plans import PromptPlan, head_of
from registry.domain.importing.texts_of_version import clean
from registry.domain.template import Json


class Presence(Enum):
    """Whether there is a template of a name."""

    ABSENT = "absent"
    HERE = "here"
    RENAMED = "renamed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class History:
    """What there is of a template: its own versions as pairs (number, subject of the commit), newest first.

    ``etag`` names the newest state; None where there is none to be replaced.
    """

    presence: Presence
    versions: Sequence[tuple[int, str]] = ()
    etag: str | None = None


_OTHER = (
    "says something else here than there: it was changed there since it came, or it came from another source; "
    "nothing more is taken over (import with --folder)"
)


@dataclass(slots=True)
class PromptState:
    """How far a prompt has come: ``numbers`` leads from the source's versions to the template's.

    ``blocked`` says why no more may come.
    """

    numbers: dict[int, int] = field(default_factory=dict)
    etag: str | None = None
    blocked: str | None = None


def state_of(plan: PromptPlan, history: History) -> PromptState:
    """Which of a prompt's versions came before, known by their commits."""
    subjects = {step.subject: step.number for step in plan.steps}
    heads = {head_of(step.subject): step.number for step in plan.steps}
    other = next((heads[head_of(said)] for _, said in history.versions if _is_other(said, subjects, heads)), None)
    if other is not None:
        return PromptState({}, history.etag, f"version {other} {_OTHER}")
    came = [(number, subjects[subject]) for number, subject in reversed(history.versions) if subject in subjects]
    numbers = {theirs: ours for ours, theirs in came}
    newest = history.versions[0][1] if history.versions else None
    return PromptState(numbers, history.etag, _blocked(history.presence, came=bool(numbers), own=newest in subjects))


def _is_other(subject: str, subjects: Container[str], heads: Container[str]) -> bool:
    """Whether a commit brought a version of a step's number that said something else."""
    return subject not in subjects and head_of(subject) in heads


def _blocked(presence: Presence, *, came: bool, own: bool) -> str | None:
    if presence is Presence.RENAMED:
        return "it was renamed here, so nothing more is taken over"
    if presence is Presence.DELETED:
        return "it was deleted here, so nothing more is taken over" if came else None
    if presence is Presence.HERE and not came:
        return "there is a template of that name which does not come from here; import with --folder"
    if presence is Presence.HERE and not own:
        return "it was changed here since it came, so nothing more is taken over"
    return None


class Weight(IntEnum):
    """How much a note weighs for whoever moves in; the heaviest first."""

    REFUSED = 0
    LOST = 1
    HINT = 2


@dataclass(frozen=True, slots=True)
class Note:
    """What is told of a prompt, or of the source's version ``number`` of it."""

    weight: Weight
    number: int | None
    text: str


@dataclass(slots=True)
class Outcome:
    """What became of one prompt: numbers of the source's versions, labels, and what was said on the way.

    ``said`` are reasons why something did not come, with the version that it is.
    """

    plan: PromptPlan
    written: list[int] = field(default_factory=list)
    there: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    labelled: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    said: list[tuple[int | None, str]] = field(default_factory=list)

    @property
    def notes(self) -> list[Note]:
        """All that is to be told, the heaviest first; what several versions have in common once."""
        found = {text: Note(_weight(text), None, text) for text in self.plan.notes}
        for step in self.plan.steps:
            for text in step.notes:
                weight = Weight.REFUSED if step.source is None and text == step.notes[-1] else _weight(text)
                found.setdefault(text, Note(weight, step.number, text))
        said = [Note(Weight.REFUSED, number, text) for number, text in self.said]
        return sorted([*said, *found.values()], key=lambda note: note.weight)

    @property
    def document(self) -> Mapping[str, Json]:
        """The report of the prompt, for programs."""
        return {
            "name": self.plan.name,
            "from": {"format": self.plan.source, "name": clean(self.plan.old_name)},
            "versions": [step.number for step in self.plan.steps],
            "written": sorted(self.written),
            "there": sorted(self.there),
            "refused": sorted(self.refused),
            "labels": self.labelled,
            "labels_not_set": self.unlabelled,
            "notes": [{"version": note.number, "note": clean(note.text)} for note in self.notes],
        }


def _weight(text: str) -> Weight:
    """What only has another form or name here says so at its end; all else does not come as it was."""
    return Weight.HINT if text.endswith(" here") else Weight.LOST


def import_report(outcomes: Sequence[Outcome], left_out: Sequence[LeftOut], *, dry_run: bool) -> dict[str, Json]:
    """What became of all prompts, for programs; the command line and REST tell it alike."""
    return {
        "dry_run": dry_run,
        "written": sum(len(each.written) for each in outcomes),
        "refused": sum(len(each.refused) for each in outcomes),
        "labels_not_set": sum(len(each.unlabelled) for each in outcomes),
        "prompts": [each.document for each in outcomes],
        "left_out": [{"what": clean(each.what), "why": clean(each.why)} for each in left_out],
    }
