"""The key by which a caller marks repeats of a write (``Idempotency-Key``), and its mark in the commit that it made."""

import hashlib
import re
from dataclasses import dataclass, field, replace

from registry.domain.errors import BadRequest, KeyReused
from registry.domain.ids import UserName

LONGEST_KEY = 255
_TRAILER = "Idempotency-Key"
_MARK = re.compile(rf"^{_TRAILER}: ([0-9a-f]{{64}}) ([0-9a-f]{{64}})$", re.MULTILINE)
_ANY_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S")


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Hashes of a user's key and of what was asked under it; the key itself is kept nowhere.

    ``rights`` are those of who asked, as a text: an answer that was made for others is not given.
    """

    key: str
    request: str
    rights: str = field(default="", compare=False)

    def also(self, asked: bytes) -> "RequestKey":
        """The key where more was asked than the request itself says."""
        return replace(self, request=_hash(self.request.encode(), asked))

    def mark(self, message: str) -> str:
        """A commit's message with the mark as its last trailer."""
        body = message.rstrip("\n")
        last = body.rpartition("\n\n")[2] if "\n\n" in body else ""
        gap = "\n" if last and all(map(_ANY_TRAILER.match, last.split("\n"))) else "\n\n"
        return f"{body}{gap}{_TRAILER}: {self.key} {self.request}\n"

    def require_same(self, other: "RequestKey") -> None:
        """Raises KeyReused where something else was asked under the same key."""
        if self.request != other.request:
            raise KeyReused


def make_key(user: UserName, text: str, *asked: bytes, rights: str = "") -> RequestKey:
    """The key that a caller sent with a request, which ``asked`` says in full. Raises BadRequest for one that is none.

    ``text`` is as the draft standard has it, in double quotes, or plain.
    """
    key = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadRequest(f"An Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters, such as a UUID.")
    return RequestKey(_hash(user.encode(), key.encode()), _hash(*asked), rights)


def read_mark(message: str) -> RequestKey | None:
    """The mark in a commit's message, or None."""
    found = _MARK.findall(message)
    return RequestKey(*found[-1]) if found else None


def _hash(*parts: bytes) -> str:
    """One hash over parts, each with its length before it, so that none can run over into the next."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()
