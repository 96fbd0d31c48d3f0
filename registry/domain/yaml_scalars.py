"""Plain scalars as YAML 1.2's core schema reads them, within what JSON can say.

``no``, ``on``, ``12:30``, ``2020-01-01`` and ``1_000`` are strings; ``1.10`` is a number, ``012`` is twelve.
"""

import math
import re

from registry.domain.template import Json

CORE_FIRST = frozenset("~nNtTfF-+.0123456789")
"""A plain scalar that begins with anything else is a string."""

_CORE = re.compile(
    r"(?P<int>[-+]?[0-9]+)"
    r"|(?P<octal>0o[0-7]+)"
    r"|(?P<hexadecimal>0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<infinite>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_WORDS = {
    "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMERIC_FIRST = frozenset("-+.0123456789")
_LONGEST_INTEGER = 25
_INT64 = 1 << 63


class NumberOutOfRange(ValueError):
    """The number is one that JSON or a 64-bit integer cannot hold."""


def resolve_plain(text: str) -> Json:
    """What a plain (unquoted) scalar says. Raises NumberOutOfRange."""
    if not text:
        return None
    if text[0] not in _NUMERIC_FIRST:
        return _WORDS.get(text, text)
    found = _CORE.fullmatch(text)
    return text if found is None else _number(text, str(found.lastgroup))


def _number(text: str, kind: str) -> Json:
    if kind == "infinite":
        raise NumberOutOfRange
    if kind == "float":
        number = float(text)
        if not math.isfinite(number):
            raise NumberOutOfRange
        return number
    if len(text) > _LONGEST_INTEGER:  # converting a long run of digits takes quadratic time
        raise NumberOutOfRange
    base = {"int": 10, "octal": 8, "hexadecimal": 16}[kind]
    integer = int(text, 10) if base == 10 else int(text[2:], base)
    if not -_INT64 <= integer < _INT64:
        raise NumberOutOfRange
    return integer
