"""Which prompts of a source include which, and the variables that come with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from registry.domain.closure_rules import MAX_FILES as MAX_CLOSURE_FILES
from registry.domain.ids import TemplateName
from registry.domain.importing.imported import Imported
from registry.domain.importing.source_names import VariableKey, name_variables
from registry.domain.importing.texts_of_version import Naming, is_text, keys_of_version, references_of

Included = Mapping[str, frozenset[str]]
"""For each prompt the text prompts that it may include, and what those include."""


def included_by(by_name: Mapping[str, Imported]) -> Included:
    """What each prompt includes.

    Circles are left out, and so is what would make more of them than a closure may have.
    """
    direct = {
        name: {
            each
            for version in prompt.versions
            for each in references_of(version)
            if each in by_name and each != name and all(map(is_text, by_name[each].versions))
        }
        for name, prompt in by_name.items()
    }
    closed = {name: _closure(name, direct) for name in direct}
    sound = {
        name: {each for each in direct[name] if name not in closed[each] and len(closed[each]) < MAX_CLOSURE_FILES}
        for name in direct
    }
    found = {name: _closure(name, sound) for name in sound}
    return {name: each if len(each) < MAX_CLOSURE_FILES else frozenset() for name, each in found.items()}


def namings(
    by_name: Mapping[str, Imported], names: Mapping[str, TemplateName], included: Included
) -> dict[str, Naming]:
    """What the things that each prompt names are called here.

    A variable has one name in all prompts that hang together by includes.
    """
    own = {name: _Own.of(prompt) for name, prompt in by_name.items()}
    taken = {name: _taken(name, own, included) for name in frozenset().union(*included.values())}
    found: dict[str, Naming] = {}
    for group in _groups(included):
        variables = name_variables(key for each in group for key in own[each].keys)
        for name in group:
            includes = {each: names[each] for each in included[name]}
            found[name] = Naming(variables, includes, {each: taken[each] for each in includes})
    return found


@dataclass(frozen=True, slots=True)
class _Own:
    """What a prompt takes and names itself: in any of its versions, and in all of them."""

    keys: set[VariableKey]
    needed: set[VariableKey]
    references: set[str]

    @classmethod
    def of(cls, prompt: Imported) -> Self:
        every = [keys_of_version(each) for each in prompt.versions]
        with_value = {(False, name) for each in prompt.versions for name in each.defaults}
        always = set.intersection(*map(references_of, prompt.versions))
        return cls(set().union(*every), set.intersection(*every) - with_value, always)


def _taken(name: str, own: Mapping[str, _Own], included: Included) -> dict[VariableKey, bool]:
    """The variables of a prompt and of all that it includes; True for those that none of its versions does without."""
    needed: set[VariableKey] = set()
    waiting, seen = [name], {name}
    while waiting:  # those that every version includes
        each = waiting.pop()
        needed |= own[each].needed
        found = (own[each].references & included[each]) - seen
        seen |= found
        waiting += found
    return {key: key in needed for each in (name, *included[name]) for key in own[each].keys}


def _groups(included: Included) -> list[set[str]]:
    """The prompts that hang together by includes; others are alone."""
    group_of: dict[str, set[str]] = {name: {name} for name in included}
    for name, others in included.items():
        for each in others:
            if group_of[name] is not group_of[each]:
                smaller, larger = sorted((group_of[name], group_of[each]), key=len)
                larger |= smaller
                group_of.update(dict.fromkeys(smaller, larger))
    return list({id(group): group for group in group_of.values()}.values())


def _closure(name: str, direct: Mapping[str, set[str]]) -> frozenset[str]:
    """What is reached from a prompt, as far as a closure may have it and one more."""
    found: set[str] = set()
    waiting = list(direct[name])
    while waiting and len(found) < MAX_CLOSURE_FILES:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += direct[each]
    return frozenset(found)
