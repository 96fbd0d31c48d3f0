"""Moves of refs on their way into the audit. The calls are short and synchronous."""

from collections.abc import Collection, Sequence
from typing import Protocol

from registry.domain.ref_intents import RefIntent


class RefJournal(Protocol):
    """Intents, kept on the disk of the repositories, until they have been entered."""

    def intend(self, intents: Sequence[RefIntent]) -> None:
        """Keeps them durably: call it before the refs move. Raises Unavailable, and then nothing may move."""
        ...

    def settle(self, operations: Collection[str], *, landed: bool) -> None:
        """Says what became of them. That need not outlive a power cut: else the refs themselves are looked at.

        Never raises.
        """
        ...

    def waiting(self) -> list[RefIntent]:
        """All that were not forgotten, in their order; also those of processes that have ended, from now on as own.

        Raises Unavailable.
        """
        ...

    def forget(self, operations: Collection[str]) -> None:
        """Leaves out what has been entered, or did not land. What a kill brings back is entered once all the same."""
        ...

    def close(self) -> None:
        """Leaves what is left to the next process that looks."""
        ...
