"""Signing in on a device without a browser (RFC 8628): a code that the device has, and one that a person types in."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from registry.domain.ids import UserName
from registry.domain.roles import Scope

LASTS = timedelta(minutes=10)
"""How long a person has to decide."""

INTERVAL = timedelta(seconds=5)
"""How often the device may ask."""

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no words come out, and nothing that looks like another one (RFC 8628, 6.1)."""

_HALF = 4
_NO_LETTER = re.compile(r"[\s\-]")


class DeviceDecision(StrEnum):
    """What a person said."""

    APPROVED = "approved"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class DeviceGrant:
    """A device that asks to act for somebody: its code as a SHA-256, and what a person sees of it.

    ``user`` is who decided, in which ``session``: when that ends, so does what was approved in it. ``address`` and
    ``agent`` are those of the device.
    """

    hash: str
    user_code: str
    scope: Scope
    address: str | None
    agent: str
    made_at: datetime
    expires_at: datetime
    polled_at: datetime | None = None
    user: UserName | None = None
    session: str | None = None
    decision: DeviceDecision | None = None

    def is_too_soon(self, now: datetime) -> bool:
        """Whether the device asked a moment ago. A second is allowed for clocks and ways that differ."""
        return self.polled_at is not None and now - self.polled_at < INTERVAL - timedelta(seconds=1)


def new_user_code() -> str:
    """Eight letters: one of 25 thousand millions, for ten minutes."""
    return "".join(secrets.choice(_LETTERS) for _ in range(2 * _HALF))


def shown_code(code: str) -> str:
    """A user code as people read it: ``BDFG-HJKL``."""
    return f"{code[:_HALF]}-{code[_HALF:]}"


def typed_code(text: str) -> str | None:
    """The user code that somebody typed in, in whatever case and with whatever between; None where it is none."""
    if len(text) > 10 * _HALF:
        return None
    code = _NO_LETTER.sub("", text).upper()
    return code if len(code) == 2 * _HALF and set(code) <= set(_LETTERS) else None
