"""What can be said of a string that does not compile: which tag is left open, and which variables it surely uses."""

import re

from registry.domain.template_tokens import Token

_BLOCKS = frozenset({"if", "for", "with", "filter", "macro", "call", "set"})
_BINDING_NOTHING = frozenset({"if", "elif", "else", "include"})
_MAY_BIND = re.compile(r"\b(?:for|set|with|macro|call|import|from)\b[^%{]*")
_WORD = re.compile(r"\w+")

Finding = tuple[str, int]
"""Message and offset in the string."""


def left_open(source: str, tokens: list[Token], stopped: int | None) -> list[Finding]:
    """What is still open where a string ends, each at its opening; ``stopped`` is where its tokens could not be read.

    Right for a string in which the compiler found no fault before its end.
    """
    if stopped is None:
        return [
            (f"the tag {word} is not closed: write {{% end{word} %}} where it ends", at) for word, at in _open(tokens)
        ]
    if source.startswith("{#", stopped):
        return [("this comment is not ended: write #} where it ends", stopped)]
    if source.startswith("{%", stopped):
        return [("the tag raw is not closed: write {% endraw %} where it ends", stopped)]
    if stopped == len(source):
        begin = next(token for token in reversed(tokens) if token.kind == "begin")
        end = "}}" if begin.value == "{{" else "%}"
        return [(f"this tag is not ended: write {end} where it ends", begin.at)]
    if source[stopped] in "\"'":
        return [(f"this quoted text is not ended: write {source[stopped]} where it ends", stopped)]
    return []


def left_open_before(tokens: list[Token], at: int) -> list[Finding]:
    """The blocks that a closing word at an offset comes too early for, as it closes one around them."""
    for index, token in enumerate(tokens):
        if token.at == at and index and tokens[index - 1].value == "{%":
            blocks = _open(tokens[: index - 1])
            around = [place for place, (word, _) in enumerate(blocks) if token.value == f"end{word}"]
            inner = blocks[around[-1] + 1 :] if around else []
            return [
                (f"the tag {word} is not closed: write {{% end{word} %}} before {{% {token.value} %}}", begin)
                for word, begin in inner
            ]
    return []


def sure_uses(source: str, tokens: list[Token], stopped: int | None) -> set[str]:
    """The names that stand as ``{{ name }}`` (with a filter or attribute or none) and that nothing here can bind.

    What a tag with a fault would bind cannot be known, so every name counts as bound that stands in a tag other than
    a condition (be it run together with another word), in a quoted text, behind a word such as ``for`` anywhere, or
    where reading had to stop.
    """
    hidden = [source[stopped:]] if stopped is not None else []
    hidden += _MAY_BIND.findall(source)
    tags: list[str] = []
    found: set[str] = set()
    word = ""
    for index, token in enumerate(tokens):
        if token.kind == "begin":
            word = tokens[index + 1].value if token.value == "{%" and index + 1 < len(tokens) else ""
            if token.value == "{{" and index + 2 < len(tokens) and tokens[index + 1].kind == "name":
                after = tokens[index + 2]
                if after.kind == "end" or after.value in {"|", "."}:
                    found.add(tokens[index + 1].value)
        elif token.kind == "string":
            hidden.append(token.value)
        elif word and word not in _BINDING_NOTHING:
            tags.append(token.value)
    bound = " ".join(tags)
    return {name for name in found.difference(*map(_WORD.findall, hidden)) if name not in bound}


def _open(tokens: list[Token]) -> list[tuple[str, int]]:
    """The blocks that are open after the last token, outermost first: word and offset of the tag."""
    blocks: list[tuple[str, int]] = []
    for index, token in enumerate(tokens[:-1]):
        if token.value != "{%" or token.kind != "begin":
            continue
        word = tokens[index + 1].value
        if word in _BLOCKS and not (word == "set" and _assigns(tokens, index)):
            blocks.append((word, token.at))
        elif word.startswith("end") and blocks and word == f"end{blocks[-1][0]}":
            blocks.pop()
    return blocks


def _assigns(tokens: list[Token], begin: int) -> bool:
    """Whether a ``set`` tag gives the value itself (``{% set x = 1 %}``), so that nothing closes it."""
    for token in tokens[begin:]:
        if token.kind == "end":
            return False
        if token.kind == "op" and token.value == "=":
            return True
    return False
