"""Links by which people set their password: invitations, and resets of a forgotten one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from registry.domain.ids import UserName


class LinkKind(StrEnum):
    """What a link is for."""

    INVITATION = "invitation"
    RESET = "reset"


LIFETIMES = {LinkKind.INVITATION: timedelta(days=7), LinkKind.RESET: timedelta(hours=1)}
"""How long a link holds that nobody has used."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link for one use; its secret is kept only as its SHA-256. ``made_by`` is None where its user asked for it."""

    hash: str
    kind: LinkKind
    user: UserName
    made_at: datetime
    expires_at: datetime
    made_by: UserName | None = None


def link_address(base: str, secret: str) -> str:
    """The address to open. What stands behind # browsers keep to themselves: no server, proxy or log ever has it."""
    return f"{base}/join#{secret}"


def secret_of(text: str) -> str:
    """The secret in what somebody pasted: the whole address, or what stands behind its #."""
    return text.strip().rpartition("#")[2]
