"""Single keywords of JSON Schema: whether what one schema promises is what another asks."""

from collections.abc import Mapping, Set

from registry.domain.template import Json

_NUMBERS, _TEXTS, _LISTS, _OBJECTS = {"number", "integer"}, {"string"}, {"array"}, {"object"}
_APPLIES: Mapping[str, set[str]] = {
    "minimum": _NUMBERS, "maximum": _NUMBERS, "exclusiveMinimum": _NUMBERS, "exclusiveMaximum": _NUMBERS,
    "multipleOf": _NUMBERS,
    "minLength": _TEXTS, "maxLength": _TEXTS, "pattern": _TEXTS, "format": _TEXTS,
    "minItems": _LISTS, "maxItems": _LISTS, "uniqueItems": _LISTS,
    "minProperties": _OBJECTS, "maxProperties": _OBJECTS,
}  # fmt: skip
"""What kinds of values a keyword looks at; it says nothing of others. Keywords that are not here look at all."""

_RANGE = {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}
_LOWER = {"minLength", "minItems", "minProperties"}
_UPPER = {"maxLength", "maxItems", "maxProperties"}


def same_json(one: Json, other: Json) -> bool:
    """Whether two values are equal as JSON Schema sees them: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def bounds_gap(key: str, given: Mapping[str, Json], wanted: Mapping[str, Json], kinds: Set[str]) -> bool:
    """Whether a keyword of ``wanted`` may refuse a value of these kinds that ``given`` allows."""
    if key not in _APPLIES:  # one that looks at others beside it: it fits where the whole schema is unchanged
        return True
    return not kinds.isdisjoint(_APPLIES[key]) and not _promises(key, given, wanted[key], kinds)


def _promises(key: str, given: Mapping[str, Json], asked: Json, kinds: Set[str]) -> bool:
    said = given.get(key)
    if key in _RANGE:
        return _bounded(key, given, asked)
    if key in _LOWER:
        return bool((said or 0) >= asked)
    if key in _UPPER:
        return said is not None and bool(said <= asked)
    if key == "multipleOf":
        return _divides(asked, said, kinds)
    return same_json(said, asked) or (key == "uniqueItems" and asked is False)


def _bounded(key: str, given: Mapping[str, Json], asked: float) -> bool:
    least = key in {"minimum", "exclusiveMinimum"}
    sign = 1 if least else -1
    closed, opened = ("minimum", "exclusiveMinimum") if least else ("maximum", "exclusiveMaximum")
    within = given.get(closed)
    if within is not None and (sign * within >= sign * asked if key == closed else sign * within > sign * asked):
        return True
    beyond = given.get(opened)
    return beyond is not None and bool(sign * beyond >= sign * asked)


def _divides(asked: float, said: float | None, kinds: Set[str]) -> bool:
    if said is None:
        return asked == 1 and "number" not in kinds
    return said == asked or (isinstance(said, int) and isinstance(asked, int) and said % asked == 0)
