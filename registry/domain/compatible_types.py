"""Whether every value that one declaration takes is taken by another: what compatibility of variables rests on.

The answer is on the safe side. What cannot be decided (one pattern against another) counts as narrower. Callers pass
what is declared: keys that a declaration with properties does not name do not count; an object that declares no
properties takes any.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import jsonschema_rs

from registry.domain.template import MISSING, Json, Variable, VariableType
from registry.domain.template_builder import escape_pointer
from registry.domain.variable_rules import misfits

MAX_SHOWN = 80

_T = VariableType
_WIDER = {_T.INTEGER: {_T.NUMBER}, _T.IMAGE: {_T.FILE}, _T.AUDIO: {_T.FILE}}
"""Types that take all that another takes."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the one side allows and the other may refuse.

    ``subject`` names it for people (``ticket``, ``customer.name``, ``output.queue``), ``rule`` what of it differs, and
    ``given`` and ``wanted`` how each side has it, in words. The pointers say where each side's file has it.
    """

    subject: str
    rule: str
    given: str
    wanted: str
    given_pointer: str
    wanted_pointer: str


def call_narrowings(given: Mapping[str, Variable], wanted: Mapping[str, Variable]) -> Iterator[Narrowing]:
    """Why a call that fits the variables ``given`` may be refused, or lose a value, where ``wanted`` are declared."""
    renamed = _renamed(given, wanted)
    for name, variable in wanted.items():
        pointer = f"/variables/{escape_pointer(name)}"
        before = given.get(name)
        if name in renamed:
            old_pointer = f"/variables/{escape_pointer(renamed[name])}"
            yield Narrowing(name, "renamed", renamed[name], name, old_pointer, pointer)
        elif before is None:
            if variable.required:
                yield _narrowing(name, "required", "not declared", "required", pointer)
        else:
            if variable.required and not before.required:
                yield _narrowing(name, "required", "optional", "required", pointer, "required")
            yield from value_narrowings(before, variable, name, pointer)


def value_narrowings(given: Variable, wanted: Variable, subject: str, pointer: str) -> Iterator[Narrowing]:
    """Why a value that ``given`` takes may be refused by ``wanted``; null and absence are not looked at."""
    if given == wanted:
        return
    if given.enum is not None:
        asked = dataclasses.replace(wanted, pattern=None) if wanted.pattern == given.pattern else wanted
        refused = [value for value in given.enum if not _takes(asked, value)]
        if refused:
            rule = "type" if wanted.type is not given.type and wanted.enum is None else _refusing(given, wanted)
            yield _narrowing(subject, rule, _said(given, rule), _said(wanted, rule), pointer, rule)
        return
    if given.type is not wanted.type and wanted.type not in _WIDER.get(given.type, ()):
        yield _narrowing(subject, "type", given.type.value, wanted.type.value, pointer, "type")
        return
    for rule in _narrowed(given, wanted):
        yield _narrowing(subject, rule, _said(given, rule), _said(wanted, rule), pointer, rule)
    if wanted.items is not None and given.items is not None:
        yield from value_narrowings(given.items, wanted.items, f"{subject}[]", f"{pointer}/items")
    if given.properties:
        yield from _property_narrowings(given, wanted, subject, pointer)


def shown(value: Json) -> str:
    """A value in words, short enough for a message."""
    if value is MISSING or value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _narrowed(given: Variable, wanted: Variable) -> Iterator[str]:
    """The attributes of ``wanted`` that are narrower, for types that fit."""
    if wanted.enum is not None:
        yield "enum"
    if wanted.min_length is not None and (given.min_length or 0) < wanted.min_length:
        yield "min_length"
    if wanted.max_length is not None and (given.max_length is None or given.max_length > wanted.max_length):
        yield "max_length"
    if wanted.pattern is not None and given.pattern != wanted.pattern:
        yield "pattern"
    if wanted.minimum is not None and (given.minimum is None or given.minimum < wanted.minimum):
        yield "minimum"
    if wanted.maximum is not None and (given.maximum is None or given.maximum > wanted.maximum):
        yield "maximum"
    if wanted.items is not None and given.items is None:
        yield "items"
    if wanted.properties and not given.properties:
        yield "properties"
    if wanted.untrusted and not given.untrusted and wanted.type is _T.MESSAGES:  # then no message may be the system's
        yield "untrusted"


def _property_narrowings(given: Variable, wanted: Variable, subject: str, pointer: str) -> Iterator[Narrowing]:
    for name, inner in wanted.properties.items():
        below, at = f"{subject}.{name}", f"{pointer}/properties/{escape_pointer(name)}"
        before = given.properties.get(name)
        if before is None:
            if inner.required:
                yield _narrowing(below, "required", "not declared", "required", at)
            continue
        if inner.required and not before.required:
            yield _narrowing(below, "required", "optional", "required", at, "required")
        yield from value_narrowings(before, inner, below, at)


def _renamed(given: Mapping[str, Variable], wanted: Mapping[str, Variable]) -> dict[str, str]:
    """New name → old name, of variables that came and went in one change and are otherwise declared alike."""
    gone = {name: _nameless(variable) for name, variable in given.items() if name not in wanted}
    found: dict[str, str] = {}
    for name, variable in wanted.items():
        if name in given or not gone:
            continue
        alike = _nameless(variable)
        before = next((old for old, declared in gone.items() if declared == alike), None)
        if before is not None:
            found[name] = before
            del gone[before]
    return found


def _nameless(variable: Variable) -> Variable:
    return dataclasses.replace(variable, name="", description="", examples=())


def _takes(wanted: Variable, value: Json) -> bool:
    """Whether one value is taken; a pattern that cannot be tried in linear time takes none."""
    if wanted.pattern is not None and not _is_linear(wanted.pattern):
        return False
    return misfits(wanted, value) is None


def _is_linear(pattern: str) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except ValueError:
        return False
    return True


def _refusing(given: Variable, wanted: Variable) -> str:
    """The attribute that refuses a value of an enum."""
    if wanted.enum is not None:
        return "enum"
    return next(iter(_narrowed(dataclasses.replace(given, enum=None), wanted)), "type")


def _said(variable: Variable, rule: str) -> str:
    value = getattr(variable, rule)
    if rule == "properties":
        return shown(list(value) or None)
    if rule == "items":
        return "not set" if value is None else f"of type {value.type}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown(list(value) if isinstance(value, tuple) else value)


def _narrowing(subject: str, rule: str, given: str, wanted: str, pointer: str, key: str = "") -> Narrowing:
    at = f"{pointer}/{key}" if key else pointer
    return Narrowing(subject, rule, given, wanted, at, at)
