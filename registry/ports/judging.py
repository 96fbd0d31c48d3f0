"""Judging many templates outside of this process."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from registry.domain.ids import BlobId
from registry.domain.judging import Case, Checked, Outcome


class Judges(Protocol):
    """Judges batches of templates elsewhere, so that this process has its time for other things."""

    def prepare(self) -> None:
        """Sends for whoever is not there to judge. To be called before there is much to judge, and after a loss."""
        ...

    def room(self) -> int:
        """How many batches can be given to ``judge`` now."""
        ...

    async def judge(
        self, cases: Sequence[Case], bodies: Mapping[BlobId, bytes], *, whole: bool
    ) -> Sequence[tuple[Outcome, Checked | None]]:
        """The outcomes in the order of the cases; ``bodies`` holds every blob of their closures.

        With ``whole``, those that have offline tests come with their templates. Raises Unavailable; then nothing is
        lost but time.
        """
        ...

    async def close(self) -> None:
        """Ends what judges; whoever still waits gets Unavailable."""
        ...
