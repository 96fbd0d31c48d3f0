"""Sending mail."""

from typing import Protocol

from registry.domain.letters import Letter


class MailFailed(Exception):
    """A letter did not go out. ``reason`` can be told and logged; ``is_final``: trying again is of no use."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


class Mailer(Protocol):
    """A server of mail."""

    async def send(self, letter: Letter) -> None:
        """Hands a letter to the server, once. Raises MailFailed."""
        ...

    async def check(self) -> None:
        """Connects and signs in as ``send`` does, and sends nothing. Raises MailFailed."""
        ...
