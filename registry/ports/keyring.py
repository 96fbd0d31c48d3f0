"""Secrets at rest, and statements that nobody else can make."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from registry.domain.keyring import RingKey, SignedStatement


class KeyRing(Protocol):
    """Encrypts under its current key, reads under every key that it has. The calls are short and synchronous.

    ``purpose`` is a word for the kind of secret (``webhook``), ``record`` the id of whose it is: a token that was moved
    to another purpose or record cannot be read there. Every call raises Unavailable where the ring cannot be read.
    """

    def encrypt(self, purpose: str, record: str, plain: bytes) -> str:
        """A token that names its key; another one each time."""
        ...

    def decrypt(self, purpose: str, record: str, token: str) -> bytes:
        """What was encrypted. Raises Unavailable where the ring has not the token's key, or it does not fit."""
        ...

    def sign(self, purpose: str, statement: bytes) -> SignedStatement:
        """Signs with the current key."""
        ...

    def verify(self, purpose: str, statement: bytes, signed: SignedStatement) -> bool | None:
        """Whether a key of this ring signed it; None where the ring has not that key, so that nobody here can say."""
        ...

    def list_keys(self) -> Sequence[RingKey]:
        """Its keys, oldest first; none where there is no ring yet."""
        ...

    def rotate(self, at: datetime, *, prepare: bool = False) -> RingKey:
        """Makes the prepared key current, else a new one; with ``prepare`` makes one that waits.

        Durable, all or nothing. Raises Conflict where one is prepared already, Unavailable where the file cannot be
        written.
        """
        ...


class SecretHolder(Protocol):
    """What stores something under a key of the ring."""

    async def renew(self, ring: KeyRing) -> int:
        """Stores under the current key what is stored under former ones; how many that were. May be repeated.

        What the ring cannot read, or did not sign, stays as it is. Raises Unavailable.
        """
        ...
