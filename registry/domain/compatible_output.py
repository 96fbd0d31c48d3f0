"""Whether every answer that one ``output`` describes fits another: inclusion of JSON Schemas, on the safe side.

Answers hold the properties that their schema names (all kinds where it names none), and readers ignore keys that they
do not know, as callers and templates do with variables. Keywords that are not compared here fit only where they stand
unchanged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

import jsonschema_rs

from registry.domain.compatible_schema import bounds_gap, same_json
from registry.domain.compatible_types import Narrowing, shown
from registry.domain.template import Json
from registry.domain.template_builder import escape_pointer

MAX_STEPS = 5_000
MAX_DEPTH = 60
"""Schemas that would take more are told as not comparable."""

_FORMATS = ("text", "json", "json_schema")
"""Each takes all answers of those after it."""

_SCHEMA = "/output/schema"
_BRANCHES = ("anyOf", "oneOf")
_TYPES = {"null", "boolean", "object", "array", "number", "integer", "string"}
_NOTES = frozenset({
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "contentEncoding",
    "contentMediaType", "contentSchema", "$schema", "$id", "$comment", "$defs", "definitions", "$anchor",
})  # fmt: skip
"""Keywords that refuse no value."""

_REFERENCES = frozenset({"$ref", "$dynamicRef"})
_CONDITIONS = frozenset({"if", "then", "else"})
_COMPARED = frozenset({"type", "enum", "const", "required", "properties", "additionalProperties", "items"})


def answer_narrowings(given: Mapping[str, Json] | None, wanted: Mapping[str, Json] | None) -> Iterator[Narrowing]:
    """Why an answer of the output ``given`` may not be what a reader of ``wanted`` expects; None is plain text."""
    before, after = given or {}, wanted or {}
    formats = before.get("format", "text"), after.get("format", "text")
    if _FORMATS.index(formats[0]) < _FORMATS.index(formats[1]):
        yield Narrowing("output", "format", *formats, "/output/format", "/output/format")
    elif formats[1] == "json_schema":
        yield from _Inclusion(before["schema"], after["schema"]).gaps(before["schema"], after["schema"], _ROOT)


@dataclass(frozen=True, slots=True)
class _At:
    """Where both sides stand: for people, and as pointers into the two files."""

    subject: str
    given: str
    wanted: str

    def below(self, subject: str, *steps: str) -> "_At":
        rest = "".join(f"/{escape_pointer(step)}" for step in steps)
        return _At(self.subject + subject, self.given + rest, self.wanted + rest)

    def gap(self, rule: str, given: Json, wanted: Json) -> Narrowing:
        at = f"/{escape_pointer(rule)}"
        return Narrowing(self.subject, rule, shown(given), shown(wanted), self.given + at, self.wanted + at)


_ROOT = _At("output", _SCHEMA, _SCHEMA)


class _Inclusion:
    """Compares the parts of two schemas; references are followed within each."""

    def __init__(self, given: Json, wanted: Json) -> None:
        self.given_root = given
        self.wanted_root = wanted
        self.alike = same_json(given, wanted)
        self.open: set[tuple[int, int]] = set()
        self.steps = 0

    def gaps(self, given: Json, wanted: Json, at: _At) -> Iterator[Narrowing]:
        """What ``wanted`` asks and ``given`` does not promise."""
        if self.alike or wanted is True or given is False:
            return
        given = {} if given is True else given
        if wanted is False:
            yield at.gap("not", "any value", "no value")
            return
        pair = id(given), id(wanted)
        self.steps += 1
        if pair in self.open:  # a recursive schema: what is being compared above holds here if it holds there
            return
        if self.steps > MAX_STEPS or len(self.open) >= MAX_DEPTH:
            yield at.gap("schema", "too large to compare", "too large to compare")
            return
        self.open.add(pair)
        try:
            yield from self._compared(given, wanted, at)
        finally:
            self.open.discard(pair)

    def _fits(self, given: Json, wanted: Json, at: _At) -> bool:
        return next(self.gaps(given, wanted, at), None) is None

    def _compared(self, given: Mapping[str, Json], wanted: Mapping[str, Json], at: _At) -> Iterator[Narrowing]:
        if "$ref" in wanted:
            found, pointer = _resolve(self.wanted_root, wanted["$ref"], unknown=False)
            yield from self.gaps(given, found, _At(at.subject, at.given, pointer))
            yield from self.gaps(given, _without(wanted, "$ref"), at)
        elif "allOf" in wanted:
            for each in wanted["allOf"]:
                yield from self.gaps(given, each, at)
            yield from self.gaps(given, _without(wanted, "allOf"), at)
        elif any(key in given for key in ("$ref", "allOf", *_BRANCHES)):
            yield from self._split(given, wanted, at)
        elif "anyOf" in wanted:
            if not any(self._fits(given, each, at) for each in wanted["anyOf"]):
                yield at.gap("anyOf", given, wanted["anyOf"])
            yield from self.gaps(given, _without(wanted, "anyOf"), at)
        else:
            yield from self._plain(given, wanted, at)

    def _split(self, given: Mapping[str, Json], wanted: Mapping[str, Json], at: _At) -> Iterator[Narrowing]:
        """``given`` is a conjunction or a choice: one part that fits is enough of the first, of the second all must."""
        key = next(key for key in ("$ref", "allOf", *_BRANCHES) if key in given)
        rest = _without(given, key)
        together = bool(rest.keys() - _NOTES) or key == "allOf"
        if self._fits(_opened(rest), wanted, at):
            return
        if key == "$ref":
            found, pointer = _resolve(self.given_root, given["$ref"], unknown=True)
            part = _opened(found) if together else found
            yield from self.gaps(part, wanted, _At(at.subject, pointer, at.wanted))
        elif key == "allOf":
            if not any(self._fits(_opened(each), wanted, at) for each in given["allOf"]):
                yield at.gap("allOf", given["allOf"], wanted)
        else:
            for each in given[key]:
                yield from self.gaps(_joined(rest, each), wanted, at)

    def _plain(self, given: Mapping[str, Json], wanted: Mapping[str, Json], at: _At) -> Iterator[Narrowing]:
        values = given["enum"] if "enum" in given else [given["const"]] if "const" in given else None
        if values is not None:
            if _refers(wanted) or not _valid(values, wanted):
                key = next((key for key in ("enum", "const") if key in wanted), "enum")
                yield at.gap(key, values, wanted.get(key, wanted.get("type", wanted)))
            return
        kinds, allowed = _types(given), _types(wanted)
        if not kinds <= allowed:
            yield at.gap("type", given.get("type", "any"), wanted["type"])
            return
        for key in ("enum", "const"):
            if key in wanted:
                yield at.gap(key, None, wanted[key])
        for key in wanted:
            if key in _NOTES or key in _COMPARED or not bounds_gap(key, given, wanted, kinds):
                continue
            if not self._unchanged(given, wanted):
                yield at.gap(key, given.get(key), wanted[key])
        if "array" in kinds:
            items = True if "prefixItems" in given else given.get("items", True)
            yield from self.gaps(items, wanted.get("items", True), at.below("[]", "items"))
        if "object" in kinds:
            yield from self._objects(given, wanted, at)

    def _objects(self, given: Mapping[str, Json], wanted: Mapping[str, Json], at: _At) -> Iterator[Narrowing]:
        named, expected = given.get("properties", {}), wanted.get("properties", {})
        others = "patternProperties" in given or given.get("additionalProperties", not named)
        for name in wanted.get("required", ()):
            if name not in given.get("required", ()):
                place = at.below(f".{name}", "properties", name)
                said = "optional" if name in named else "not declared"
                yield Narrowing(place.subject, "required", said, "required", place.given, place.wanted)
        for name, schema in expected.items():
            below = at.below(f".{name}", "properties", name)
            yield from self.gaps(named.get(name, others), schema, below)
        rest = wanted.get("additionalProperties", True)
        if isinstance(rest, Mapping):
            for name in named:
                if name not in expected:
                    yield from self.gaps(named[name], rest, at.below(f".{name}", "properties", name))
            yield from self.gaps(others, rest, at.below(".*", "additionalProperties"))

    def _unchanged(self, given: Json, wanted: Json) -> bool:
        """Whether both say the same, with no reference, so that they mean the same wherever they stand."""
        self.steps += 1
        if self.steps > MAX_STEPS or type(given) is not type(wanted):
            return False
        if isinstance(given, dict):
            if given.keys() != wanted.keys() or not _REFERENCES.isdisjoint(given):
                return False
            return all(self._unchanged(value, wanted[key]) for key, value in given.items())
        if isinstance(given, list):
            return len(given) == len(wanted) and all(map(self._unchanged, given, wanted))
        return bool(given == wanted)


def _valid(values: list[Json], wanted: Mapping[str, Json]) -> bool:
    """Whether each of some values fits; formats are notes to the engine, and what it cannot compile takes none."""
    try:
        engine = jsonschema_rs.Draft202012Validator(
            dict(wanted), pattern_options=jsonschema_rs.RegexOptions(), retriever=_refuse
        )
    except ValueError:
        return False
    return all(engine.is_valid(value) for value in values)


def _refuse(address: str) -> NoReturn:
    """Instead of a fetch over the network or from a file: what a part calls its ``$schema`` is anybody's text."""
    raise ValueError(address)


def _types(schema: Mapping[str, Json]) -> set[str]:
    said = schema.get("type")
    kinds = set(_TYPES if said is None else [said] if isinstance(said, str) else said)
    return kinds | {"integer"} if "number" in kinds else kinds


def _without(schema: Mapping[str, Json], key: str) -> dict[str, Json]:
    return {name: value for name, value in schema.items() if name != key}


def _opened(schema: Json) -> Json:
    """The same where others beside it may name further properties."""
    return {"additionalProperties": True, **schema} if isinstance(schema, Mapping) else schema


def _joined(rest: Mapping[str, Json], branch: Json) -> Json:
    """Both at once, or more than that: where keys meet, the branch's count, which leaves out a demand."""
    if not isinstance(branch, Mapping):
        return rest if branch else False
    if "properties" in rest or not _CONDITIONS.isdisjoint(rest):
        return _opened(branch)
    return {**rest, **branch}


def _refers(schema: Json) -> bool:
    """Whether a reference stands anywhere in a schema."""
    if isinstance(schema, Mapping):
        return not _REFERENCES.isdisjoint(schema) or any(map(_refers, schema.values()))
    return isinstance(schema, list) and any(map(_refers, schema))


def _resolve(root: Json, target: str, *, unknown: bool) -> tuple[Json, str]:
    """What a reference leads to, and the pointer of that place in the file; one by anchor is ``unknown``."""
    if not target.startswith("#/") and target != "#":
        return unknown, _SCHEMA
    found = root
    for step in target[2:].split("/") if target != "#" else ():
        key = step.replace("~1", "/").replace("~0", "~")
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found, _SCHEMA + target[1:]
