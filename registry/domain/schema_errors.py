"""What the validator finds, in our words and at the file's places."""

import difflib
from collections.abc import Callable, Sequence
from typing import Any

import jsonschema_rs

from registry.domain.diagnostics import Diagnostic, Place
from registry.domain.schema_words import Schema
from registry.domain.template import Json
from registry.domain.wording import counted
from registry.domain.yaml_reader import YamlDocument

_TYPES = {
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_SYNONYMS = {
    "str": "string", "int": "integer", "float": "number", "double": "number", "bool": "boolean", "list": "array",
    "dict": "object", "map": "object", "human": "user", "ai": "assistant", "bot": "assistant", "function": "tool",
}  # fmt: skip
_TRUTH = {"yes", "no", "on", "off", "y", "n", "true", "false"}
_LISTED = 20
_TOLD = 200
"""More findings than these are not worded: a file full of faults must not keep the gate busy."""


def check_schema(
    document: YamlDocument, path: str, schema: Schema, validator: jsonschema_rs.Draft202012Validator
) -> tuple[list[Diagnostic], frozenset[tuple[str | int, ...]]]:
    """What ``validator`` (compiled from ``schema``) finds in a document, each once, in no special order, at most 200.

    Beside it the keys that lead to each value that does not fit.
    Codes: unknown-key, missing-key, misplaced-key, wrong-type, not-allowed-value, wrong-form, wrong-size, out-of-range.
    """
    if validator.is_valid(document.value):
        return [], frozenset()
    found: dict[Diagnostic, None] = {}
    faulty: set[tuple[str | int, ...]] = set()
    for error in validator.iter_errors(document.value):
        faulty.add(tuple(error.instance_path))
        if len(found) < _TOLD:
            found.update(dict.fromkeys(_Finding(document, path, schema, error).diagnostics()))
    return list(found), frozenset(faulty)


class _Finding:
    """One error of the validator."""

    def __init__(self, document: YamlDocument, path: str, schema: Schema, error: Any) -> None:
        self.document = document
        self.path = path
        self.kind = error.kind
        self.keys: Sequence[str | int] = error.instance_path
        self.pointer = "".join(f"/{_escape(k)}" for k in self.keys)
        self.value = _value_at(document.value, self.keys)
        self.schemas = _schemas_on(schema, error.schema_path)
        self.said = error.message

    @property
    def comment(self) -> str:
        """What the schema itself says about the fault."""
        return next((s["$comment"] for s in self.schemas[:-4:-1] if "$comment" in s), "")

    @property
    def subject(self) -> str:
        """What the value is called in a message."""
        named = [k for k in self.keys if isinstance(k, str)]
        if not self.keys:
            return "the file"
        return f'"{named[-1]}"' if isinstance(self.keys[-1], str) else f'each item of "{named[-1]}"'

    def diagnostics(self) -> list[Diagnostic]:
        """The diagnostics that the error stands for."""
        name = self.kind.name
        if name == "additionalProperties":
            return [self._unknown(key) for key in self.kind.unexpected[:_TOLD]]
        handlers: dict[str, Callable[[], tuple[str, str]]] = {
            "required": self._missing,
            "falseSchema": self._misplaced,
            "type": self._type,
            "enum": lambda: self._choice(self.kind.options),
            "const": lambda: self._choice([self.kind.expected_value]),
            "pattern": self._form,
            "minimum": self._range,
            "maximum": self._range,
        }
        rule, message = handlers.get(name, self._size)()
        place = self.document.key_place if rule == "misplaced-key" else self.document.place_of
        return [self._at(rule, message, place(self.pointer))]

    def _at(self, rule: str, message: str, place: Place) -> Diagnostic:
        return Diagnostic(rule, message, self.path, place)

    def _unknown(self, key: str) -> Diagnostic:
        allowed = sorted(self.schemas[-1].get("properties", {}))
        near = difflib.get_close_matches(key, allowed, 1, 0.6)
        title = self.schemas[-1].get("title", "mapping").lower()
        advice = f'did you mean "{near[0]}"?' if near else f"allowed are {', '.join(allowed[:_LISTED])}"
        own = "; your own keys begin with x-" if not self.keys and not near else ""
        place = self.document.key_place(f"{self.pointer}/{_escape(key)}")
        return self._at("unknown-key", f'"{key[:80]}" is not a key here ({title}): {advice}{own}', place)

    def _missing(self) -> tuple[str, str]:
        key = self.kind.property
        about = next((s["properties"][key] for s in self.schemas[::-1] if key in s.get("properties", {})), None)
        words = about.get("description", "") if isinstance(about, dict) else ""
        if isinstance(about, dict) and "const" in about:
            words = f"write {key}: {about['const']}"
        if isinstance(about, dict) and "enum" in about:
            words = f"write {key}: {' | '.join(map(str, about['enum']))}"
        said = self.comment or words.rstrip(".")
        return "missing-key", f'the key "{key}" is missing here' + (f": {said}" if said else "")

    def _misplaced(self) -> tuple[str, str]:
        return "misplaced-key", f'"{self.keys[-1]}" {self.comment or "cannot stand here"}'

    def _type(self) -> tuple[str, str]:
        wanted = " or ".join(_TYPES[t] for t in self.kind.types)
        if not self.keys and self.value is None:
            return "wrong-type", "the file is empty: begin with schema: prompt/v1"
        return "wrong-type", f"{self.subject} must be {wanted}, but this is {_described(self.value)}{self._mend()}"

    def _mend(self) -> str:
        """How to make the value what is wanted, where that is plain."""
        types, value = self.kind.types, self.value
        if "string" in types and isinstance(value, bool | int | float):
            return f': put it into quotes: "{self.document.source_of(self.pointer)}"'
        if "boolean" in types and isinstance(value, str) and value.lower() in _TRUTH:
            return ": write true or false, without quotes"
        if {"integer", "number"} & set(types) and isinstance(value, str) and _numeric(value):
            return ": remove the quotes"
        if "object" in types and isinstance(value, str) and len(self.keys) == 2 and self.keys[0] == "variables":
            return f": write {{type: {_SYNONYMS.get(value, value)}}}"
        if "array" in types and isinstance(value, str):
            return f": write [{value[:40]}]"
        return ""

    def _choice(self, options: Sequence[Json]) -> tuple[str, str]:
        shown = ", ".join(str(o) for o in options)
        value = str(self.value)
        near = [_SYNONYMS[value]] if _SYNONYMS.get(value) in options else []
        near = near or difflib.get_close_matches(value, [str(o) for o in options], 1, 0.7)
        more = f"; did you mean {near[0]}?" if near and len(options) > 1 else ""
        comment = f" ({self.comment})" if self.comment else ""
        return "not-allowed-value", f'"{value[:80]}" is not allowed here: write {shown}{comment}{more}'

    def _form(self) -> tuple[str, str]:
        words = self.schemas[-1].get("description", "")
        pattern = self.kind.pattern
        return (
            "wrong-form",
            f'{self.subject} cannot be "{str(self.value)[:80]}": it must match {pattern} ({words.rstrip(".")})',
        )

    def _range(self) -> tuple[str, str]:
        least = self.kind.name == "minimum"
        return "out-of-range", f"{self.subject} must be {'at least' if least else 'at most'} {self.kind.limit}"

    def _size(self) -> tuple[str, str]:
        return "wrong-size", f"{self.subject} does not fit: {self.comment or self._sizes()}"

    def _sizes(self) -> str:
        limits = {
            "minLength": ("needs at least", "character"),
            "maxLength": ("may have at most", "character"),
            "minItems": ("needs at least", "item"),
            "maxItems": ("may have at most", "item"),
            "minProperties": ("needs at least", "key"),
            "maxProperties": ("may have at most", "key"),
        }
        if self.kind.name not in limits:
            return str(self.said)
        words, what = limits[self.kind.name]
        return f"it {words} {counted(self.kind.limit, what)}"


def _described(value: Json) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value[:40]}"' + ("…" if len(value) > 40 else "")
    return "a list" if isinstance(value, list) else "a mapping"


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _escape(key: str | int) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _value_at(value: Json, keys: Sequence[str | int]) -> Json:
    for key in keys:
        value = value[key]
    return value


def _schemas_on(schema: Any, steps: Sequence[str | int]) -> list[Schema]:
    """The subschemas on the way to a keyword, outermost first."""
    found = [schema]
    for step in steps:
        schema = (
            schema[int(step)] if isinstance(schema, list) else schema.get(step) if isinstance(schema, dict) else None
        )
        if isinstance(schema, dict):
            found.append(schema)
    return found
