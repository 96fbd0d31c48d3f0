"""What a text says beneath the way it is written: without escapes, look-alikes, line ends and encodings.

A credential may be written so that no line of the file shows it, and still be one for whoever reads the parsed value or
renders it. Each view is a text in which such means are undone, with the way back to the places of the file.
"""

import binascii
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from html.entities import html5

from registry.domain.secret_patterns import SHORTEST

Origin = Callable[[int], int]
"""A place in a view → the place in the file's text."""

_ROUNDS = 3
"""Escapes within escapes (``%2570``) are undone so often."""

_ESCAPE = re.compile(
    r"\\(?:x(?P<x>[0-9A-Fa-f]{2})|u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})|(?P<octal>[01][0-7]{2})"
    r"|(?P<end>\r?\n[ \t]*)|(?P<sign>[/\"' ]))"
    r"|%(?P<percent>[2-7][0-9A-Fa-f])"
    r"|&(?:#(?P<number>\d{2,3})|#[xX](?P<hex>[0-9A-Fa-f]{2})|(?P<name>[A-Za-z]{2,10}));"
)
_INVISIBLE = "\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
_INVISIBLE += "\ufe00-\ufe0f\ufeff\uffa0\u0300-\u036f\U000e0000-\U000e01ef"
_UNSEEN = re.compile(f"[{_INVISIBLE}]")
_COMPATIBLE = "\u00aa\u00b2-\u00b3\u00b9-\u00ba\u1d2c-\u1d6a\u2024\u2070-\u209c\u2100-\u214f\u2460-\u24ea\u2160-\u217f"
_COMPATIBLE += "\ufe4d-\ufe4f\ufe50-\ufe6b\uff01-\uff5e\U0001d400-\U0001d7ff\U0001f130-\U0001f149"
_LOOK_ALIKE = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеіјорсѕухһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονι‐‑‒−",
        "ABESIJKMHOPCTYXaeijopcsyxhdqwABEZHIKMNOPTYXovi----",
        strict=True,
    )
)
_PERCENTS = ("%2", "%3", "%4", "%5", "%6", "%7")
_ASCII = bytes(range(128))
_ODD_BYTES = bytes([0xC2, *range(0xCC, 0xD5), 0xE1, 0xE2, 0xE3, *range(0xEF, 0xF5)])
"""What such characters begin with in UTF-8; a Korean text has none of them, which is seen sooner."""
_ODD = re.compile(f"[{_INVISIBLE}{_COMPATIBLE}{''.join(_LOOK_ALIKE)}]+")
_GLUE = re.compile(
    r"[{<\"'`](?:"
    r"(?<=\{)(?:#[^}]{0,200}#\}|%[^%]{0,200}%\}|\{-?\s{0,4}(?:\"\"|'')\s{0,4}-?\}\}|\{-?\s{0,4}[\"'])"
    r"|(?<=<)!--[^>]{0,200}-->"
    r"|(?<=[\"'`])(?:(?:\s{0,4}\|\s{0,4}\w{1,20})?\s{0,4}-?\}\}|\s{0,4}[~+,]?\s{0,9}[\"'`]))"
)
"""What stands between strings that a template, or a program, puts together."""

_MARGIN = " \t\r\\"
_SHORTEST_BASE64 = 24
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{_SHORTEST_BASE64},}}")
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class View:
    """A text as it reads when ``how`` is undone; ``origin`` leads back. ``joined``: strings that lie apart touch."""

    text: str
    words: Sequence[str]
    how: str
    origin: Origin
    joined: bool = False


def long_words(text: str) -> list[str]:
    """The words of a text that are long enough to be credentials."""
    return [word for word in text.split() if len(word) >= SHORTEST]


def views(text: str, words: Sequence[str]) -> Iterator[View]:
    """The other readings of a text whose long words are given, those that differ from it."""
    plain = _plain(text)
    if plain is not None:
        yield plain
    base = plain or View(text, words, "", _same)
    joined = _joined(base)
    if joined is not None:
        yield joined
    for each in (base, joined):
        if each is not None:
            yield from _decoded(each)


def _plain(text: str) -> View | None:
    """The text without escapes, invisible characters and other forms of letters; None where there are none."""
    view: View | None = None
    for _ in range(_ROUNDS):
        before = view
        for pattern, replace, may_be_in in _UNDONE:
            now = text if view is None else view.text
            if not may_be_in(now):
                continue
            new = pattern.sub(replace, now)
            if new != now:
                origin = _back(_substituted(pattern, replace, now), _same if view is None else view.origin)
                view = View(new, long_words(new), "behind escapes or look-alikes", origin)
        if view is before or not _may_be_escaped(text if view is None else view.text):
            break
    return view


def _same(offset: int) -> int:
    return offset


def _may_be_escaped(text: str) -> bool:
    return "\\" in text or "&" in text or ("%" in text and any(each in text for each in _PERCENTS))


def _may_be_odd(text: str) -> bool:
    if text.isascii():
        return False
    data = text.encode("utf-8", "replace").translate(None, _ASCII)
    return len(data.translate(None, _ODD_BYTES)) < len(data) and _ODD.search(data.decode()) is not None


def _escaped(match: re.Match[str]) -> str:
    """The character that an escape stands for; what is none stays."""
    kind = match.lastgroup
    said = match[kind] if kind else ""
    if kind in {"x", "u", "U", "percent", "hex"}:
        code = int(said, 16)
        return chr(code) if 32 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else match[0]
    if kind in {"number", "octal"}:
        code = int(said, 8 if kind == "octal" else 10)
        return chr(code) if 32 <= code < 127 else match[0]
    if kind == "name":
        sign = html5.get(f"{said};", "")
        return sign if len(sign) == 1 and sign.isascii() else match[0]
    return said if kind == "sign" else ""


@cache
def _letters() -> dict[int, str | None]:
    """Characters → the ASCII character that they look like or are another form of; None for those not seen."""
    found: dict[int, str | None] = {ord(odd): plain for odd, plain in _LOOK_ALIKE.items()}
    for low, high in re.findall(r"(.)(?:-(.))?", _COMPATIBLE, re.DOTALL):
        for code in range(ord(low), ord(high or low) + 1):
            sign = unicodedata.normalize("NFKC", chr(code))
            if len(sign) == 1 and sign.isascii():
                found[code] = sign
    return found


def _seen(match: re.Match[str]) -> str:
    return _UNSEEN.sub("", match[0].translate(_letters()))


_UNDONE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str], Callable[[str], bool]], ...] = (
    (_ESCAPE, _escaped, _may_be_escaped),
    (_ODD, _seen, _may_be_odd),
)


def _joined(view: View) -> View | None:
    """The text with its lines, and strings that are put together, one behind the other."""
    lines = view.text.split("\n")
    text = "".join([line.strip(_MARGIN) for line in lines])
    origin = _back(lambda: _starts(lines), view.origin)
    unglued = _GLUE.sub("", text)
    if unglued != text:
        origin = _back(_substituted(_GLUE, lambda _: "", text), origin)
    elif len(lines) == 1:
        return None
    return View(unglued, long_words(unglued), "put together from parts", origin, joined=True)


def _decoded(view: View) -> Iterator[View]:
    """What words in base64 say, where that is text."""
    at = 0
    for word in view.words:
        at = view.text.index(word, at)
        for match in _BASE64.finditer(word):
            said = _from_base64(match[0])
            if said is not None:
                yield View(said, long_words(said), "in base64", partial(_always, view.origin, at + match.start()))
        at += len(word)


def _always(origin: Origin, at: int, _: int) -> int:
    return origin(at)


def _from_base64(word: str) -> str | None:
    whole = word[: len(word) - (len(word) % 4 == 1)].translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(whole + "=" * (-len(whole) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _starts(lines: list[str]) -> list[tuple[int, int]]:
    """Where the lines begin when they stand one behind the other, and where they did."""
    new = old = 0
    found: list[tuple[int, int]] = []
    for line in lines:
        kept = line.lstrip(_MARGIN)
        found.append((new, old + len(line) - len(kept)))
        new += len(kept.rstrip(_MARGIN))
        old += len(line) + 1
    return found


def _substituted(
    pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str
) -> Callable[[], list[tuple[int, int]]]:
    """The same of what a substitution leaves between what it takes out."""

    def points() -> list[tuple[int, int]]:
        found, new, old = [(0, 0)], 0, 0
        for match in pattern.finditer(text):
            new += match.start() - old
            old = match.end()
            found.append((new, match.start()))
            new += len(replace(match))
            found.append((new, old))
        return found

    return points


def _back(points: Callable[[], list[tuple[int, int]]], before: Origin) -> Origin:
    """The way back by the points, which are looked for at the first question only: there is hardly ever one."""
    known = cache(points)

    def origin(offset: int) -> int:
        new, old = known()[bisect_right(known(), (offset, len(known()) << 32)) - 1]
        return before(old + offset - new)

    return origin
