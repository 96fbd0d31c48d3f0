"""What is kept because making it again takes longer than finding it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from registry.domain.ids import RepositoryName


class Cache(Protocol):
    """Bytes by key, bounded: any of them may be gone at any moment.

    A key names content that never changes (by digest, commit and format), so nothing is ever invalidated, and all
    processes may share one. Where it is away it is empty; none but ``forget_former`` raises for that, or waits long.
    """

    async def find(self, key: str) -> bytes | None:
        """What was put; None where it is not there, or not found in time."""
        ...

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Keeps a value, for so long at most; best effort, and not where it is larger than one value may be."""
        ...

    async def fetch(self, key: str, make: Callable[[], Awaitable[bytes]], *, seconds: float) -> bytes:
        """The value, made where it is not there; of many who ask at once, in any process, one makes it.

        The others wait for that, but not long: then they make it themselves. What ``make`` raises, everybody of this
        process who waited gets.
        """
        ...

    async def forget_former(self, repository: RepositoryName) -> None:
        """Forgets at least what is kept of a repository, for all processes. Raises Unavailable."""
        ...

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """How often each layer had what was asked of it, and how often it had not."""
        ...
