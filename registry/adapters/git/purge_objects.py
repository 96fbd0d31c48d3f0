"""Raw commits and tags, read and written anew without losing a byte that need not change."""

import re
from collections.abc import Callable, Mapping

from registry.domain.purging import REMOVED

Clean = Callable[[bytes], bytes]
"""What becomes of a text."""

_PEOPLE = frozenset({b"author", b"committer", b"tagger"})
_SIGNATURES = frozenset({b"gpgsig", b"gpgsig-sha256", b"mergetag"})
"""What no longer fits a commit that was changed."""

_POINTERS = frozenset({b"tree", b"parent", b"object"})
_ID = re.compile(rb"\b[0-9a-f]{40}\b")
_SIGNED = re.compile(rb"^-----BEGIN (?:PGP|SSH|SIGNED) [A-Z ]*-----$", re.MULTILINE)


def clean_object(raw: bytes, clean: Clean, ids: Mapping[bytes, bytes]) -> bytes:
    """A commit or tag with its people and message cleaned, and ids (in hexadecimal digits) as they are now.

    Signatures go where anything changes; ids of commits in the message follow, too.
    """
    head, end, message = raw.partition(b"\n\n")
    lines = re.split(rb"\n(?! )", head)
    changed = [_clean_line(line, clean, ids) for line in lines]
    said = follow_ids(clean(message), ids)
    if changed == lines and said == message:
        return raw
    kept = [line for line in changed if line.partition(b" ")[0] not in _SIGNATURES]
    if head.startswith(b"object "):  # a tag's signature ends its message
        signed = _SIGNED.search(said)
        said = said[: signed.start()] if signed else said
    return b"\n".join(kept) + end + said


def follow_ids(text: bytes, ids: Mapping[bytes, bytes]) -> bytes:
    """A text with ids in it as they are now."""
    return _ID.sub(lambda found: ids.get(found[0], found[0]), text)


def _clean_line(line: bytes, clean: Clean, ids: Mapping[bytes, bytes]) -> bytes:
    key, space, value = line.partition(b" ")
    if key in _POINTERS:
        return key + space + ids.get(value, value)
    return key + space + _clean_person(value, clean) if key in _PEOPLE else line


def _clean_person(value: bytes, clean: Clean) -> bytes:
    """``Name <address> time``, name and address each by itself; both go where the text spans them."""
    who, end, when = value.rpartition(b"> ")
    name, between, address = who.rpartition(b" <")
    new = clean(name) + between + clean(address)
    if clean(new) != new:
        new = REMOVED + between + REMOVED
    return new + end + when
