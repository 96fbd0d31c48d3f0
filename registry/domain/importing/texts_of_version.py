"""A version's texts as template strings, with the variables that they take and what could not be kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.domain.ids import TemplateName
from registry.domain.importing.imported import Imported, ImportedVersion, Slot, Speech, Syntax
from registry.domain.importing.remainders import carried_includes
from registry.domain.importing.source_names import VariableKey
from registry.domain.importing.source_texts import (
    PieceKind,
    escape_literal,
    read_pieces,
    tag_notes,
    write_pieces,
)
from registry.domain.includes import raw_includes
from registry.domain.language import scan
from registry.domain.template import Json, TemplateType

_ROLES = {"system", "developer", "user", "assistant"}
_OTHER_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "bot": "assistant"}
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Naming:
    """What the things that a prompt names are called here.

    ``includes`` holds the prompts that it may refer to; ``inherited`` which variables each of those takes, with all
    that it refers to, in any of its versions: True for those that all of them take.
    """

    variables: Mapping[VariableKey, str]
    includes: Mapping[str, TemplateName] = field(default_factory=dict)
    inherited: Mapping[str, Mapping[VariableKey, bool]] = field(default_factory=dict)


@dataclass(slots=True)
class Texts:
    """``body`` is what stands under ``text`` or ``messages``; ``used`` the variables of its own, in order."""

    body: Json = None
    used: dict[VariableKey, None] = field(default_factory=dict)
    references: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    literal: bool = False
    """Whether a text whose tags have no counterpart here stands as it is, unrendered: such a template is a draft."""


def clean(text: str) -> str:
    """Text that a file can hold."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def keys_of(prompt: Imported) -> set[VariableKey]:
    """Every variable that a version of a prompt takes itself."""
    return {key for version in prompt.versions for key in keys_of_version(version)}


def references_of(version: ImportedVersion) -> set[str]:
    """The prompts that a version refers to, or whose text it had taken in when it was exported."""
    if version.template is not None:
        return set(raw_includes(version.template))
    texts = [version.body] if isinstance(version.body, str) else [p.text for p in version.body if isinstance(p, Speech)]
    pieces = (piece for text in texts for piece in read_pieces(clean(text), version.syntax))
    carried = carried_includes(version.remainder) if version.remainder is not None else ()
    return {piece.name for piece in pieces if piece.kind is PieceKind.REFERENCE}.union(carried)


def is_text(version: ImportedVersion) -> bool:
    """Whether a version becomes a template of type text, which others can include."""
    if version.remainder is not None:
        return version.remainder.template.get("type") == TemplateType.TEXT
    return isinstance(version.body, str)


def keys_of_version(version: ImportedVersion) -> set[VariableKey]:
    """Every variable that a version takes itself."""
    if isinstance(version.body, str):
        return _keys_in(version.body, version.syntax)
    found: set[VariableKey] = set()
    for part in version.body:
        found |= {(True, part.variable)} if isinstance(part, Slot) else _keys_in(part.text, version.syntax)
    return found


def _keys_in(text: str, syntax: Syntax) -> set[VariableKey]:
    if syntax is Syntax.JINJA:
        return {(False, name) for name in scan(clean(text)).uses}
    pieces = read_pieces(clean(text), syntax)
    return {(False, piece.name) for piece in pieces if piece.kind is PieceKind.VARIABLE}


def write_texts(version: ImportedVersion, naming: Naming) -> Texts:
    """The body of a template for a version. Text in Jinja's syntax that is not allowed here stays as literal text."""
    texts = Texts()
    if isinstance(version.body, str):
        texts.body = write_text(version.body, version.syntax, naming, texts)
        return texts
    messages: list[Json] = []
    for part in version.body:
        if isinstance(part, Slot):
            texts.used[True, part.variable] = None
            messages.append({"placeholder": naming.variables[True, part.variable]})
        else:
            messages.append(_message(part, version.syntax, naming, texts))
    texts.body = messages
    return texts


def _message(part: Speech, syntax: Syntax, naming: Naming, texts: Texts) -> Json:
    role = role_of(part)
    if role != part.role:
        texts.notes.append(f"messages of the role {part.role!r} are of the role {role} here")
    return {"role": role, "content": write_text(part.text, syntax, naming, texts)}


def role_of(part: Speech) -> str:
    """The role that a message has here."""
    return part.role if part.role in _ROLES else _OTHER_ROLES.get(part.role.lower(), "user")


def write_text(text: str, syntax: Syntax, naming: Naming, texts: Texts) -> str:
    """A text as a template string; ``texts`` takes what it uses and what to say of it."""
    cleaned = clean(text)
    if cleaned != text:
        texts.notes.append("NUL or half of a surrogate pair, which no file can hold, became U+FFFD")
    if syntax is Syntax.JINJA:
        return _write_jinja(cleaned, naming, texts)
    pieces = read_pieces(cleaned, syntax)
    told = tag_notes(pieces) if syntax is not Syntax.PLAIN else []
    texts.notes += told
    if told and syntax is Syntax.HANDLEBARS:  # within its blocks even plain names may mean something else
        texts.literal = True
        texts.notes.append("such a text stays as it is, unrendered, and the template is a draft")
        return escape_literal(cleaned)
    for piece in pieces:
        if piece.kind is PieceKind.VARIABLE:
            texts.used[False, piece.name] = None
        elif piece.kind is PieceKind.REFERENCE:
            _refer(piece.name, piece.raw, naming, texts)
    return write_pieces(pieces, lambda name: naming.variables[False, name], naming.includes)


def _refer(name: str, raw: str, naming: Naming, texts: Texts) -> None:
    if name in naming.includes:
        texts.references[name] = None
        texts.notes.append(f"{raw} includes the newest version of {naming.includes[name]}, whatever it names")
    else:
        texts.notes.append(
            f"{raw} stays as text: no text prompt of that name comes along, or they go round in a circle"
        )


def _write_jinja(text: str, naming: Naming, texts: Texts) -> str:
    found = scan(text)
    problem = found.issues[0].message if found.issues else "it includes another file" if found.includes else None
    renamed = [name for name in found.uses if naming.variables[False, name] != name]
    if problem is None and renamed:
        problem = f"{renamed[0]} cannot be the name of a variable"
    if problem is None:
        texts.used |= {(False, name): None for name in found.uses}
        return text
    texts.literal = True
    texts.notes.append(f"a text stays as it is, unrendered, and the template is a draft: {problem}")
    return escape_literal(text)
