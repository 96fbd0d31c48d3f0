"""Outcomes that are remembered, by what was judged, and by what was judged last of each text of a template."""

from collections.abc import Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from registry.domain.ids import BlobId, TemplateName
from registry.domain.judging import Case, Outcome

Swapped = tuple[TemplateName, BlobId, BlobId]
"""A partial, and its files before and after."""

_Text = tuple[TemplateName, BlobId | None]
"""A template's own file: other repositories may have others of the same name."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was said of a template when all but the files of some of its partials was as it is now."""

    outcome: Outcome
    swapped: Sequence[Swapped]


class KeptOutcomes:
    """The outcomes of so many templates, as they were judged last."""

    def __init__(self, size: int) -> None:
        self._outcomes: LRUCache[Case, Outcome] = LRUCache(size)
        self._last: LRUCache[_Text, Case] = LRUCache(size)

    def find(self, case: Case) -> Outcome | None:
        """What was said of exactly this."""
        return self._outcomes.get(case)

    def keep(self, case: Case, outcome: Outcome) -> None:
        """Remembers what was said."""
        self._outcomes[case] = outcome
        self._last[_text_of(case)] = case

    def find_before(self, case: Case) -> Before | None:
        """What was said of it last, where only the files of some partials have changed since."""
        last = self._last.get(_text_of(case))
        outcome = self._outcomes.get(last) if last is not None else None
        if last is None or outcome is None or len(last[1]) != len(case[1]):
            return None
        swapped: list[Swapped] = []
        for (old_name, old), (name, new) in zip(last[1], case[1], strict=True):
            if old_name != name or (old != new and (old is None or new is None)):
                return None
            if old != new and old is not None and new is not None:
                swapped.append((name, old, new))
        return Before(outcome, swapped)


def _text_of(case: Case) -> _Text:
    name, closure = case
    return name, next((blob for each, blob in closure if each == name), None)
