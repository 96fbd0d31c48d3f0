"""Templates with all their versions as one list, for a format that holds histories."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from itertools import accumulate

from registry.domain.exporting.forms import Form, Written, write_state
from registry.domain.exporting.states import ExportedState
from registry.domain.ids import TemplateName
from registry.domain.template import Json

_NO_TIME = datetime.min.replace(tzinfo=UTC)

Histories = Mapping[TemplateName, Sequence[ExportedState]]
"""The versions of each template, oldest first."""


def write_histories(histories: Histories, form: Form[dict[str, Json]]) -> Iterator[Written[dict[str, Json]]]:
    """An entry for each version, by name and number; tags are those of the newest version, as they are the prompt's."""
    for name in sorted(histories):
        versions = histories[name]
        tags = tuple(versions[-1].document.get("tags") or ())
        for state in versions:
            yield write_state(state, form, tags=tags, pin=_pins(state, histories, newest=state is versions[-1]))


def _pins(state: ExportedState, histories: Histories, *, newest: bool) -> Callable[[TemplateName], str | None]:
    """Which version of a partial a reference of this state names; that of the newest state moves along."""

    def pin(name: TemplateName) -> str | None:
        versions, source = histories.get(name, ()), state.partials.get(name)
        if not versions:
            return None
        if newest and versions[-1].source == source:
            return "label=latest"
        same = [each for each in versions if each.source == source]
        before = [each for each in same if not (each.time and state.time and each.time > state.time)]
        return f"version={(before or same)[-1].number}" if same else None

    return pin


def by_time(histories: Histories) -> list[ExportedState]:
    """All versions, the oldest first: those of a template in their order, and partials before who includes them."""
    queue = [
        (time, len(state.partials), state.name, index, state)
        for states in histories.values()
        for index, (state, time) in enumerate(
            zip(states, accumulate((each.time or _NO_TIME for each in states), max), strict=True)
        )
    ]
    return [each[-1] for each in sorted(queue, key=lambda each: each[:4])]


def in_time(histories: Histories) -> dict[TemplateName, list[ExportedState]]:
    """The same with commits of one second told apart by milliseconds, in an order that fits every template's own.

    Git knows seconds only, and an import goes by the times.
    """
    before: dict[str, set[str]] = {}
    for versions in histories.values():
        for earlier, later in zip([None, *versions], versions, strict=False):
            known = before.setdefault(later.commit, set())
            if earlier is not None and earlier.commit != later.commit:
                known.add(earlier.commit)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError:
        return {name: list(versions) for name, versions in histories.items()}
    times = {each.commit: each.time for versions in histories.values() for each in versions}
    moved: dict[str, datetime | None] = {}
    count: dict[datetime, int] = {}
    for commit in order:
        second = times[commit]
        if second is not None:
            count[second] = count.get(second, -1) + 1
            second += timedelta(milliseconds=min(count[second], 999))
        moved[commit] = second
    return {name: [replace(each, time=moved[each.commit]) for each in versions] for name, versions in histories.items()}
