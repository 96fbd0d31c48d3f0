"""Which names somebody may have meant who typed one that does not exist."""

import difflib
from collections.abc import Iterable

from registry.domain.ids import TemplateName
from registry.domain.korean import jamo

_CUTOFF = 0.6
_MIN_PIECE = 3


def name_pieces(name: str) -> list[str]:
    """Parts of a name, three letters or more, of which a name like it keeps at least one, the likeliest first.

    The last segment is cut in two and in three: one slip of the finger leaves a half or a third as it is.
    """
    last = jamo(name).rpartition("/")[2]
    pieces = []
    for parts in (1, 2, 3):
        size = max(_MIN_PIECE, -(-len(last) // parts))
        pieces += [last[start : start + size] for start in range(0, len(last), size)]
    return [piece for piece in dict.fromkeys(pieces) if len(piece) >= _MIN_PIECE]


def rank_near(name: str, candidates: Iterable[str], limit: int) -> list[TemplateName]:
    """The candidates most like a name, best first; those that are not like it are left out.

    The last segment counts as much as the whole, so that the right word in another folder comes near too.
    """
    typed = jamo(name)
    last = typed.rpartition("/")[2]
    whole = difflib.SequenceMatcher(b=typed, autojunk=False)
    tail = difflib.SequenceMatcher(b=last, autojunk=False)
    scored = []
    for candidate in set(candidates):
        form = jamo(candidate)
        score = max(_ratio(whole, form), 0.95 * _ratio(tail, form.rpartition("/")[2]))
        if score >= _CUTOFF:
            scored.append((-score, len(form), candidate))
    return [TemplateName(candidate) for _, _, candidate in sorted(scored)[:limit]]


def _ratio(matcher: "difflib.SequenceMatcher[str]", form: str) -> float:
    matcher.set_seq1(form)
    if matcher.real_quick_ratio() < _CUTOFF or matcher.quick_ratio() < _CUTOFF:
        return 0.0
    return matcher.ratio()
