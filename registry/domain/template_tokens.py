"""Tokens of the template language: what stands between ``{{ }}``, ``{% %}`` and ``{# #}``.

MiniJinja gives no syntax tree, so what the gate has to know (includes, filters, calls) is read from tokens. The reader
follows MiniJinja's own lexer; where it cannot go on it stops and says so, and the string is refused: it may be
stricter than MiniJinja, never blinder.
"""

import re
from typing import NamedTuple

_MARK = re.compile(r"\{[{%#]")
_SPACE = r"[ \t\n\f\r]*"
_RAW = re.compile(rf"{_SPACE}raw{_SPACE}[-+]?%\}}")
_ENDRAW = re.compile(rf"\{{%[-+]?{_SPACE}endraw{_SPACE}[-+]?%\}}")
_TOKEN = re.compile(
    r"""(?P<space>[ \t\n\f\r]+)
    |(?P<name>[A-Za-z_\x80-\U0010ffff][0-9A-Za-z_\x80-\U0010ffff]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>0[xX][0-9a-fA-F_]+|0[oO][0-9_]+|0[bB][0-9_]+
        |[0-9][0-9_]*(?:\.(?![A-Za-z_\x80-\U0010ffff])[0-9_]*)?(?:[eE][-+]?[0-9][0-9_]*)?)
    |(?P<op>//|\*\*|==|!=|>=|<=|[-+*/%.,:~|=<>()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_DEPTH = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


class Token(NamedTuple):
    """One token: ``kind`` is begin (``{{``, ``{%``), end (``}}``, ``%}``), name, string, number or op.

    ``value`` is the text as it stands, quotes included; ``at`` its offset in characters. A begin token's ``at`` is
    where the tag begins, an end token's is where the text goes on.
    """

    kind: str
    value: str
    at: int


def read_tokens(source: str) -> tuple[list[Token], int | None]:
    """The tokens of all tags, in order, and the offset where reading had to stop (None: all was read).

    Comments and raw blocks leave no tokens.
    """
    tokens: list[Token] = []
    at = 0
    while (mark := _MARK.search(source, at)) is not None:
        begin, inside = mark.start(), mark.end()
        kind = mark.group()
        if source[inside : inside + 1] in {"-", "+"}:
            inside += 1
        if kind == "{#":
            end = source.find("#}", inside)
            if end < 0:
                return tokens, begin
            at = end + 2
        elif kind == "{%" and (raw := _RAW.match(source, inside)) is not None:
            closing = _ENDRAW.search(source, raw.end())
            if closing is None:
                return tokens, begin
            at = closing.end()
        else:
            tokens.append(Token("begin", kind, begin))
            at, whole = _read_tag(source, inside, "}}" if kind == "{{" else "%}", tokens)
            if not whole:
                return tokens, at
    return tokens, None


def _read_tag(source: str, at: int, end: str, tokens: list[Token]) -> tuple[int, bool]:
    """Appends one tag's tokens; gives the offset after the tag and True, or the offset of what cannot be read."""
    depth = 0
    while True:
        if depth == 0:
            if source.startswith(end, at):
                at += 2
                tokens.append(Token("end", end, at))
                return at, True
            if source.startswith(end, at + 1) and source[at] in "-+":
                at += 3
                tokens.append(Token("end", end, at))
                return at, True
        match = _TOKEN.match(source, at)
        if match is None:
            return at, False
        kind = match.lastgroup
        if kind != "space":
            value = match.group()
            if kind == "op":
                depth += _DEPTH.get(value, 0)
            elif kind == "name" and not value.isidentifier():
                return at, False
            tokens.append(Token(str(kind), value, at))
        at = match.end()
