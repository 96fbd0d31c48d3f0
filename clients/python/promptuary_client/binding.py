"""Values against a template's declaration, as far as that is checked here (see ``rendering``)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from promptuary_client.canonical import canonical_text, canonical_value
from promptuary_client.errors import VariablesInvalid
from promptuary_client.former_names import told_former
from promptuary_client.template import Json

MAX_DEPTH = 64
_BIG = 2**63
"""Integers beyond it would lose digits in the engine."""
_ROLES = ("system", "developer", "user", "assistant", "tool")
_UNTRUSTED_ROLES = ("user", "assistant", "tool")
"""The roles that messages of an untrusted variable may have: nobody outside speaks for the system."""
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a string"),
    "integer": ((int, float), "an integer"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "array": ((list,), "an array"),
    "object": ((dict,), "an object"),
    "messages": ((list,), "a list of messages, each {role, content}"),
}
_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_MEDIA = frozenset({"image", "file", "audio"})

Problems = list[tuple[str, str]]


def read_values(values: Mapping[Any, Json]) -> dict[str, Json]:
    """The caller's values as plain JSON, wherever they are rendered: tuples are lists, an enum of texts its text.

    Raises VariablesInvalid, which names each that is no JSON.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"variables= is a mapping of names to values, not {type(values).__name__}")
    problems: Problems = []
    plain: dict[str, Json] = {}
    for name, value in values.items():
        wrong = _not_json(name, 0) or _not_json(value, 0) if isinstance(name, str) else "is no name: names are strings"
        if wrong:
            problems.append((str(name), wrong))
        else:
            plain[name] = _plain(value)
    _require_none(problems)
    return plain


def bind(
    variables: Mapping[str, Mapping[str, Json]], values: Mapping[str, Json], former: Mapping[str, str], *, strict: bool
) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Every declared variable with its value, its default or None; and the names that are not declared.

    The values are those of ``read_values``; ``former`` are names that variables had before an import. Raises
    VariablesInvalid with every problem; with ``strict`` also for names that are not declared.
    """
    problems: Problems = []
    bound: dict[str, Json] = {}
    for name, said in variables.items():
        required = said.get("required", True) and "default" not in said
        if name not in values or (values[name] is None and not required):
            if required:
                problems.append((name, f"is missing{told_former(name, former)}: pass {_wanted(said)}"))
            bound[name] = canonical_value(said.get("default"))
            continue
        problems += _misfits(name, said, values[name])
        bound[name] = canonical_value(values[name])
    ignored = tuple(name for name in values if name not in variables)
    if strict:
        known = ", ".join(variables) or "none"
        problems += [(name, f"is not declared: leave it out; declared are: {known}") for name in ignored]
    _require_none(problems)
    return bound, ignored


def _require_none(problems: Problems) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        first = f"{problems[0][0]} {problems[0][1]}"
        error = VariablesInvalid(f"The variables do not fit the template's declaration: {first}{more}")
        error.problems = tuple(problems)
        raise error


def _plain(value: Json) -> Json:
    """Without the classes that a program has made of JSON's own: they print themselves in ways of their own."""
    if isinstance(value, dict):
        return {str.__str__(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else float(value)


def _not_json(value: Json, depth: int) -> str | None:
    """What keeps a value from being JSON that the engine can hold."""
    if depth > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH}"
    if isinstance(value, dict):
        if not all(isinstance(key, str) and _is_whole(key) for key in value):
            return "has a key that is no string"
        return _first(_not_json(item, depth + 1) for item in value.values())
    if isinstance(value, (list, tuple)):
        return _first(_not_json(item, depth + 1) for item in value)
    return _scalar_not_json(value)


def _scalar_not_json(value: Json) -> str | None:
    wrong = None
    if isinstance(value, str):
        wrong = None if _is_whole(value) else "holds half of a character (a lone surrogate): send well-formed Unicode"
    elif isinstance(value, float):
        wrong = None if math.isfinite(value) else "holds NaN or an infinity, which JSON cannot say"
    elif isinstance(value, int):
        wrong = None if -_BIG <= value < _BIG else "holds an integer of more than 64 bits: pass it as a string"
    elif value is not None:
        wrong = f"holds a value of type {type(value).__name__}, which is no JSON"
    return wrong


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wanted(said: Mapping[str, Json]) -> str:
    """What a variable takes, in words."""
    kind = said["type"]
    if said.get("enum") is not None and not said.get("sensitive"):
        return "one of " + ", ".join(map(canonical_text, said["enum"][:20]))
    return _KINDS[kind][1] if kind in _SCALARS else f"a value of type {kind}"


def _misfits(name: str, said: Mapping[str, Json], value: Json) -> Iterator[tuple[str, str]]:
    """What is wrong with a variable's value, in the words of the server (``registry/domain/binding.py``)."""
    kind = said["type"]
    if kind in _MEDIA:
        if not isinstance(value, dict) or set(value) not in ({"url"}, {"data", "media_type"}):
            yield name, "must be an object {url} or {data, media_type} with no other keys"
        return
    if not _is_kind(kind, value):
        yield name, f"must be {_KINDS[kind][1]}{'' if kind == 'messages' else f', not {_named(value)}'}"
        return
    allowed = said.get("enum")
    if allowed is not None and value not in allowed:
        shown = ", ".join(map(canonical_text, allowed[:20])) + (", …" if len(allowed) > 20 else "")
        yield name, "is not among the allowed values" + ("" if said.get("sensitive") else f": {shown}")
    if kind == "messages":
        for index, message in enumerate(value):
            yield from _message_misfits(f"{name}[{index}]", message, untrusted=said.get("untrusted", False))
    yield from ((name, wrong) for wrong in _out_of_bounds(said, value))


def _is_kind(kind: str, value: Json) -> bool:
    fits = isinstance(value, _KINDS[kind][0]) and isinstance(value, bool) == (kind == "boolean")
    return fits and (kind != "integer" or float(value).is_integer())


def _named(value: Json) -> str:
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null")


def _message_misfits(where: str, message: Json, *, untrusted: bool) -> Iterator[tuple[str, str]]:
    if not isinstance(message, dict) or not {"role", "content"} <= set(message) <= {"role", "content", "name"}:
        yield where, "must be an object {role, content}, with name if need be, and no other keys"
        return
    roles = _UNTRUSTED_ROLES if untrusted else _ROLES
    if message["role"] not in roles:
        whose = " of an untrusted variable" if untrusted else ""
        yield f"{where}.role", f"must be one of {', '.join(roles)} in messages{whose}"
    if not isinstance(message.get("name", ""), str):
        yield f"{where}.name", "must be a string"
    if not isinstance(message["content"], (str, list)):
        yield f"{where}.content", "must be a string or a list of parts"


def _out_of_bounds(said: Mapping[str, Json], value: Json) -> Iterator[str]:
    if isinstance(value, (str, list)):
        unit = {"string": "character", "messages": "message"}.get(said["type"], "item")
        size = f"has {len(value):,} {unit}{'' if len(value) == 1 else 's'}"
        if len(value) < said.get("min_length", 0):
            yield f"{size}; at least {said['min_length']} are needed"
        if len(value) > said.get("max_length", math.inf):
            yield f"{size}; at most {said['max_length']} are allowed"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < said.get("minimum", -math.inf):
            yield f"must be at least {canonical_text(canonical_value(said['minimum']))}"
        if value > said.get("maximum", math.inf):
            yield f"must be at most {canonical_text(canonical_value(said['maximum']))}"


def _first(found: Iterable[str | None]) -> str | None:
    return next((each for each in found if each), None)
