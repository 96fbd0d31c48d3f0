"""JSON values as YAML text that people like to read: block style, texts of several lines as block scalars.

Anything that another reader could take for something else stands in double quotes. (ruamel writes the same in a
hundred times the time, which only pays where comments have to be kept.)
"""

import json
import re
from collections.abc import Iterator, Mapping

from registry.domain.template import Json
from registry.domain.yaml_scalars import resolve_plain

INDENT = "  "
WIDEST_LIST = 80
"""Characters of a list of plain words that stands in one line."""
LONGEST_KEY = 120
"""Characters; a longer key stands in a line of its own, as YAML demands above 1,024."""

_PLAIN = re.compile(r"[^\W\d](?:[\w./+()@'~$;!=<>-]|:(?=[\w/])| (?=[^ #]))*")
_IN_LIST = re.compile(r"[^\W\d][\w ./+-]*")
_WORDS_ELSEWHERE = frozenset({"y", "n", "yes", "no", "on", "off"})
"""What YAML 1.1 takes for true and false."""


def write_yaml(document: Mapping[str, Json]) -> str:
    """The text of a mapping; read again it gives the same.

    Raises ValueError for a number that JSON does not have, RecursionError for what is nested too deeply.
    """
    return "".join(_mapping(document, "")) if document else "{}\n"


def _mapping(value: Mapping[str, Json], indent: str) -> Iterator[str]:
    for key, item in value.items():
        shown = _scalar(key)
        head = f"{indent}{shown}:" if len(shown) <= LONGEST_KEY else f"{indent}? {shown}\n{indent}:"
        yield from _entry(head, item, indent)


def _list(value: list[Json], indent: str) -> Iterator[str]:
    for item in value:
        if isinstance(item, Mapping) and item:
            lines = "".join(_mapping(item, indent + INDENT))
            yield f"{indent}- {lines[len(indent) + len(INDENT) :]}"
        elif isinstance(item, list) and item and not _in_one_line(item):
            lines = "".join(_list(item, indent + INDENT))
            yield f"{indent}- {lines[len(indent) + len(INDENT) :]}"
        else:
            yield from _entry(f"{indent}-", item, indent)


def _entry(head: str, value: Json, indent: str) -> Iterator[str]:
    """A value after a key or a dash that stands at ``indent``."""
    if isinstance(value, Mapping) and value:
        yield f"{head}\n"
        yield from _mapping(value, indent + INDENT)
    elif isinstance(value, list) and value and not _in_one_line(value):
        yield f"{head}\n"
        yield from _list(value, indent + INDENT)
    elif isinstance(value, list) and value:
        yield f"{head} [{', '.join(value)}]\n"
    elif isinstance(value, str) and _is_block(value):
        yield f"{head} {_block(value, indent + INDENT)}"
    else:
        yield f"{head} {_scalar(value)}\n"


def _in_one_line(value: list[Json]) -> bool:
    words = all(isinstance(item, str) and _IN_LIST.fullmatch(item) and _is_plain(item) for item in value)
    return words and sum(len(item) + 2 for item in value) <= WIDEST_LIST


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list):
        return "[]"
    return json.dumps(value, allow_nan=False)


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text.lower() in _WORDS_ELSEWHERE:
        return False
    return text.isprintable() and isinstance(resolve_plain(text), str)


def _quoted(text: str) -> str:
    """In the quotes that leave it as it stands, where there are some: include tags must be found in the bytes."""
    if text.isprintable() and "'" not in text and ('"' in text or "\\" in text):
        return f"'{text}'"
    if text.isprintable():
        return json.dumps(text, ensure_ascii=False)
    return '"' + "".join(_escaped(sign) for sign in text) + '"'


def _escaped(sign: str) -> str:
    if sign.isprintable():
        return f"\\{sign}" if sign in '"\\' else sign
    code = ord(sign)
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(sign)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def _is_block(text: str) -> bool:
    """Whether a block scalar holds the text best: one of several lines, or with both kinds of quotes.

    It can hold nothing unseen, and has to begin with a sign of its own.
    """
    if not ("\n" in text or ("'" in text and '"' in text)) or text[0] in " \t\n":
        return False
    return text.replace("\n", "").replace("\t", "").isprintable()


def _block(text: str, indent: str) -> str:
    """A literal block scalar, from its mark on."""
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    mark = "|-" if not ends else "|" if ends == 1 else "|+"
    lines = "".join(f"{indent}{line}\n" if line else "\n" for line in body.split("\n"))
    return f"{mark}\n{lines}{chr(10) * max(0, ends - 1)}"
