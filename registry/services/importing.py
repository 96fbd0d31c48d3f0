"""Taking over the prompts of another tool: what is there already is left, what is new becomes a commit each.

Where the commits go to is an ``ImportTarget``: this server's own repositories, or another server over REST.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from random import SystemRandom
from typing import Protocol

from registry.domain.diagnostics import Severity
from registry.domain.errors import (
    Conflict,
    Denied,
    PreconditionFailed,
    PreconditionRequired,
    PromptuaryError,
    Refused,
    Unauthenticated,
    Unavailable,
)
from registry.domain.ids import LabelName, TemplateName
from registry.domain.importing.commits import author_of, commit_message
from registry.domain.importing.outcomes import History, Outcome, PromptState, state_of
from registry.domain.importing.plans import PromptPlan, Step, in_order
from registry.domain.refs import Signature

ATTEMPTS = 8
"""How often one version is tried: somebody else may write meanwhile, or the target be away for a while."""

STEPS_AT_ONCE = 64
"""Versions, neighbours in time, of which those of different prompts are written side by side, so that they join."""

FIRST_PAUSE_SECONDS = 0.01
FIRST_PAUSE_AWAY_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
SAID_LINES = 5
LATER_CAME = "it was refused before, and a later version came: it would be the newest now"

_REPEAT = "Repeat the import: it goes on where it stopped"
_CHANCE = SystemRandom()
_MOVED_ON = (PreconditionFailed, PreconditionRequired, Conflict)
_NOT_ALLOWED = (Denied, Unauthenticated)


class ImportTarget(Protocol):
    """Where an import goes to. All calls raise Unavailable where nobody knows what became of them."""

    async def history(self, name: TemplateName) -> History:
        """What there is of a template."""
        ...

    async def commit(
        self, step: Step, etag: str | None, message: str, author: Signature | None
    ) -> tuple[int, str] | None:
        """Writes a step's file over the state that ``etag`` names, or a new one: its version and its etag.

        None where it is written but has no number yet. The author is left out where the caller may not name one.
        Raises Refused, Denied, PreconditionFailed, PreconditionRequired, Conflict, BadRequest.
        """
        ...

    async def labels(self) -> Mapping[LabelName, Mapping[TemplateName, int]]:
        """Where labels point."""
        ...

    async def last_move(self, label: LabelName, name: TemplateName) -> str | None:
        """The subject of the commit that moved a template's label last; None where it never carried it."""
        ...

    async def move(self, label: LabelName, name: TemplateName, version: int, message: str) -> None:
        """Points a label to a version. Raises Refused, Denied, and what else says that this is not possible."""
        ...


def _silent() -> None:
    """Shows no progress."""


class Importing:
    """One import into one target."""

    def __init__(self, target: ImportTarget, *, done: Callable[[], None] = _silent) -> None:
        self._target = target
        self._done = done
        self._states: dict[TemplateName, PromptState] = {}
        self._refused: dict[tuple[TemplateName, int], tuple[PromptPlan, Step, str]] = {}

    async def run(self, plans: Sequence[PromptPlan]) -> list[Outcome]:
        """Writes all versions, those of a prompt in their order and all about in the order of time; then the labels.

        ``done`` is called after each version. Said again it goes on where it stopped. Raises Unavailable where the
        target stays away, Conflict where somebody else keeps changing the same template, Denied where the caller may
        not write there at all.
        """
        labels = await self._target.labels()  # says so at once where the target cannot be asked
        outcomes = {plan.name: Outcome(plan) for plan in plans}
        for steps in _neighbours(in_order(plans)):
            await _all(self._take_all(each, outcomes[each[0][0].name]) for each in _by_prompt(steps))
            for plan, step, _ in list(self._refused.values()):
                # What one commit of the source changed may fit only once all of it is there.
                await self._take(plan, step, outcomes[plan.name], last=True)
            self._refused.clear()
        if any(plan.labels for plan in plans):
            labels = await self._target.labels()
        for start in range(0, len(plans), STEPS_AT_ONCE):
            some = plans[start : start + STEPS_AT_ONCE]
            await _all(self._set_labels(plan, labels, outcomes[plan.name]) for plan in some)
        return list(outcomes.values())

    async def _take_all(self, steps: Sequence[tuple[PromptPlan, Step]], outcome: Outcome) -> None:
        for plan, step in steps:
            await self._take(plan, step, outcome)
            self._done()

    async def _take(self, plan: PromptPlan, step: Step, outcome: Outcome, *, last: bool = False) -> None:
        """Writes a version; one that is refused is tried a second time after its neighbours."""
        if step.source is None:
            outcome.refused.append(step.number)
            return
        for attempt in range(ATTEMPTS):
            try:
                await self._take_once(plan, step, outcome)
            except _MOVED_ON:
                failed: PromptuaryError = Conflict(f"Somebody else keeps changing {plan.name} meanwhile. {_REPEAT}")
                pause = FIRST_PAUSE_SECONDS
            except Unavailable:
                failed = Unavailable(f"There is no answer about {plan.name}. {_REPEAT}")
                pause = FIRST_PAUSE_AWAY_SECONDS
            except _NOT_ALLOWED:
                raise
            except PromptuaryError as error:  # of this version alone
                if isinstance(error, Refused) and not last:
                    self._refused[plan.name, step.number] = (plan, step, _said(error))
                else:
                    _refuse(step, _said(error), outcome)
                return
            else:
                return
            self._states.pop(plan.name, None)
            if attempt + 1 < ATTEMPTS:
                # By chance, because two imports that wait alike meet again.
                await asyncio.sleep(min(LONGEST_PAUSE_SECONDS, pause * 2**attempt) * _CHANCE.uniform(0.5, 1))
        raise failed

    async def _take_once(self, plan: PromptPlan, step: Step, outcome: Outcome) -> None:
        state = await self._state(plan)
        if step.number in state.numbers:
            outcome.there.append(step.number)
        elif any(number > step.number for number in state.numbers):
            before = self._refused.get((plan.name, step.number))
            _refuse(step, before[2] if before is not None else LATER_CAME, outcome)
        elif state.blocked is not None:
            _block(step, state.blocked, outcome)
        else:
            await self._write(plan, step, state, outcome)

    async def _write(self, plan: PromptPlan, step: Step, state: PromptState, outcome: Outcome) -> None:
        made = await self._target.commit(step, state.etag, commit_message(step), author_of(step, plan.source))
        outcome.written.append(step.number)
        if made is None:
            del self._states[plan.name]
        else:
            state.numbers[step.number], state.etag = made

    async def _set_labels(
        self, plan: PromptPlan, there: Mapping[LabelName, Mapping[TemplateName, int]], outcome: Outcome
    ) -> None:
        for label, number in plan.labels.items():
            await self._label(plan, label, number, there.get(label, {}).get(plan.name), outcome)

    async def _label(self, plan: PromptPlan, label: LabelName, number: int, now: int | None, outcome: Outcome) -> None:
        said = f"Import the label {label} of {plan.name} from {plan.source}"
        try:
            version = (await self._state(plan)).numbers.get(number)
            if version is None:
                _leave(label, number, "is not set: the version that it names did not come", outcome)
            elif now != version and await self._target.last_move(label, plan.name) not in {None, said}:
                _leave(label, number, "is left as it is: it was moved here", outcome)
            elif now != version:
                await self._target.move(label, plan.name, version, said)
                outcome.labelled.append(label)
        except Unavailable:
            _leave(label, number, "is not set: there was no answer; repeat the import", outcome)
        except PromptuaryError as error:
            _leave(label, number, f"is not set: {_said(error)}", outcome)

    async def _state(self, plan: PromptPlan) -> PromptState:
        if plan.name not in self._states:
            self._states[plan.name] = state_of(plan, await self._target.history(plan.name))
        return self._states[plan.name]


def _refuse(step: Step, reason: str, outcome: Outcome) -> None:
    outcome.refused.append(step.number)
    outcome.said.append((step.number, reason))


def _leave(label: LabelName, number: int, reason: str, outcome: Outcome) -> None:
    outcome.unlabelled.append(label)
    outcome.said.append((number, f"the label {label} {reason}"))


def _block(step: Step, reason: str, outcome: Outcome) -> None:
    outcome.refused.append(step.number)
    if (None, reason) not in outcome.said:
        outcome.said.append((None, reason))


def _said(error: PromptuaryError) -> str:
    """A refusal in one line: the findings that refused, where there are some."""
    found = error.diagnostics if isinstance(error, Refused) else ()
    errors = [str(each) for each in found if each.severity is Severity.ERROR]
    return "; ".join(errors[:SAID_LINES]) or error.message


def _neighbours(steps: Iterable[tuple[PromptPlan, Step]]) -> Iterator[list[tuple[PromptPlan, Step]]]:
    """The steps in stretches in which none includes a prompt of the same stretch: their order would count."""
    stretch: list[tuple[PromptPlan, Step]] = []
    names: set[TemplateName] = set()
    included: set[TemplateName] = set()
    for plan, step in steps:
        if len(stretch) == STEPS_AT_ONCE or step.includes & names or plan.name in included:
            yield stretch
            stretch, names, included = [], set(), set()
        stretch.append((plan, step))
        names.add(plan.name)
        included |= step.includes
    if stretch:
        yield stretch


def _by_prompt(steps: Sequence[tuple[PromptPlan, Step]]) -> list[list[tuple[PromptPlan, Step]]]:
    found: dict[TemplateName, list[tuple[PromptPlan, Step]]] = {}
    for plan, step in steps:
        found.setdefault(plan.name, []).append((plan, step))
    return list(found.values())


async def _all(works: Iterable[Awaitable[None]]) -> None:
    """Waits for all of them; then the first error is raised."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
