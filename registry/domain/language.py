"""The template language: what the gate wants to know of one template string, without rendering it.

``scan`` reads a string's tags (``template_grammar``), then lets MiniJinja compile it, so that what is published here
is both inside the closed lists and something that the renderer accepts.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from minijinja import Environment, TemplateError

from registry.domain.ids import TemplateName
from registry.domain.template_blocks import left_open, left_open_before, sure_uses
from registry.domain.template_grammar import read_grammar
from registry.domain.template_tokens import Token, read_tokens
from registry.domain.template_words import FUNCTIONS, RESERVED

_CACHED_LENGTH = 8192
"""Longer strings are scanned each time: the cache is bounded in entries, and this bounds its bytes."""

MAX_TAG_TOKENS = 1_000
MAX_ELIFS = 200
"""Per tag and per string. MiniJinja's compiler goes down one level of the stack for each operator of a chain and for
each elif, without a limit of its own: some ten thousand of them end the process."""

_PROBE = "promptuary_site_"
_AT_THE_END = tuple(f"unexpected end of {what}" for what in ("input", "string", "comment", "raw block"))
"""How MiniJinja begins where the text ended too early; an "end of block" is that of a tag."""


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong at a place of the string; line and column count from 1."""

    rule: str
    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Include:
    """An include tag: the name, its place (from 1), and where the tag begins and ends in characters (from 0)."""

    name: TemplateName
    line: int
    column: int
    begin: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """What one string says.

    ``uses`` maps each variable that it takes from outside to the place of its first use. ``assigned`` are the names
    that a ``set`` tag makes anywhere in it. With issues, ``uses`` may be incomplete, but what it names is used.
    """

    includes: tuple[Include, ...] = ()
    issues: tuple[Issue, ...] = ()
    uses: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    assigned: frozenset[str] = frozenset()


_PLAIN = Scan()


def scan(source: str) -> Scan:
    """Reads one template string. Never raises, never renders; the answer is cached by the text."""
    if "{" not in source or ("{{" not in source and "{%" not in source and "{#" not in source):
        return _PLAIN
    if len(source) > _CACHED_LENGTH:
        return _scan(source)
    return _scan_cached(source)


@functools.lru_cache(maxsize=4096)
def free_at_includes(source: str, needs: tuple[frozenset[str], ...]) -> tuple[frozenset[str], ...]:
    """Which names are free (not bound by set, for, with, macro) at each include tag of a string.

    ``needs`` names, for each include in order, the variables to ask for. A name that the string assigns by ``set``
    anywhere counts as bound: whether it is at this point only rendering can tell.
    """
    found = scan(source)
    pieces: list[str] = []
    at = 0
    for index, (include, names) in enumerate(zip(found.includes, needs, strict=True)):
        pieces.append(source[at : include.begin])
        pieces.extend(f"{{{{ {name}.{_PROBE}{index} }}}}" for name in sorted(names))
        at = include.end
    pieces.append(source[at:])
    free: list[set[str]] = [set() for _ in needs]
    for path in _environment().undeclared_variables_in_str("".join(pieces), nested=True):
        name, dot, probe = path.rpartition(f".{_PROBE}")
        if dot and name not in found.assigned:
            free[int(probe)].add(name)
    return tuple(map(frozenset, free))


@functools.cache
def _environment() -> Environment:
    return Environment(undefined_behavior="strict", debug=False)


def _scan(source: str) -> Scan:
    tokens, stopped = read_tokens(source)
    reading = read_grammar(tokens)
    findings = list(reading.findings)
    lines = {_place(source, at)[0] for _, _, at in findings}
    free: set[str] = set()
    broken = False
    too_long = _too_long(tokens)
    if too_long is not None:
        return Scan(issues=(Issue("template-syntax", too_long[0], *_place(source, too_long[1])),))
    try:
        free = _environment().undeclared_variables_in_str(
            source if stopped is None else source[: stopped + MAX_TAG_TOKENS]  # what was not read was not measured
        )
    except TemplateError as error:
        open_tags = _left_open(source, tokens, stopped, error)
        findings += [("template-syntax", *each) for each in open_tags]
        at = _offset(source, error)
        if not open_tags and _place(source, at)[0] not in lines:
            findings.append(("template-syntax", f"{_detail(error)}: correct the tag", at))
        broken, free = True, sure_uses(source, tokens, stopped)
    except Exception as error:  # noqa: BLE001 - a panic of the compiler is a refusal of this text, not of the server
        findings.append(("template-syntax", f"the template cannot be compiled ({type(error).__name__})", 0))
    else:
        if stopped is not None:
            findings.append(("template-syntax", "this tag cannot be read: write it more plainly", stopped))
    firsts = _first_uses(tokens)
    called = {at for rule, _, at in findings if rule == "function-unknown"}
    free = {name for name in free - reading.assigned - FUNCTIONS.keys() - RESERVED if firsts.get(name) not in called}
    if not broken:
        free |= reading.reassigned & firsts.keys()
    includes = tuple(
        Include(TemplateName(name), *_place(source, begin), begin, end) for name, begin, end in reading.includes
    )
    return Scan(
        includes,
        tuple(Issue(rule, message, *_place(source, at)) for rule, message, at in sorted(findings, key=lambda f: f[2])),
        {name: _place(source, firsts.get(name, 0)) for name in sorted(free)},
        frozenset(reading.assigned),
    )


def _left_open(source: str, tokens: list[Token], stopped: int | None, error: TemplateError) -> list[tuple[str, int]]:
    """The tags that are open where the compiler meets the end of the text or of a block around them."""
    if _detail(error).startswith(_AT_THE_END):
        return left_open(source, tokens, stopped)
    if _detail(error).startswith("unknown statement end"):
        return left_open_before(tokens, _offset(source, error))
    return []


def _too_long(tokens: list[Token]) -> tuple[str, int] | None:
    """What must not reach the compiler, as (message, offset), or None."""
    begin = elifs = 0
    for index, token in enumerate(tokens):
        if token.kind == "begin":
            begin = index
        elif index - begin > MAX_TAG_TOKENS:
            return f"this tag has more than {MAX_TAG_TOKENS} words and signs: split it with set", tokens[begin].at
        elif index - begin == 1 and token.value == "elif":
            elifs += 1
            if elifs > MAX_ELIFS:
                return f"there are more than {MAX_ELIFS} elif tags: look the value up in an object", tokens[begin].at
    return None


_scan_cached = functools.lru_cache(maxsize=4096)(_scan)


def _first_uses(tokens: list[Token]) -> dict[str, int]:
    """The offset at which each name is first read as a variable."""
    firsts: dict[str, int] = {}
    before = ""
    for index, token in enumerate(tokens):
        if token.kind == "name" and token.value not in firsts and before not in {".", "|", "is"}:
            after = tokens[index + 1] if index + 1 < len(tokens) else token
            if not (after.kind == "op" and after.value == "="):
                firsts[token.value] = token.at
        before = token.value
    return firsts


def _place(source: str, at: int) -> tuple[int, int]:
    return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)


def _offset(source: str, error: TemplateError) -> int:
    """The character offset of an error, which MiniJinja gives in bytes, or in lines where it knows no better."""
    if error.range is not None:
        return len(source.encode("utf-8", "surrogatepass")[: error.range[0]].decode("utf-8", "replace"))
    line = error.line or 1
    starts = [0, *(found.end() for found in re.finditer("\n", source))]
    return starts[min(line, len(starts)) - 1]


def _detail(error: TemplateError) -> str:
    return error.detail or error.message
