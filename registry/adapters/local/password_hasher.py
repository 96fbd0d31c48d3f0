"""Argon2id (RFC 9106), by argon2-cffi."""

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

_MEMORY_KIB, _PASSES, _LANES = 65_536, 3, 1
"""RFC 9106's second choice of memory and passes, in one lane: a server with two cores serves others meanwhile."""


class Argon2Hasher:
    """Implements ``ports.sign_in.PasswordHasher``."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._nobodys: str | None = None

    def hash(self, password: str) -> str:
        """A salted hash with its parameters."""
        return self._hasher.hash(password)

    def verify(self, hash_: str | None, password: str) -> bool:
        """Whether it is the password of that hash."""
        if hash_ is None:
            self._nobodys = self._nobodys or self._hasher.hash("")
        try:
            self._hasher.verify(hash_ or self._nobodys or "", password)
        except (VerificationError, InvalidHashError):
            return False
        return hash_ is not None

    def is_outdated(self, hash_: str) -> bool:
        """Whether it was made with other parameters than new ones are."""
        return self._hasher.check_needs_rehash(hash_)
