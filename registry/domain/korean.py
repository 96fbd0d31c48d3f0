"""Text as it is searched and sorted, Korean above all: one normal form, one sort key, jamo, initials, particles.

Both sides of every search go through ``normal``. In it a half-typed consonant (``ㅎ``, a compatibility jamo) is the
leading jamo (U+1112), so that initials and half-typed syllables compare as jamo do.
"""

import re
import unicodedata
from typing import Final, NamedTuple

_FIRST_SYLLABLE: Final = 0xAC00
_LAST_SYLLABLE: Final = 0xD7A3
_FIRST_LEADING: Final = 0x1100
_LAST_LEADING: Final = 0x1112
_FINALS: Final = 28
_SYLLABLES_PER_LEADING: Final = 21 * _FINALS
_FINAL_RIEUL: Final = 8

_KEY_PARTS = re.compile(r"[0-9]+|[\x00-\x1f/]")
_DIGIT_CHUNK = 1000


def normal(text: str) -> str:
    """The form in which texts are compared: NFKC and case-folded, in NFC. Idempotent."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFD", folded).casefold())


def jamo(text: str) -> str:
    """The normal form with every Hangul syllable taken apart (NFD): what trigrams are made of."""
    form = normal(text)
    return form if form.isascii() else unicodedata.normalize("NFD", form)


def initials(text: str) -> str:
    """The normal form with a leading jamo for each Hangul syllable: ``환불 v2`` gives ``ᄒᄇ v2``."""
    form = normal(text)
    return form if form.isascii() else "".join(map(_initial, form))


def is_initials(text: str) -> bool:
    """Whether somebody typed initials only (``ㅎㅂ``, also with spaces): leading jamo, at least one."""
    letters = "".join(normal(text).split())
    return bool(letters) and all(_FIRST_LEADING <= ord(letter) <= _LAST_LEADING for letter in letters)


def sort_key(text: str) -> bytes:
    """The key by which names are listed, compared byte by byte everywhere.

    Without regard to case; runs of digits by their value (``a2`` before ``a10``); Hangul in 가나다 order; a slash
    before everything, so a folder's content stands together. Different names have different keys. The bytes are valid
    UTF-8 without NUL, and the order of the keys as text by code point is the same.
    """
    form = normal(text)
    primary = _KEY_PARTS.sub(_key_part, form)
    return f"{primary}\x01{text}".replace("\0", "\x02").encode("utf-8", "backslashreplace")


def sorted_text(key: bytes) -> str:
    """The text that a sort key is of."""
    return key.partition(b"\x01")[2].decode()


def _key_part(found: re.Match[str]) -> str:
    part = found[0]
    if part == "/":
        return "\x02"
    if part < " ":
        return " "
    digits = part.lstrip("0")
    full, rest = divmod(len(digits), _DIGIT_CHUNK)
    return "0" + chr(0x100 + _DIGIT_CHUNK) * full + chr(0x100 + rest) + digits


def same_leading(letter: str) -> tuple[str, str] | None:
    """The first and the last syllable that begin with the same consonant as this one; None for other letters."""
    code = ord(letter)
    if not _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        return None
    first = code - (code - _FIRST_SYLLABLE) % _SYLLABLES_PER_LEADING
    return chr(first), chr(first + _SYLLABLES_PER_LEADING - 1)


def _initial(letter: str) -> str:
    code = ord(letter)
    if _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        return chr(_FIRST_LEADING + (code - _FIRST_SYLLABLE) // _SYLLABLES_PER_LEADING)
    return letter


class _Particle(NamedTuple):
    """A particle, and what it follows: any, open (no final), closed (a final), to (open or ㄹ), to-closed (not ㄹ)."""

    text: str
    after: str


_ANY_BASIC = "에 에서 에게 에게서 께 께서 한테 한테서 더러 도 만 까지 부터"
_ANY_MORE = "처럼 보다 마다 조차 마저 밖에 뿐 대로 만큼 의 하고 같이"
_OPEN = "는 가 를 와 나 라도 랑 든지 라고 라는 란 야 여"
_CLOSED = "은 이 을 과 이나 이라도 이랑 이든지 이라고 이라는 이란 이야 이여"
_TO = "로 로서 로써"
_TO_CLOSED = "으로 으로서 으로써"
_PARTICLES: Final = tuple(
    sorted(
        (
            _Particle(text, after)
            for words, after in (
                (f"{_ANY_BASIC} {_ANY_MORE}", "any"),
                (_OPEN, "open"),
                (_CLOSED, "closed"),
                (_TO, "to"),
                (_TO_CLOSED, "to-closed"),
            )
            for text in words.split()
        ),
        key=lambda particle: (-len(particle.text), particle.text),
    )
)
_ENDINGS: Final = tuple(particle.text for particle in _PARTICLES)
_SURE: Final = frozenset({"을", "를"})
"""Particles of one syllable that may leave a stem of one: hardly any noun ends in them after that final."""
_MAX_PARTICLES: Final = 3


def particle_variants(word: str) -> list[str]:
    """The word without the particles at its end, longest stem first; empty where it has none.

    ``환불을`` gives ``환불``; ``고객에게는`` gives ``고객에게`` and ``고객``. A particle counts only after a syllable
    that it can follow (은 after a final consonant, 는 after none). A stem keeps two syllables, or one before a particle
    of two syllables and before 을/를, so that 문의 stays whole. A stem may be wrong (``고양이`` gives ``고양``): rank
    what it finds below what the word itself finds.
    """
    found: list[str] = []
    stem = _stem(normal(word))
    while stem is not None and len(found) < _MAX_PARTICLES:
        found.append(stem)
        stem = _stem(stem)
    return found


def _stem(word: str) -> str | None:
    """What the longest particle that can stand at the end leaves; None where there is none."""
    if not word.endswith(_ENDINGS):
        return None
    for text, after in _PARTICLES:
        stem = word[: -len(text)]
        enough = 1 if len(text) > 1 or text in _SURE else 2
        if word.endswith(text) and len(stem) >= enough and _can_follow(stem[-1], after) and _whole(stem, text):
            return stem
    return None


def _can_follow(last: str, after: str) -> bool:
    """Whether a particle can stand after a letter; after one that is no Hangul syllable any can (``API를``)."""
    if not last.isalnum():
        return False
    code = ord(last)
    if after == "any" or not _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        return True
    final = (code - _FIRST_SYLLABLE) % _FINALS
    if after == "open":
        return final == 0
    if after == "closed":
        return final != 0
    return final in {0, _FINAL_RIEUL} if after == "to" else final not in {0, _FINAL_RIEUL}


def _whole(stem: str, particle: str) -> bool:
    """Whether the particle is not the second half of 으로, which has its own entry."""
    return not (particle.startswith("로") and stem.endswith("으"))
