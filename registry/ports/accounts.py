"""Users and API keys: what lives in SQL alone."""

from datetime import datetime
from typing import Protocol

from registry.domain.access import ApiKey, User
from registry.domain.ids import UserName


class Users(Protocol):
    """People and programs with a name."""

    async def find(self, user: UserName) -> User | None:
        """The user of that name."""
        ...

    async def first(self) -> User | None:
        """The first administrator: the user that was made first."""
        ...

    async def put(self, user: User) -> None:
        """Adds or changes a user."""
        ...


class Keys(Protocol):
    """API keys by the SHA-256 of their secret."""

    async def add(self, key: ApiKey) -> None:
        """Stores a new key, durably."""
        ...

    async def find(self, secret_hash: str) -> tuple[ApiKey, User] | None:
        """The key with that hash and its user; expired and revoked ones too, which the caller judges."""
        ...

    async def list_keys(self, user: UserName | None = None) -> list[ApiKey]:
        """All keys, or one user's, newest first."""
        ...

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Revokes a key; False where there is none of that id."""
        ...
