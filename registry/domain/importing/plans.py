"""What an import does, in order: each version of each prompt a commit, as old as it was there."""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate

from registry.domain.ids import LabelName, TemplateName
from registry.domain.importing.documents import convert
from registry.domain.importing.imported import Imported, ImportedVersion
from registry.domain.importing.references import included_by, namings
from registry.domain.importing.remainders import take_remainder
from registry.domain.importing.source_names import name_label, name_templates
from registry.domain.importing.texts_of_version import Naming
from registry.domain.wording import shown

_BUILT_IN = "latest"
_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """One version on its way: ``source`` is its file, None where no template can be made of it."""

    name: TemplateName
    number: int
    source: bytes | None
    includes: frozenset[TemplateName]
    author: str
    time: datetime | None
    subject: str
    message: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """One prompt: ``labels`` names, for each label, the source's version that it points to."""

    source: str
    old_name: str
    name: TemplateName
    steps: tuple[Step, ...]
    labels: Mapping[LabelName, int]
    notes: tuple[str, ...]


def plan_import(prompts: Sequence[Imported], folder: str = "") -> list[PromptPlan]:
    """The plans of all prompts of a source, by name. ``folder`` goes before every name."""
    prompts = _take_remainders(prompts)
    names = name_templates([each.name for each in prompts], folder)
    by_name = {each.name: each for each in prompts}
    naming = namings(by_name, names, included_by(by_name))
    plans = [_plan(by_name[name], names[name], naming[name]) for name in names]
    return sorted(plans, key=lambda plan: plan.name)


def _take_remainders(prompts: Sequence[Imported]) -> list[Imported]:
    """The prompts as they were exported, where they were; under the name that they had, where that is free."""
    taken = [take_remainder(each) for each in prompts]
    counts = Counter(each.name for each in taken)
    return [
        new if counts[new.name] == 1 else replace(new, name=old.name) for old, new in zip(prompts, taken, strict=True)
    ]


def subject_of(source: str, old_name: str, number: int, digest: str) -> str:
    """The first line of a version's commit, by which a later import knows that it came, and what it said."""
    return f"Import version {number} of {' '.join(shown(old_name).split())} from {source} [{digest}]"


def head_of(subject: str) -> str:
    """What of it names the version, whatever that said; empty for a commit that is no import's."""
    return subject.rpartition(" [")[0]


def _digest(version: ImportedVersion) -> str:
    """Tells versions of one number apart: eight digits over what it says, not over labels, which move."""
    said = version.template if version.template is not None else repr(version.body).encode("utf-8", "surrogatepass")
    return hashlib.sha256(said).hexdigest()[:8]


def in_order(plans: Sequence[PromptPlan]) -> Iterator[tuple[PromptPlan, Step]]:
    """All steps, the oldest first. A prompt's versions keep their order.

    What is included comes before, in the state that it had then.
    """
    by_name = {plan.name: plan for plan in plans}
    times = {plan.name: _times(plan) for plan in plans}
    done = dict.fromkeys(by_name, 0)

    def up_to(plan: PromptPlan, index: int) -> Iterator[tuple[PromptPlan, Step]]:
        while done[plan.name] <= index:
            step, time = plan.steps[done[plan.name]], times[plan.name][done[plan.name]]
            for include in sorted(step.includes):
                there = bisect_right(times[include], time) if time > _NO_TIME else 1
                yield from up_to(by_name[include], max(there, 1) - 1)
            done[plan.name] += 1
            yield plan, step

    queue = [(time, name, index) for name, every in times.items() for index, time in enumerate(every)]
    for _, name, index in sorted(queue):
        yield from up_to(by_name[name], index)


def _times(plan: PromptPlan) -> list[datetime]:
    """When each version was made; one that says nothing, or is older than one before it, as late as that one."""
    return list(accumulate((step.time or _NO_TIME for step in plan.steps), max))


def _plan(prompt: Imported, name: TemplateName, naming: Naming) -> PromptPlan:
    labels, notes = _labels(prompt)
    if name.rpartition("/")[2] != prompt.name.rpartition("/")[2] or not name.endswith(prompt.name):
        notes.insert(0, f"{shown(prompt.name)} is called {name} here")
    steps = tuple(_step(prompt, version, name, naming) for version in prompt.versions)
    return PromptPlan(prompt.source, prompt.name, name, steps, labels, tuple(notes))


def _step(prompt: Imported, version: ImportedVersion, name: TemplateName, naming: Naming) -> Step:
    made = convert(prompt, version, name, naming)
    subject = subject_of(prompt.source, prompt.name, version.number, _digest(version))
    return Step(
        name, version.number, made.source, made.includes, version.author, version.time, subject, version.message,
        made.notes,
    )  # fmt: skip


def _labels(prompt: Imported) -> tuple[dict[LabelName, int], list[str]]:
    labels: dict[LabelName, int] = {}
    notes: list[str] = []
    for version in prompt.versions:
        for word in version.labels:
            label = name_label(word) if word != _BUILT_IN else None
            if word == _BUILT_IN:
                continue
            if label is None or (label in labels and label != word):
                notes.append(f"the label {shown(word)} is left out: no label can be made of it that is free")
                continue
            if label != word:
                notes.append(f"the label {shown(word)} is {label} here")
            labels[label] = version.number
    return labels, notes
