"""Taking content out of a repository for good, and out of whatever was made of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from registry.domain.ids import RepositoryName
from registry.domain.purging import Leak, LeakedText, Revision, Rewritten
from registry.domain.refs import RefUpdate
from registry.domain.template import Json

Progress = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is."""


Moving = Callable[[Sequence[RefUpdate], Callable[[], None]], None]
"""Called with moves of refs, and with what makes them, which it calls when it has noted them."""


def unnoted(_updates: Sequence[RefUpdate], move: Callable[[], None]) -> None:
    """Only moves."""
    move()


class OpenPurge(Protocol):
    """A purge under way: until it is finished nothing may be written to the repository."""

    operation: str
    """An id of its own, the same when it goes on after a kill."""
    salt: bytes
    resumed: bool
    """Whether one that was cut off after it had begun to rewrite goes on."""
    said: Json
    """What ``keep`` kept, None where it was not called yet."""

    def keep(self, said: Json) -> None:
        """Keeps what is to be said of the purge, durably: from now on it has to be completed. Raises Unavailable."""
        ...

    def finish(self) -> None:
        """Nothing is left to do: the repository is open again. Raises Unavailable."""
        ...


class HistoryPurge(Protocol):
    """The repositories of this node, as far as their history is rewritten. Everything is long.

    All raise RepositoryNotFound, Unavailable.
    """

    def begin(self, name: RepositoryName, what: bytes, progress: Progress) -> AbstractContextManager[OpenPurge]:
        """Shuts a repository for writes and waits for pushes under way; it stays shut unless the purge is finished.

        ``what`` is what it is about. Raises BadRequest where another purge was cut off and has to be completed first.
        """
        ...

    def search(self, name: RepositoryName, leaked: LeakedText, progress: Progress) -> Leak:
        """Every object that holds the text, whether a ref reaches it or not, and names of files and refs."""
        ...

    def present(self, name: RepositoryName, ids: frozenset[str]) -> frozenset[str]:
        """Which of some objects there are, whether a ref reaches them or not."""
        ...

    def rewrite(
        self,
        name: RepositoryName,
        revision: Revision,
        progress: Progress,
        *,
        remember: frozenset[str] | None,
        moving: Moving = unnoted,
    ) -> Rewritten:
        """Rewrites what all refs reach, and moves the refs together; commits that do not change keep their ids.

        From then on the objects to ``remember`` may not come back. With None nothing is written: it only tells.
        ``moving`` makes the moves of all refs but the purge's own. Raises Conflict where refs move meanwhile.
        """
        ...

    def prune(self, name: RepositoryName, progress: Progress) -> None:
        """Drops what no ref reaches for good: loose objects, packs, reflogs, and what killed pushes left."""
        ...

    def remembered(self, name: RepositoryName) -> frozenset[str]:
        """The ids that may not come back."""
        ...


class FormerStates(Protocol):
    """A store that may hold former states, or what was deleted, longer than it shows them."""

    async def forget_former(self, repository: RepositoryName) -> None:
        """Forgets for good what it does not show any more. Raises Unavailable."""
        ...
