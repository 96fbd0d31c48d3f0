"""Which one of several processes projects."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Leadership(Protocol):
    """One process leads at a time, as long as all can see the catalogue."""

    def lead(self) -> AbstractAsyncContextManager[asyncio.Event]:
        """Waits until this process leads, and leads until the context is left; the event is set where that is lost.

        For a moment two may lead: one that was stopped, or cut off, does not know yet. So nothing may depend on there
        being one; a projection's expected checkpoint keeps the catalogue whole.
        """
        ...
