"""English words as they are searched: what is left of a word without its plural or the end of its verb form."""

from typing import Final

_SHORTEST: Final = 4
"""Letters that a stem keeps: ``used`` stays whole, ``red`` is no form of anything."""

_NO_PLURAL: Final = ("ss", "us", "is")
_SIBILANTS: Final = ("ses", "xes", "zes", "ches", "shes")


def inflection_variants(word: str) -> list[str]:
    """The word without its ending; empty where it has none. ``refunds`` and ``refunded`` give ``refund``.

    A stem is looked for as a part of words, so it may be shorter than the word that it stands for (``translat``). It
    may also be wrong (``evening`` gives ``even``): rank what it finds below the word itself.
    """
    if not (word.isascii() and word.isalpha()):
        return []
    stem = _stem(word.lower())
    return [stem] if stem is not None and len(stem) >= _SHORTEST else []


def _stem(word: str) -> str | None:
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(_SIBILANTS):
        return word[:-2]
    if word.endswith("s"):
        return None if word.endswith(_NO_PLURAL) else word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            doubled = len(stem) > 1 and stem[-1] == stem[-2] and stem[-1] not in "ls"
            return stem[:-1] if doubled else stem
    return None
