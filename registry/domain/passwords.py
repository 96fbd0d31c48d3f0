"""Which passwords are good enough, and in which form they are compared."""

import unicodedata
from collections.abc import Iterable
from enum import StrEnum

from zxcvbn import zxcvbn

from registry.domain.errors import PasswordRefused

SHORTEST, LONGEST = 10, 256
_STRONG = 3
"""Of zxcvbn's scores from 0 to 4: too many guesses for who can only ask the server."""
_JUDGED = 72
"""Letters that zxcvbn looks at: more take it long, and add nothing."""


class PasswordFault(StrEnum):
    """What is wrong with a new password."""

    LENGTH = "password_length"
    GUESSED = "password_guessed"
    SAME = "password_same"


def comparable(password: str) -> str:
    """The form in which a password is hashed: NFKC, as RFC 8265 asks for, so that no keyboard's own form matters."""
    return unicodedata.normalize("NFKC", password)


def check_new_password(password: str, known: Iterable[str]) -> None:
    """Raises PasswordRefused, with what to do, for a password that is too short, too long or easily guessed.

    ``known`` is what anybody knows of its user: it is worth nothing in a password. The lists of common passwords and
    words are zxcvbn's.
    """
    text = comparable(password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise PasswordRefused(
            f"A password has {SHORTEST} to {LONGEST} letters; this one has {len(text)}.", PasswordFault.LENGTH
        )
    words = [word for each in known for word in (each, *each.replace("@", " ").replace(".", " ").split())]
    judged = zxcvbn(text[:_JUDGED], user_inputs=[*words, "promptuary"])
    if judged["score"] < _STRONG:
        why = judged["feedback"]["warning"] or "It is easily guessed."
        advice = "Take some words that do not belong together."
        raise PasswordRefused(f"This password will not do: {why.rstrip('.')}. {advice}", PasswordFault.GUESSED)
