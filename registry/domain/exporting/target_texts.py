"""Template strings in the languages of other tools: includes made references or taken in, plain variables kept.

What a language cannot say stays as it is, and a note tells so.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from registry.domain.ids import TemplateName
from registry.domain.importing.imported import Syntax
from registry.domain.importing.source_texts import Piece, PieceKind, read_pieces
from registry.domain.language import scan
from registry.domain.template_tokens import read_tokens
from registry.domain.template_words import RESERVED
from registry.domain.wording import shown

MOST_INLINED = 1_000_000
"""Characters of one text with all that it includes; more stays an include."""
_PLAIN_TAG = re.compile(r"""\{\{\s*(?:(\w+)|"([^"\\]*)"|'([^'\\]*)')\s*\}\}""")
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_PATH_TAG = re.compile(r"\{\{\s*\w+(?:\.\w+)+\s*\}\}")
_MARK = re.compile(r"\{[{%#]")
_UNREFERABLE = re.compile(r"[|@\n]")


@dataclass(frozen=True, slots=True)
class Language:
    """How a tool's texts are written: ``tool`` is its name for people.

    ``paths`` says whether it knows ``{{ order.id }}``.
    """

    tool: str
    syntax: Syntax
    paths: bool = False


@dataclass(slots=True)
class TextWriter:
    """Writes the texts of one state. ``partials`` are the texts of all that it includes.

    ``pin`` says which state of a partial a reference names, None where there is none to refer to. Only what is
    ``wanted`` is taken in.
    """

    language: Language
    partials: Mapping[TemplateName, str]
    pin: Callable[[TemplateName], str | None]
    notes: list[str]
    wanted: Callable[[TemplateName], bool] = bool

    def write(self, text: str) -> str:
        """The text as the tool has it."""
        if self.language.syntax is Syntax.LANGFUSE:
            written = self._with_includes(text, self._reference)
        else:
            written = self._with_includes(text, self._inlined)
        return written if self.language.syntax is Syntax.JINJA else self._plain(written)

    def _with_includes(self, text: str, replaced: Callable[[TemplateName, int], str | None], depth: int = 0) -> str:
        """The text with something in place of its include tags; what a tag trims is trimmed."""
        written, at = "", 0
        for include in scan(text).includes:
            given = replaced(include.name, depth)
            if given is None:
                continue
            before = text[at : include.begin]
            written += (before.rstrip() if text.startswith("{%-", include.begin) else before) + given
            at = include.end
            if text.startswith("-%}", at - 3):
                at += len(text[at:]) - len(text[at:].lstrip())
        return written + text[at:]

    def _reference(self, name: TemplateName, depth: int) -> str | None:
        state = None if _UNREFERABLE.search(name) else self.pin(name)
        if state is None:
            self.notes.append(f"{name} cannot be referred to in the state that is included, so its text is taken in")
            return self._inlined(name, depth)
        return f"@@@langfusePrompt:name={name}|{state}@@@"

    def _inlined(self, name: TemplateName, depth: int) -> str | None:
        if not self.wanted(name):
            return None
        text = self.partials.get(name)
        if text is None or depth > 50 or len(text) > MOST_INLINED:
            self.notes.append(f"{name} is not there to be taken in, so its include stays")
            return None
        inner = self._with_includes(text, self._inlined, depth + 1)
        if scan(text).assigned:
            self.notes.append(f"what {name} names by set or macro can be seen in all of the text that takes it in")
        return inner

    def _plain(self, text: str) -> str:
        pieces = plain_pieces(text, self.language.syntax)
        if pieces is None:
            tags = [tag for tag in dict.fromkeys(_TAG.findall(text)) if not _is_plain(tag)]
            if self.language.paths and tags and all(map(_PATH_TAG.fullmatch, tags)):
                return text
            told = ", ".join(map(shown, tags[:3])) + (" and others" if len(tags) > 3 else "")
            self.notes.append(
                f"{self.language.tool} does not know {told or 'what stands in it'}: the text stays as it is"
            )
            return text
        return "".join(each.raw for each in pieces)


def plain_pieces(text: str, syntax: Syntax) -> list[Piece] | None:
    """The text as plain variables, references and literal text; None where it says more, or would be read otherwise."""
    tokens, stopped = read_tokens(text)
    if stopped is not None:
        return None
    begins = [token.at for token in tokens if token.kind == "begin"]
    ends = [token.at for token in tokens if token.kind == "end"]
    pieces: list[Piece] = []
    at = 0
    for begin, end in zip(begins, ends, strict=True):
        tag = _PLAIN_TAG.fullmatch(text, begin, end)
        if tag is None or tag[1] in RESERVED or _MARK.search(text, at, begin):
            return None
        pieces.append(Piece(PieceKind.LITERAL, text[at:begin]))
        literal = tag[2] if tag[2] is not None else tag[3]
        if literal is not None:
            pieces.append(Piece(PieceKind.LITERAL, literal))
        else:
            pieces.append(Piece(PieceKind.VARIABLE, f"{{{{{tag[1]}}}}}", tag[1]))
        at = end
    if _MARK.search(text, at):
        return None
    pieces = _joined([*pieces, Piece(PieceKind.LITERAL, text[at:])], syntax)
    return pieces if pieces == read_pieces("".join(each.raw for each in pieces), syntax) else None


def _joined(pieces: list[Piece], syntax: Syntax) -> list[Piece]:
    """Literal pieces that stand side by side as one, with the references in them apart."""
    found: list[Piece] = []
    pending = ""
    for each in [*pieces, None]:
        if each is not None and each.kind is PieceKind.LITERAL:
            pending += each.raw
            continue
        if pending:
            apart = read_pieces(pending, syntax) if syntax is Syntax.LANGFUSE else []
            found += (
                apart
                if all(p.kind is not PieceKind.VARIABLE for p in apart) and apart
                else [Piece(PieceKind.LITERAL, pending)]
            )
            pending = ""
        if each is not None:
            found.append(each)
    return found


def _is_plain(tag: str) -> bool:
    found = _PLAIN_TAG.fullmatch(tag)
    return found is not None and found[1] not in RESERVED
