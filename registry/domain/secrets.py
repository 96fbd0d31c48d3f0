"""The secret scan: credentials do not belong into a repository that others clone.

Prompts speak of passwords and tokens all the time, so only what looks like a real one counts: the exact shapes of
vendors' keys, private keys, web tokens, passwords in URLs, and after a word such as ``password:`` or ``api_key =`` a
value that looks random. Entropy alone never counts (images stand in prompts as base64). Placeholders such as
``{{ api_key }}``, ``sk-...`` or ``your-key-here`` pass. A finding never holds the secret itself.

What a text says beneath its escapes, line ends and encodings is read too (``secret_views``). A line that holds
``pragma: allowlist secret``, or follows one with ``pragma: allowlist nextline secret``, is let through with a warning:
these are detect-secrets' own words.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from registry.domain.diagnostics import Diagnostic, Place, Severity
from registry.domain.secret_patterns import MARKS, SHORTEST, UNMARKED, UNMARKED_HINT, Kind, entropy, is_web_token, kinds
from registry.domain.secret_values import PLACEHOLDER, SAME, find_assigned, looks_random
from registry.domain.secret_views import View, long_words, views

MAX_FINDINGS = 50
_BEFORE, _AFTER, _OVERLAP = 200, 600, 300
"""Characters looked at around a mark within its line, so that no text, however long, takes long."""

_ALLOWED = re.compile(r"pragma:\s{0,2}(?:allow|white)list[ -](nextline[ -])?secret")
_WEB_TOKEN = re.compile(r"(?<![\w-])eyJ[\w-]{5,4000}\.[\w-]{5,8000}(?:\.[\w-]{0,2000})?", re.ASCII)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?!\s{0,80}(?:\.{2}|…|[{<\[*]|x{3}|YOUR|your))"
    r"|PuTTY-User-Key-File-[23]: "
)
_URL_PASSWORD = re.compile(r"://[^\s:/?#\[\]@!$&'()*+,;={}<>\"]{1,64}:(?P<value>[^\s:/?#\[\]@'\"{}<>]{1,256})@")
_BEARER = re.compile(r"earer[ ]{1,2}(?P<value>[A-Za-z0-9._~+/=-]{20,2000})")

BINARY_PROBE = 8000
"""Bytes with a NUL among the first so many are no text, as Git itself judges (buffer_is_binary)."""

_MARKS_OF_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_READABLE = bytes(byte if 32 <= byte < 127 or byte in b"\t\n\r" else 32 for byte in range(256))
_WIDE = re.compile(rb"(?:[\t\n\r\x20-\x7e]\0{1,3}){%d,}[\x20-\x7e]?" % (SHORTEST - 1))
"""ASCII in UTF-16 or UTF-32, in either order of bytes: in the order that begins with NUL the last one may lack it."""

_ADVICE = (
    "take it out of every commit that you push and revoke it where it was issued; pass such values as variables when "
    "rendering. A line that is no secret may say: # pragma: allowlist secret"
)

_LET = "the line says that this is no credential ({}), so it is let through: see that it is none"


def find_secrets(text: str, path: str) -> list[Diagnostic]:
    """The credentials in a file's text, by place; at most 50, and 50 warnings for those that a line allows.

    A clean file of 2 kB takes about 0.1 ms. Bytes that are no UTF-8 may come in decoded with ``replace``.
    """
    return _told(_everywhere(text), text, path)


def find_secrets_in(data: bytes, path: str) -> list[Diagnostic]:
    """The credentials in a file's bytes, whatever they are; at most 50 of each reading.

    Text, UTF-16 with its mark included, is read as ``find_secrets`` does. Where there is a NUL only the shapes that
    hardly stand anywhere by chance count (vendors' keys, private keys, web tokens): in the readable parts of the bytes,
    and in what reads as UTF-16 or UTF-32.
    """
    if b"\0" not in data:
        return find_secrets(data.decode("utf-8", "replace"), path)
    found: list[Diagnostic] = []
    if data.startswith(_MARKS_OF_UTF16):
        found += find_secrets(data.decode("utf-16", "replace"), path)
    elif b"\0" not in data[:BINARY_PROBE]:
        found += find_secrets(data.decode("utf-8", "replace"), path)
    if not found:
        readable = data.translate(_READABLE).decode("ascii")
        found += _told(_in_bytes(data, readable), readable, path)
    return found


def _in_bytes(data: bytes, readable: str) -> Iterator[tuple[int, str]]:
    """Where credentials of known shapes begin in bytes; ``readable`` has a space for each byte that is no text."""
    yield from _shapes(readable, long_words(readable))
    for run in _WIDE.finditer(data):
        text = run[0].replace(b"\0", b"").decode("ascii")
        for start, name in _shapes(text, long_words(text)):
            if not _allowed(text, start):
                places = [at for at, byte in enumerate(run[0]) if byte]
                yield run.start() + places[start], name


def _told(suspects: Iterable[tuple[int, str]], text: str, path: str) -> list[Diagnostic]:
    found: dict[int, str] = {}
    let: dict[int, str] = {}
    allowed: dict[int, bool] = {}
    for start, name in suspects:
        line = text.rfind("\n", 0, start) + 1
        if line not in allowed:
            allowed[line] = _allowed(text, start)
        (let if allowed[line] else found).setdefault(start, name)
        if len(found) >= MAX_FINDINGS:
            break
    refused = [
        Diagnostic("secret", f"this looks like a credential ({found[start]}): {_ADVICE}", path, _place(text, start))
        for start in sorted(found)
    ]
    return refused + [
        Diagnostic("secret-allowed", _LET.format(let[start]), path, _place(text, start), Severity.WARNING)
        for start in sorted(let)[:MAX_FINDINGS]
    ]


def _everywhere(text: str) -> Iterator[tuple[int, str]]:
    """Where credentials begin, as the text is written and as it reads beneath that."""
    words = long_words(text)
    yield from _suspects(text, words)
    for view in views(text, words):
        for start, name in _joined(view) if view.joined else _suspects(view.text, view.words):
            place = view.origin(start)
            if not (view.joined and _inside_a_word(text, place)):
                yield place, f"{name}, {view.how}"


def _joined(view: View) -> Iterator[tuple[int, str]]:
    """The same in text that was put together, where words by themselves do not count."""
    return _shapes(view.text, view.words, joined=True)


def _shapes(text: str, words: Sequence[str], *, joined: bool = False) -> Iterator[tuple[int, str]]:
    """Where credentials of known shapes begin, and what they are called; ``words`` are the text's long words."""
    if words:
        yield from _vendors(text, " ".join(words), joined=joined)
    if "PRIVATE KEY" in text or "PuTTY-User" in text:
        yield from ((m.start(), "private key") for m in _PRIVATE_KEY.finditer(text))


def _suspects(text: str, words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Where credentials begin, and what they are called; one place may come twice."""
    yield from _shapes(text, words)
    if "://" in text and "@" in text:
        for match in _URL_PASSWORD.finditer(text):
            if not PLACEHOLDER.search(match["value"]) and match["value"].lower() not in {"pass", "pw", "pwd"}:
                yield match.start("value"), "password in a URL"
    if "earer " in text:
        for match in _BEARER.finditer(text):
            if looks_random(match["value"]):
                yield match.start("value"), "bearer token"
    yield from find_assigned(text)


def _vendors(text: str, words: str, *, joined: bool) -> Iterator[tuple[int, str]]:
    """Credentials of known shapes; ``words`` are the text's long words."""
    for mark, key in MARKS.items():
        if mark in (text if key == "aws" and not joined else words):
            yield from _marked(text, mark, kinds()[key], joined=joined)
    if not joined and UNMARKED_HINT.search(words):
        yield from _unmarked(text)
    if "eyJ" in words:
        yield from ((m.start(), "JSON Web Token") for m in _WEB_TOKEN.finditer(text) if is_web_token(m[0]))


def _marked(text: str, mark: str, kind: Kind, *, joined: bool) -> Iterator[tuple[int, str]]:
    """Matches of a kind near each place of its mark."""
    at = text.find(mark)
    while at >= 0:
        begin = max(text.rfind("\n", max(0, at - _BEFORE), at) + 1, at - _BEFORE, 0)
        line_end = text.find("\n", at, at + _AFTER)
        end = at + _AFTER if line_end < 0 else line_end
        yield from _matches(text[begin:end], begin, kind, joined=joined)
        at = text.find(mark, end if line_end >= 0 else end - _OVERLAP)


def _unmarked(text: str) -> Iterator[tuple[int, str]]:
    """Matches of the kinds without a mark, in long words."""
    at = 0
    for word in text.split():
        at = text.index(word, at)
        if len(word) >= SHORTEST:
            for begin in range(0, len(word), _AFTER - _OVERLAP):
                part = word[begin : begin + _AFTER]
                for key in UNMARKED if UNMARKED_HINT.search(part) else ():
                    yield from _matches(part, at + begin, kinds()[key], joined=False)
        at += len(word)


def _matches(part: str, offset: int, kind: Kind, *, joined: bool) -> Iterator[tuple[int, str]]:
    for pattern in kind.patterns:
        for match in pattern.finditer(part):
            said = match[0]
            if SAME.search(said) or ".." in said or (joined and not _is_mixed(said)):
                continue
            if joined or not (_inside_a_word(part, match.start()) and said[0].isalnum()):
                yield offset + match.start(match.lastindex or 0), kind.name


def _inside_a_word(text: str, at: int) -> bool:
    """Whether a letter or digit stands before; a Korean word may touch a key."""
    return at > 0 and text[at - 1].isalnum() and text[at - 1].isascii()


def _is_mixed(said: str) -> bool:
    """Whether a text is no words that were put together: some of its characters are digits, and it does not repeat."""
    return sum(letter.isdigit() for letter in said) >= 2 and entropy(said) >= 3.0


def _allowed(text: str, start: int) -> bool:
    """Whether the line says that it holds no secret, or the line before says so of it."""
    begin = text.rfind("\n", 0, start) + 1
    end = text.find("\n", start)
    own = _ALLOWED.search(text, begin, len(text) if end < 0 else end)
    if own and own[1] is None:
        return True
    above = _ALLOWED.search(text, text.rfind("\n", 0, max(begin - 1, 0)) + 1, begin)
    return above is not None and above[1] is not None


def _place(text: str, start: int) -> Place:
    return Place(text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))
