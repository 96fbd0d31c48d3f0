"""Values that look random behind a telling word: ``password: Tr0ub…``, in one line or as YAML lets it stand."""

import re
from collections.abc import Iterator

from registry.domain.secret_patterns import entropy

_KEYWORDS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "api_key",
    "apikey",
    "api-key",
    "api key",
    "access_key",
    "accesskey",
    "private_key",
    "auth_key",
    "token",
    "credential",
    "비밀번호",
    "비밀 번호",
)
_NAMED = r"""(?:s|[_-]\w{1,20})?["'`]{0,3}[ \t]{0,4}"""
_VALUE = r"""["'`]?(?P<value>[^\s"'`,;{}<>()\[\]|\\]{8,256})"""
_ASSIGNED = re.compile(rf"{_NAMED}(?::=|=>|[:=：])[ \t]{{0,4}}(?:[Bb]earer[ ])?{_VALUE}")
_BELOW = re.compile(
    rf"""{_NAMED}:[ \t]{{0,4}}(?:[|>][+-]?\d?)?[ \t]{{0,4}}(?:#[^\n]{{0,100}})?\r?\n[ \t]{{1,80}}{_VALUE}"""
    r"""["']?[ \t]{0,4}(?:#[^\n]{0,100})?\r?(?:\n|\Z)"""
)
"""The value alone in the line below its key, as YAML lets it stand."""
_DEFAULTED = re.compile(
    rf"""{_NAMED}:[ \t]{{0,4}}\{{[^{{}}\n]{{0,300}}?\b(?:default|examples|enum)["']?:[ \t]{{0,4}}\[?{_VALUE}"""
)
"""A value of the variable of that name."""
_BLOCK_KEY = re.compile(rf"{_NAMED}:[ \t]{{0,4}}\r?\n")
_DEFAULT = re.compile(
    rf"[ ]{{1,80}}(?:(?:default|examples|enum)[\"']?:[ \t]{{1,4}}\[?|-[ \t]{{1,4}}(?=\S{{1,256}}\s{{0,4}}\Z)){_VALUE}"
)
_VARIABLE_LINES = 10
PLACEHOLDER = re.compile(
    r"\.\.|…|\*\*|xxx|your|my[-_]|example|sample|dummy|fake|placeholder|redacted|insert|change|replace|hidden|secret|"
    r"password|passwd|api[-_]?key|token|todo|\$[{(a-z_]|%[a-z(]|<|>|://|env[.:]|vault|123456|abcdef",
    re.IGNORECASE,
)
SAME = re.compile(r"(.)\1{5}")
_SEPARATORS = re.compile(r"[-_./:@+]")
_MIXED = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).{8}")


def find_assigned(text: str) -> Iterator[tuple[int, str]]:
    """Values that look random behind a word such as ``password:``."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    for keyword in _KEYWORDS:
        at = lowered.find(keyword)
        while at >= 0:
            end = at + len(keyword)
            for pattern in (_ASSIGNED, _BELOW, _DEFAULTED):
                match = pattern.match(text, end)
                if match and looks_random(match["value"]):
                    yield match.start("value"), f"value of {keyword}"
                    break
            else:
                yield from _defaults_below(text, at, end, keyword)
            at = lowered.find(keyword, end)


def _defaults_below(text: str, at: int, end: int, keyword: str) -> Iterator[tuple[int, str]]:
    """Defaults and examples of a variable of such a name, in the lines below it that are indented further."""
    key = _BLOCK_KEY.match(text, end)
    if key is None:
        return
    indent = _indent(text[text.rfind("\n", 0, at) + 1 : at])
    begin = key.end()
    for _ in range(_VARIABLE_LINES):
        line = text[begin : begin + 400].split("\n", 1)[0]
        if _indent(line) <= indent:
            return
        match = _DEFAULT.match(line)
        if match and looks_random(match["value"]):
            yield begin + match.start("value"), f"value of {keyword}"
        begin += len(line) + 1


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def looks_random(value: str) -> bool:
    """Whether somebody may have generated a value: no placeholder, no words and numbers joined by signs."""
    value = value.rstrip(".,:;!?")
    if len(value) < 8 or PLACEHOLDER.search(value) or SAME.search(value):
        return False
    if not any(_MIXED.match(part) for part in _SEPARATORS.split(value)):
        return False
    classes = sum(
        any(test(letter) for letter in value)
        for test in (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    )
    return classes >= 3 or (len(value) >= 16 and entropy(value) >= 3.0)
