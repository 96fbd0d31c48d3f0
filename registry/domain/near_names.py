"""Which names somebody may have meant who typed one that does not exist."""

from collections.abc import Iterable

from rapidfuzz import fuzz

from registry.domain.ids import TemplateName
from registry.domain.korean import jamo, same_leading

_CUTOFF = 60
"""Of 100, which are equal names."""
_MIN_PIECE = 3
_SHORT = 9
"""A last segment of so many letters, about three syllables, is too short for halves and thirds to outlive a slip."""


def name_pieces(name: str) -> list[str]:
    """Parts of a name, three letters or more, of which a name like it keeps at least one, the likeliest first.

    The last segment is cut in two and in three: one slip of the finger leaves a half or a third as it is. Of a short
    one every three letters in a row are taken, with the slash before it.
    """
    last = jamo(name).rpartition("/")[2]
    pieces = []
    for parts in (1, 2, 3):
        size = max(_MIN_PIECE, -(-len(last) // parts))
        pieces += [last[start : start + size] for start in range(0, len(last), size)]
    if len(last) <= _SHORT:
        whole = f"/{last}"
        pieces += [whole[start : start + _MIN_PIECE] for start in range(len(whole) - _MIN_PIECE + 1)]
    return [piece for piece in dict.fromkeys(pieces) if len(piece) >= _MIN_PIECE]


def first_syllables(name: str) -> tuple[str, str] | None:
    """The first and last Hangul syllable with the consonant that the last segment begins with; None for other names.

    Between them lie the names whose first syllable was mistyped in its vowel or its final.
    """
    last = name.rpartition("/")[2]
    return same_leading(last[0]) if last else None


def rank_near(name: str, candidates: Iterable[str], limit: int) -> list[TemplateName]:
    """The candidates most like a name, best first; those that are not like it are left out.

    The last segment counts as much as the whole, so that the right word in another folder comes near too.
    """
    typed = jamo(name)
    last = typed.rpartition("/")[2]
    scored = []
    for candidate in set(candidates):
        form = jamo(candidate)
        whole = fuzz.ratio(typed, form, score_cutoff=_CUTOFF)
        score = max(whole, 0.95 * fuzz.ratio(last, form.rpartition("/")[2], score_cutoff=_CUTOFF))
        if score >= _CUTOFF:
            scored.append((-score, len(form), candidate))
    return [TemplateName(candidate) for _, _, candidate in sorted(scored)[:limit]]
