"""The key ring: under which key a secret is encrypted or a statement signed, and the forms of both."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from registry.domain.errors import Unavailable

_TOKEN = re.compile(r"pk1\.([0-9a-f]{12})\.([A-Za-z0-9_-]{38,})")
"""The least is an empty secret: a nonce of 12 bytes and a tag of 16."""


class RingKeyState(StrEnum):
    """What a key of the ring is used for."""

    PREPARED = "prepared"
    """Nothing yet: it waits until every machine has it."""
    CURRENT = "current"
    """All that is encrypted and signed from now on."""
    FORMER = "former"
    """Reading what was encrypted, and checking what was signed, before a rotation."""


@dataclass(frozen=True, slots=True)
class RingKey:
    """A key of the ring as it may be shown: never what it is made of. ``former_since``: when another took its place."""

    id: str
    made_at: datetime
    state: RingKeyState
    former_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SealedToken:
    """An encrypted secret: the key's id, and nonce, ciphertext and tag in base64url."""

    key_id: str
    sealed: str

    def __str__(self) -> str:
        return f"pk1.{self.key_id}.{self.sealed}"


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A signature (Ed25519, 128 hexadecimal digits) with the id of the key and its public half (64 digits)."""

    key_id: str
    public_key: str
    signature: str


def read_token(token: str) -> SealedToken:
    """The parts of a token. Raises Unavailable for what is none."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise Unavailable("A stored secret is damaged: it has not the form pk1.KEY.TEXT. Set it anew.")
    return SealedToken(found[1], found[2])
