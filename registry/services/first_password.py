"""The password that the first administrator signs in with once, and has to change then."""

import asyncio
import secrets
from pathlib import Path

from registry.domain.access import User
from registry.domain.errors import Unavailable
from registry.ports.accounts import Users
from registry.ports.sign_in import Passwords
from registry.services.passwords import PasswordSignIn
from registry.services.secret_files import write_secret

_BYTES = 12


class FirstPassword:
    """A one-time password in the file ``admin-password`` (0600) of the data folder."""

    def __init__(self, *, users: Users, stored: Passwords, passwords: PasswordSignIn, data: Path) -> None:
        self._users = users
        self._stored = stored
        self._passwords = passwords
        self._path = data / "admin-password"

    @property
    def path(self) -> Path:
        """Where it is, until it was changed."""
        return self._path

    async def ensure(self) -> None:
        """Sees to it that the first administrator has a password; a file that is of no use any more is removed.

        Raises Unavailable where the folder cannot be written; then no password was set.
        """
        user = await self._users.first()
        if user is None or not self._passwords.is_allowed:
            return
        found = await self._stored.find(user.user)
        stored = found[1] if found is not None else None
        try:
            if stored is not None and not stored.must_change:
                self._path.unlink(missing_ok=True)
            elif stored is None or not self._path.exists():
                await self._give(user)
        except OSError as error:
            raise Unavailable(f"Cannot write the first password to {self._path}: {error.strerror}.") from error

    async def _give(self, user: User) -> None:
        password, written = secrets.token_urlsafe(_BYTES), self._path.with_name("admin-password.new")
        await asyncio.to_thread(write_secret, written, password)  # first: one that cannot be kept must not count
        await self._passwords.set(user, password, must_change=True)
        written.replace(self._path)
