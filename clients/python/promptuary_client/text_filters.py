# A copy of registry/domain/text_filters.py: change that one, then run python -m scripts.copies
"""The filters that print: ours, over canonical text, where MiniJinja's own would print Python's forms.

Each takes the value first, as MiniJinja hands it over, and raises ValueError for arguments that make no sense; the
renderer turns that into RenderFailed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from promptuary_client.canonical import canonical_json, canonical_text
from promptuary_client.engine_values import JsonList
from promptuary_client.template import Json

MAX_WIDTH = 1000
"""Of ``format`` directives, of ``indent`` and of ``tojson(indent=…)``."""

_DIRECTIVE = re.compile(
    r"%(?:\((?P<key>[^)]*)\))?(?P<flags>[-+ 0#]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?(?P<type>.)?"
)
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"})
_WORD_START = re.compile(r"(^|[-\s({\[<])(\w)")


def _join(value: Json, separator: Json = "", attribute: Json = None) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple, dict, str)):
        items = [_attribute(item, attribute) for item in value] if attribute is not None else [*value]
        return canonical_text(separator).join(map(canonical_text, items))
    raise ValueError("join takes a list")


def _attribute(item: Json, path: Json) -> Json:
    for name in canonical_text(path).split("."):
        if isinstance(item, Mapping) and name in item:
            item = item[name]
        elif isinstance(item, (list, tuple)) and name.isdecimal() and int(name) < len(item):
            item = item[int(name)]
        else:
            raise ValueError(f"an item has no attribute {name}")
    return item


def _format(value: Json, *values: Json, **named: Json) -> str:
    rest = iter(values)

    def directive(found: re.Match[str]) -> str:
        kind = found["type"]
        if kind == "%":
            return "%"
        if found["key"] is not None:
            if found["key"] not in named:
                raise ValueError(f"format has no value for %({found['key']})")
            argument = named[found["key"]]
        else:
            argument = next(rest, rest)
            if argument is rest:
                raise ValueError("format has more directives than values")
        return _directive(found, kind, argument)

    result = _DIRECTIVE.sub(directive, canonical_text(value))
    if next(rest, rest) is not rest:
        raise ValueError("format has more values than directives")
    return result


def _directive(found: re.Match[str], kind: str | None, argument: Json) -> str:
    if int(found["width"] or 0) > MAX_WIDTH or int(found["precision"] or 0) > MAX_WIDTH:
        raise ValueError(f"format takes widths up to {MAX_WIDTH}")
    precision = "" if found["precision"] is None else f".{found['precision']}"
    pattern = f"%{found['flags']}{found['width']}{precision}"
    if kind == "s":
        return f"{pattern}s" % canonical_text(argument)
    if kind is None or kind not in "dixXoeEfFgG":
        raise ValueError(f"format does not know %{kind or ''}")
    if isinstance(argument, (int, float)):
        return f"{pattern}{kind}" % argument
    raise ValueError(f"%{kind} takes a number")


def _tojson(value: Json, indent: Json = None) -> str:
    if indent is not None and (not isinstance(indent, int) or not 0 <= indent <= MAX_WIDTH):
        raise ValueError("tojson takes an indent from 0 to 1000")
    return canonical_json(value, indent)


def _capitalize(value: Json) -> str:
    text = canonical_text(value)
    return text[:1].upper() + text[1:].lower()


def _title(value: Json) -> str:
    return _WORD_START.sub(lambda found: found[1] + found[2].upper(), canonical_text(value).lower())


def _trim(value: Json, characters: Json = None) -> str:
    return canonical_text(value).strip(None if characters is None else canonical_text(characters))


def _replace(value: Json, old: Json, new: Json) -> str:
    return canonical_text(value).replace(canonical_text(old), canonical_text(new))


def _indent(value: Json, width: Json = 4, first: Json = False, blank: Json = False) -> str:
    if not isinstance(width, int) or not 0 <= width <= MAX_WIDTH:
        raise ValueError(f"indent takes a width from 0 to {MAX_WIDTH}")
    lines = canonical_text(value).split("\n")
    pad = " " * width
    return "\n".join(
        pad + line if (line.strip() or blank) and (index or first) else line for index, line in enumerate(lines)
    )


def _truncate(value: Json, length: Json = 255, killwords: Json = False, end: Json = "...") -> str:
    text, mark = canonical_text(value), canonical_text(end)
    if not isinstance(length, int) or length < len(mark):
        raise ValueError("truncate takes a length that holds at least the end mark")
    if len(text) <= length:
        return text
    cut = text[: length - len(mark)]
    if not killwords and " " in cut and text[len(cut)] != " ":
        cut = cut.rpartition(" ")[0]
    return cut + mark


TEXT_FILTERS: Mapping[str, Callable[..., Json]] = {
    "capitalize": _capitalize,
    "e": lambda value: canonical_text(value).translate(_ENTITIES),
    "escape": lambda value: canonical_text(value).translate(_ENTITIES),
    "format": _format,
    "indent": _indent,
    "join": _join,
    "lines": lambda value: JsonList(canonical_text(value).splitlines()),
    "lower": lambda value: canonical_text(value).lower(),
    "replace": _replace,
    "string": canonical_text,
    "title": _title,
    "tojson": _tojson,
    "trim": _trim,
    "truncate": _truncate,
    "upper": lambda value: canonical_text(value).upper(),
    "urlencode": lambda value: quote(canonical_text(value), safe="/"),
    "wordcount": lambda value: len(canonical_text(value).split()),
}
