"""What is searched of a template, and the form in which it is compared: words in jamo with one space between them.

Every adapter's index is made of ``folded`` text, and every query goes through it too: so nothing depends on case,
width, normal form, accents or punctuation, and a phrase is a substring.
"""

import re
import unicodedata
from functools import lru_cache

from registry.domain.korean import initials, jamo

_KEYS = (
    "schema|description|type|tags|status|replaced_by|variables|messages|text|role|content|placeholder|model|provider|"
    "id|parameters|temperature|max_tokens|top_p|tools|tool_choice|output|format|name|tests|expect|metadata|required|"
    "default|enum|examples|min_length|max_length|pattern|minimum|maximum|items|properties|untrusted|sensitive|"
    "contains|not_contains"
)
_ROLES = "system|developer|user|assistant|tool"
_TYPES = "chat|string|integer|number|boolean|array|object|messages|image|file|audio|tool_result|tool_call|text|function"
_FORMAT = re.compile(
    rf"""
    ^[ ]*(?:-[ ]+)*
    (?: schema:[ ]*prompt/v1
      | role:[ ]*["']?(?:{_ROLES})["']?
      | type:[ ]*["']?(?:{_TYPES})["']?
      | status:[ ]*["']?(?:draft|active|deprecated)["']?
      | required:[ ]*(?:true|false)
      | (?:{_KEYS}):(?:[ ]*[|>][-+0-9]*)?
    )[ ]*(?:$|(?<=[ ]))
    """,
    re.MULTILINE | re.VERBOSE,
)
_INDENTS = re.compile(r"^ +", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n(?:[ -]*\n)+")

_ASCII_SEPARATORS = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")
_OTHER_SEPARATORS = re.compile(r"[^\w ]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")


def searchable(source: str) -> str:
    """The text of a template file without the format's own keys and words, so that ``role`` finds no template of all.

    Works on lines, not on the parsed document: it is quick, and it serves broken files too. A line of a prompt that
    looks like the format (``role: user``) is lost to search.
    """
    return _EMPTY_LINES.sub("\n", _INDENTS.sub("", _FORMAT.sub("", source))).strip("\n")


def folded(text: str) -> str:
    """The words of a text in jamo, one space before, between and behind them; a text without words is one space.

    Accents are dropped; whatever is no letter, digit or vowel sign separates words.
    """
    form = _ASCII_SEPARATORS.sub(" ", jamo(text))
    if not form.isascii():
        form = _OTHER_SEPARATORS.sub(_keep_marks, _ACCENTS.sub("", form))
    return f" {' '.join(form.split())} "


def name_initials(name: str) -> str:
    """The initials of a name's words, and of each segment as if it had no spaces: `` ㄱㄱ ㅎㅂ ㅇㅊ ㅎㅂㅇㅊ ``."""
    words = folded(initials(name)).split()
    whole = [folded(initials(segment)).replace(" ", "") for segment in name.split("/")]
    return f" {' '.join(dict.fromkeys([*words, *whole]))} "


def _keep_marks(found: re.Match[str]) -> str:
    """Vowel signs and the like, no letters to a regular expression, belong to their word; all else separates."""
    return "".join(letter if unicodedata.category(letter)[0] == "M" else " " for letter in found[0])


@lru_cache(maxsize=16_384)
def folded_letter(letter: str) -> str:
    """What one character of a text in NFC becomes within a word, syllables whole; empty for accents."""
    return unicodedata.normalize("NFC", _ACCENTS.sub("", jamo(letter)))
