"""E-mail addresses, as far as it matters whether two are the same."""

import unicodedata


def is_same_address(one: str, other: str) -> bool:
    """Whether two addresses reach the same box: no case, and a domain in letters or in its ASCII form (``xn--``).

    What is no address, such as an empty one, is the same as nothing, not even as itself.
    """
    parts = _parts(one)
    return parts is not None and parts == _parts(other)


def _parts(address: str) -> tuple[str, str] | None:
    box, at, domain = unicodedata.normalize("NFC", address).lower().rpartition("@")
    return (box, ".".join(map(_letters, domain.split(".")))) if box and at and domain else None


def _letters(label: str) -> str:
    """A label of a domain in letters. It is decoded and never encoded: that would map other letters to the same."""
    if not label.startswith("xn--"):
        return label
    try:
        return unicodedata.normalize("NFC", label[4:].encode("ascii").decode("punycode")).lower()
    except UnicodeError:  # there can be no such domain; it is compared as it stands
        return label
