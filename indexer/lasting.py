"""Work that goes on whatever breaks it off."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""How long what broke off rests before it begins again."""


async def lasting(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Does the work until it ends by itself or is cancelled; what breaks it off is logged, and it begins again."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s broke off and begins again", what)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return
