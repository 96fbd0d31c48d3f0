"""Values against a template's declaration, as far as that is checked here (see ``rendering``)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from promptuary_client.canonical import canonical_text, canonical_value
from promptuary_client.errors import VariablesInvalid
from promptuary_client.former_names import told_former
from promptuary_client.template import Json

MAX_DEPTH = 64
_BIG = 2**63
"""Integers beyond it would lose digits in the engine."""
_UNTRUSTED_ROLES = frozenset({"user", "assistant", "tool"})
"""The roles that messages of an untrusted variable may have: nobody outside speaks for the system."""
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a string"),
    "integer": ((int, float), "an integer"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "array": ((list,), "a list"),
    "object": ((dict,), "an object"),
    "messages": ((list,), "a list of messages, each {role, content}"),
    "image": ((dict,), "an object {url} or {data, media_type}"),
    "file": ((dict,), "an object {url} or {data, media_type}"),
    "audio": ((dict,), "an object {url} or {data, media_type}"),
}
_MEDIA = frozenset({"image", "file", "audio"})

Problems = list[tuple[str, str]]


def read_values(values: Mapping[Any, Json]) -> dict[str, Json]:
    """The caller's values as plain JSON, wherever they are rendered: tuples are lists, an enum of texts its text.

    Raises VariablesInvalid, which names each that is no JSON.
    """
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
                problems.append((name, f"is missing{told_former(name, former)}: pass {_KINDS[said['type']][1]}"))
            bound[name] = canonical_value(said.get("default"))
            continue
        wrong = _misfit(said, values[name])
        if wrong:
            problems.append((name, wrong))
        else:
            bound[name] = canonical_value(values[name])
    ignored = tuple(name for name in values if name not in variables)
    if strict:
        problems += [(name, "is not declared: leave it out") for name in ignored]
    _require_none(problems)
    return bound, ignored


def _require_none(problems: Problems) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        error = VariablesInvalid(f"The variables do not fit: {problems[0][0]} {problems[0][1]}{more}")
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
        wrong = None if _is_whole(value) else "holds half of a character (a lone surrogate)"
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


def _misfit(said: Mapping[str, Json], value: Json) -> str | None:
    """What is wrong with a value of a variable."""
    wrong = _wrong_type(said["type"], value)
    if wrong is None and said["type"] == "messages":
        wrong = _first(_message_misfit(index, each, said) for index, each in enumerate(value))
    allowed = said.get("enum")
    if wrong is None and allowed is not None and value not in allowed:
        shown = "" if said.get("sensitive") else ": " + ", ".join(map(canonical_text, allowed[:20]))
        wrong = f"is not among the allowed values{shown}"
    if wrong is None and isinstance(value, (str, list)):
        wrong = _out_of_bounds(len(value), said.get("min_length"), said.get("max_length"), "its length")
    if wrong is None and isinstance(value, (int, float)) and not isinstance(value, bool):
        wrong = _out_of_bounds(value, said.get("minimum"), said.get("maximum"), "it")
    return wrong


def _wrong_type(kind: str, value: Json) -> str | None:
    types, words = _KINDS[kind]
    fits: bool = isinstance(value, types) and (not isinstance(value, bool) or kind == "boolean")
    if fits and kind == "integer":
        fits = float(value).is_integer()
    elif fits and kind in _MEDIA:
        fits = set(value) in ({"url"}, {"data", "media_type"})
    return None if fits else f"must be {words}"


def _message_misfit(index: int, message: Json, said: Mapping[str, Json]) -> str | None:
    if not isinstance(message, dict) or not {"role", "content"} <= set(message) <= {"role", "content", "name"}:
        return f"[{index}] must be an object {{role, content}}, with name if need be"
    if not isinstance(message["role"], str) or not isinstance(message["content"], (str, list)):
        return f"[{index}] must have a role, and content that is a string or a list of parts"
    if said.get("untrusted") and message["role"] not in _UNTRUSTED_ROLES:
        return f"[{index}].role must be one of {', '.join(sorted(_UNTRUSTED_ROLES))}: the variable is untrusted"
    return None


def _out_of_bounds(size: float, least: float | None, most: float | None, what: str) -> str | None:
    if least is not None and size < least:
        return f"is out of bounds: {what} must be at least {least}"
    if most is not None and size > most:
        return f"is out of bounds: {what} must be at most {most}"
    return None


def _first(found: Iterable[str | None]) -> str | None:
    return next((each for each in found if each), None)
