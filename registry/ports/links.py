"""Links for one use: what lives in SQL alone."""

from collections.abc import Sequence
from typing import Protocol

from registry.domain.access import User
from registry.domain.audit import AuditDraft
from registry.domain.links import Link


class Links(Protocol):
    """Links by the SHA-256 of their secret.

    They end with their user's next password, with another e-mail address of his, and where he is disabled; a link is
    used by ``registry.ports.sign_in.Passwords.put``.
    """

    async def put(self, link: Link, told: Sequence[AuditDraft] = ()) -> None:
        """Stores a new link in the place of its user's other one of that kind, durably; forgets those that have ended.

        Raises NotFound for its user.
        """
        ...

    async def find(self, secret_hash: str) -> tuple[Link, User] | None:
        """The link with that hash, and its user; one that has ended, too: the caller judges."""
        ...
