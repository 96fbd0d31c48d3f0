"""Texts of other tools as template strings: variables renamed, references made includes, all else as it stands.

A text is read into pieces first, so that what is literal there stays literal here, braces too.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from registry.domain.ids import TemplateName
from registry.domain.importing.imported import Syntax
from registry.domain.wording import shown


class PieceKind(Enum):
    """What a piece of a text is."""

    LITERAL = "literal"
    VARIABLE = "variable"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text; ``raw`` is how it stood there, ``name`` the variable's or the other prompt's name."""

    kind: PieceKind
    raw: str
    name: str = ""


_NAME = r"\w[^{}\"'\n\r\t<>:;,()\[\]|=\\]*"
_VARIABLE = re.compile(rf"\{{\{{\{{\s*({_NAME}?)\s*\}}\}}\}}|\{{\{{\s*({_NAME}?)\s*\}}\}}")
_IN_TWO_BRACES = re.compile(rf"\{{\{{\s*({_NAME}?)\s*\}}\}}")
_REFERENCE = re.compile(r"@@@langfusePrompt:name=([^|@\n]+)(?:\|[^@\n]*)?@@@")
_TAG = re.compile(r"\{\{[^{}\n]{0,200}\}\}")
_OPENING = re.compile(r"\{+(?=[%#])|\{{2,}")
_TAIL = re.compile(r"\{+\Z")


def read_pieces(text: str, syntax: Syntax) -> list[Piece]:
    """The pieces of a text in order; together their ``raw`` is the text. Jinja's texts are not read so."""
    if syntax is Syntax.PLAIN or syntax is Syntax.JINJA:
        return [Piece(PieceKind.LITERAL, text)] if text else []
    return list(_pieces(text, syntax))


def _pieces(text: str, syntax: Syntax) -> Iterator[Piece]:
    at = 0
    for kind, found in _found(text, syntax):
        if found.start() < at:
            continue
        if found.start() > at:
            yield Piece(PieceKind.LITERAL, text[at : found.start()])
        yield Piece(kind, found[0], next(filter(None, found.groups())).strip())
        at = found.end()
    if at < len(text):
        yield Piece(PieceKind.LITERAL, text[at:])


def _found(text: str, syntax: Syntax) -> list[tuple[PieceKind, re.Match[str]]]:
    variable = _IN_TWO_BRACES if syntax is Syntax.BRACES else _VARIABLE
    found = [(PieceKind.VARIABLE, each) for each in variable.finditer(text)]
    if syntax is Syntax.LANGFUSE:
        found += [(PieceKind.REFERENCE, each) for each in _REFERENCE.finditer(text)]
    return sorted(found, key=lambda each: each[1].start())


def literal_tags(pieces: list[Piece]) -> list[str]:
    """What looks like a tag of the source and stays as text: sections, helpers, partials."""
    return [tag for each in pieces if each.kind is PieceKind.LITERAL for tag in _TAG.findall(each.raw)]


def tag_notes(pieces: list[Piece]) -> list[str]:
    """What to say of the tags that stay as text."""
    tags = list(dict.fromkeys(literal_tags(pieces)))
    return [f"{shown(tag)} names no plain variable and stays as text" for tag in tags[:10]]


def escape_literal(text: str, *, before_tag: bool = False) -> str:
    """Text that renders to itself, wherever it stands; ``before_tag`` says that a tag follows it directly."""
    if "{" not in text:
        return text
    escaped = _OPENING.sub(lambda found: f'{{{{ "{found[0]}" }}}}', text)
    if before_tag and escaped.endswith("{"):
        escaped = _TAIL.sub(lambda found: f'{{{{ "{found[0]}" }}}}', escaped)
    return escaped


def write_pieces(pieces: list[Piece], variable: Callable[[str], str], includes: Mapping[str, TemplateName]) -> str:
    """The template string. A reference to what ``includes`` does not name stays as text."""
    written: list[str] = []
    pending = ""
    for each in pieces:
        include = includes.get(each.name) if each.kind is PieceKind.REFERENCE else None
        if each.kind is PieceKind.LITERAL or (each.kind is PieceKind.REFERENCE and include is None):
            pending += each.raw
            continue
        written.append(escape_literal(pending, before_tag=True))
        pending = ""
        written.append(f'{{% include "{include}" %}}' if include else f"{{{{ {variable(each.name)} }}}}")
    return "".join([*written, escape_literal(pending)])
