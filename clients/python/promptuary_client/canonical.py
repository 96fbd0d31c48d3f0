# A copy of registry/domain/canonical.py: change that one, then run python -m scripts.copies
"""Canonical text: how a value is printed, the same for every client.

Strings as they are; integers in digits; other numbers in their shortest form (as ECMAScript and RFC 8785 write them:
``2.5``, ``1e-7``, ``1e+21``; integral ones below 10^21 with all their digits, as if they were integers); ``true`` and
``false``; nothing for null; compact JSON for lists and objects, keys in their order.
``docs/rendering-vectors.json`` holds examples that every client has to meet.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal

from promptuary_client.template import Json

_WRITTEN_OUT = 1e21
"""Below this an integral float is printed, and seen by templates, as the integer that it is."""

_quote = json.encoder.encode_basestring
MAX_DEPTH = 200
"""How deep a value may be nested to be printed: far deeper than what callers may send."""


def canonical_text(value: Json) -> str:
    """How ``{{ value }}`` prints. Raises ValueError for what JSON cannot say: NaN, infinities, other types."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        return ""
    return canonical_json(value)


def canonical_json(value: Json, indent: int | None = None) -> str:
    """Compact JSON over the same forms; with ``indent`` over several lines. Raises ValueError as canonical_text."""
    pieces: list[str] = []
    _write(value, pieces, indent, 0)
    return "".join(pieces)


def canonical_number(value: float) -> str:
    """The shortest decimal that reads back as the same number, in ECMAScript's notation; integers written out."""
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    if value.is_integer() and abs(value) < _WRITTEN_OUT:
        return str(int(value))
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)  # where the decimal point stands, counted from the first digit
    if 0 < point <= 21 and point < len(text):
        body = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        body = f"0.{'0' * -point}{text}"
    else:
        body = f"{text[0]}{'.' if len(text) > 1 else ''}{text[1:]}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"{'-' if sign else ''}{body}"


def canonical_value(value: Json) -> Json:
    """A value as templates see it: integral floats (below 10^21) become integers, at every depth; copied."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _WRITTEN_OUT else value
    if isinstance(value, list):
        return [canonical_value(item) for item in value]
    if isinstance(value, dict):
        return {key: canonical_value(item) for key, item in value.items()}
    return value


def _write(value: Json, pieces: list[str], indent: int | None, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, Mapping):
        _write_object(value, pieces, indent, depth)
    elif isinstance(value, (list, tuple)):
        _write_list(value, pieces, indent, depth)
    else:
        pieces.append(_scalar(value))


def _scalar(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return _quote(value)
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return canonical_number(value)
    raise ValueError(f"a value of type {type(value).__name__} cannot be printed")


def _write_list(value: list[Json] | tuple[Json, ...], pieces: list[str], indent: int | None, depth: int) -> None:
    if not value:
        pieces.append("[]")
        return
    pieces.append("[")
    for index, item in enumerate(value):
        pieces.append(_between(index, indent, depth + 1))
        _write(item, pieces, indent, depth + 1)
    pieces.append(_line(indent, depth) + "]")


def _write_object(value: Mapping[Json, Json], pieces: list[str], indent: int | None, depth: int) -> None:
    if not value:
        pieces.append("{}")
        return
    pieces.append("{")
    for index, (key, item) in enumerate(Mapping.items(value)):
        pieces.append(_between(index, indent, depth + 1))
        pieces.append(_quote(key if isinstance(key, str) else _scalar(key)))
        pieces.append(":" if indent is None else ": ")
        _write(item, pieces, indent, depth + 1)
    pieces.append(_line(indent, depth) + "}")


def _line(indent: int | None, depth: int) -> str:
    return "" if indent is None else "\n" + " " * (indent * depth)


def _between(index: int, indent: int | None, depth: int) -> str:
    return ("," if index else "") + _line(indent, depth)
