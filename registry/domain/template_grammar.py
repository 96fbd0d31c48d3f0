"""What one template string may say: the closed lists applied to its tokens."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from registry.domain.names import check_name
from registry.domain.template_tokens import Token
from registry.domain.template_words import (
    CLOSING_TAGS,
    FILTERS,
    FUNCTIONS,
    LOOP_METHODS,
    NAME_TAKING_FILTERS,
    REFUSED_TAGS,
    TAGS,
    TESTS,
)

_BEFORE_PARENTHESIS = frozenset({"and", "or", "not", "in", "if", "else", "elif", "is", "recursive"})
_INCLUDE_FORM = 'write exactly {% include "folder/name" %}'
_END = Token("end", "", -1)

Finding = tuple[str, str, int]
"""Rule, message, and the offset in the string."""


@dataclass(slots=True)
class Reading:
    """What the tokens of one string say. ``includes`` are (name, begin, end) in characters, tag and all."""

    findings: list[Finding] = field(default_factory=list)
    includes: list[tuple[str, int, int]] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    reassigned: set[str] = field(default_factory=set)


_ENOUGH = 200
"""Reading stops after so many findings: a text full of faults must not keep the gate busy."""


def nearest(word: str, known: Collection[str]) -> str:
    """A hint at the known word that is most like this one, or at the page that lists them."""
    found = difflib.get_close_matches(word, known, 1)
    return f"did you mean {found[0]}?" if found else "docs/template-language.md lists what there is"


def read_grammar(tokens: list[Token]) -> Reading:
    """Applies the lists to all tokens of a string."""
    reading = Reading()
    macros = _macros(tokens)
    at = 0
    while at < len(tokens) and len(reading.findings) < _ENOUGH:
        end = at + 1
        while end < len(tokens) and tokens[end].kind != "end":
            end += 1
        _Tag(tokens[at : end + 1], macros, reading).check()
        at = end + 1
    return reading


def _macros(tokens: list[Token]) -> frozenset[str]:
    """The names that this string's macros have, and what may be called because of them."""
    names = {
        tokens[i + 2].value
        for i in range(len(tokens) - 2)
        if tokens[i].kind == "begin" and tokens[i + 1].value == "macro" and tokens[i].value == "{%"
    }
    return frozenset(names | {"caller"} if names else names)


class _Tag:
    """One tag's tokens, from begin to end."""

    def __init__(self, tokens: list[Token], macros: frozenset[str], reading: Reading) -> None:
        self.tokens = tokens
        self.macros = macros
        self.reading = reading
        self.word = tokens[1].value if tokens[0].value == "{%" and len(tokens) > 1 else ""

    def find(self, rule: str, message: str, token: Token) -> None:
        self.reading.findings.append((rule, message, token.at))

    def at(self, index: int) -> Token:
        return self.tokens[index] if 0 <= index < len(self.tokens) else _END

    def check(self) -> None:
        if self.word and not self._tag_word():
            return
        if self.word == "include":
            self._include()
            return
        if self.word == "set":
            self._assignment()
        for index in range(1, len(self.tokens)):
            token = self.tokens[index]
            if token.kind == "name":
                self._name(index, token)
            elif token.kind == "op":
                self._operator(index, token)

    def _tag_word(self) -> bool:
        word = self.word
        if word in TAGS or word in CLOSING_TAGS:
            return True
        if self.tokens[1].kind != "name" or word.removeprefix("end") in REFUSED_TAGS.keys() - {word}:
            return True  # MiniJinja, or the opening tag's finding, says what is wrong
        way_out = REFUSED_TAGS.get(word) or nearest(word, [*TAGS, *CLOSING_TAGS])
        self.find("tag-not-allowed", f"the tag {word} is not part of the template language: {way_out}", self.tokens[0])
        return False

    def _include(self) -> None:
        begin, literal = self.tokens[0], self.at(2)
        if literal.kind != "string" or self.at(3).kind != "end":
            self.find("include-form", f"an include takes one quoted name and nothing else: {_INCLUDE_FORM}", begin)
            return
        name = literal.value[1:-1]
        if "\\" in name or "\n" in name or '"' in name or "'" in name:
            self.find("include-form", f"no backslash, quote or line break in a name: {_INCLUDE_FORM}", literal)
            return
        problem = check_name(name)
        if problem:
            self.find("include-form", f"{name!r} is no template name: {problem}", literal)
            return
        self.reading.includes.append((name, begin.at, self.tokens[3].at))

    def _assignment(self) -> None:
        """Notes ``set`` targets, and those that stand on their own right side (``set x = x + 1``)."""
        split = next((i for i, t in enumerate(self.tokens) if t.value == "=" and t.kind == "op"), None)
        stop = len(self.tokens) if split is None else split
        targets = {
            token.value
            for i, token in enumerate(self.tokens[2:stop], 2)
            if token.kind == "name" and self.at(i + 1).value != "." and self.at(i - 1).value not in {".", "|"}
        }
        self.reading.assigned |= targets
        if split is not None:
            for i in range(split + 1, len(self.tokens)):
                token = self.tokens[i]
                if token.kind == "name" and token.value in targets and self.at(i - 1).value not in {".", "|", "is"}:
                    self.reading.reassigned.add(token.value)

    def _operator(self, index: int, token: Token) -> None:
        if token.value == "~":
            message = "~ is not part of the template language: write the values side by side, {{ a }}{{ b }}"
            self.find("operator-not-allowed", message, token)
        elif token.value == "(":
            before = self.at(index - 1)
            if before.kind == "string" or (before.kind == "op" and before.value in {")", "]", "}"}):
                self.find("function-unknown", "only the listed functions and macros can be called", token)

    def _name(self, index: int, token: Token) -> None:
        before, after = self.at(index - 1), self.at(index + 1)
        if (before.kind == "op" and before.value == "|") or (self.word == "filter" and index == 2):
            self._filter(index, token)
        elif self._is_test(index):
            self._listed("test", TESTS, token)
        elif before.kind == "op" and before.value == ".":
            self._member(index, token, after)
        elif after.kind == "op" and after.value == "(":
            self._call(index, token)
        elif token.value in FUNCTIONS and not (after.kind == "op" and after.value == "="):
            self.find("function-unknown", f"{token.value} is a function: call it, {token.value}(…)", token)

    def _is_test(self, index: int) -> bool:
        before = self.at(index - 1)
        if before.kind != "name":
            return False
        if before.value == "not" and index >= 2:
            if self.at(index - 2).value != "is":
                return False
            operator = index - 2
        elif before.value == "is" and self.at(index).value != "not":
            operator = index - 1
        else:
            return False
        return self.at(operator - 1).value != "."

    def _filter(self, index: int, token: Token) -> None:
        if not self._listed("filter", FILTERS, token):
            return
        taking = NAME_TAKING_FILTERS.get(token.value)
        if taking is None or self.at(index + 1).value != "(":
            return
        kind, position = taking
        literal = self.at(index + 2 + 2 * position)
        if literal.kind == "string" and self.at(index + 3 + 2 * position).value in {",", ")"}:
            known = FILTERS if kind == "filter" else TESTS
            name = literal.value[1:-1]
            if name not in known:
                self._unlisted(kind, name, known, literal)

    def _listed(self, kind: str, known: Mapping[str, str], token: Token) -> bool:
        if token.value in known:
            return True
        self._unlisted(kind, token.value, known, token)
        return False

    def _unlisted(self, kind: str, name: str, known: Mapping[str, str], token: Token) -> None:
        self.find(f"{kind}-unknown", f"there is no {kind} {name!r}: {nearest(name, known)}", token)

    def _member(self, index: int, token: Token, after: Token) -> None:
        if after.kind != "op" or after.value != "(":
            return
        if token.value in LOOP_METHODS and self.at(index - 2).value == "loop":
            return
        if token.value in FILTERS:
            way_out = f"use the filter, {{{{ x|{token.value} }}}}"
        else:
            way_out = "docs/template-language.md lists the filters"
        self.find("function-unknown", f"values have no methods, so .{token.value}() cannot be called: {way_out}", token)

    def _call(self, index: int, token: Token) -> None:
        name = token.value
        if name in FUNCTIONS or name in self.macros or name in _BEFORE_PARENTHESIS or name == "loop":
            return
        if self.word and index == 1:
            return  # the tag's own word
        if name == "debug":
            self.find("function-unknown", "debug would print every value and is not part of the language", token)
            return
        known = {*FUNCTIONS, *self.macros}
        self.find("function-unknown", f"there is no function or macro {name!r}: {nearest(name, known)}", token)
