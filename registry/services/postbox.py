"""Letters on their way: sent while somebody waits, or in the background and then tried again."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence

from registry.domain.letters import Letter
from registry.ports.mail import Mailer, MailFailed

log = logging.getLogger(__name__)

AGAIN_SECONDS = (5.0, 60.0, 300.0)
"""How long a letter rests that did not go out before it is tried again; after the last it is given up."""

AT_ONCE = 2
"""Connections to the server of mail."""

MOST = 1_000
"""Errands that may be under way: what comes on top is let go, for nobody waits for it."""


class Postbox:
    """The way to the server of mail, where one is set. What is on its way when the process ends is lost."""

    def __init__(self, mailer: Mailer | None, *, again: Sequence[float] = AGAIN_SECONDS) -> None:
        self._mailer = mailer
        self._again = again
        self._sending = asyncio.Semaphore(AT_ONCE)
        self._errands = set[asyncio.Task[None]]()

    @property
    def is_set(self) -> bool:
        """Whether there is a server of mail."""
        return self._mailer is not None

    async def send(self, letter: Letter) -> None:
        """Sends a letter now, once. Raises MailFailed."""
        if self._mailer is None:
            raise MailFailed("No mail is sent: PROMPTUARY_SMTP_URL is not set.", is_final=True)
        async with self._sending:
            await self._mailer.send(letter)

    async def deliver(self, letter: Letter, whom: str) -> None:
        """Sends a letter and tries again where that may help; what did not go out at last is logged, by ``whom``."""
        for wait in (*self._again, None):
            try:
                await self.send(letter)
            except MailFailed as failed:
                if wait is None or failed.is_final:
                    log.warning("mail to the user %s was not sent: %s", whom, failed.reason)
                    return
                log.info("mail to the user %s was not sent, and is tried again: %s", whom, failed.reason)
                await asyncio.sleep(wait)
            else:
                return

    def start(self, errand: Coroutine[object, object, None]) -> None:
        """Has something done in the background."""
        if len(self._errands) >= MOST:
            errand.close()
            log.warning("mail: %d letters are under way already; one more is not written", MOST)
            return
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("mail: an errand broke off", exc_info=problem)

    async def close(self) -> None:
        """Ends what is under way."""
        for task in self._errands:
            task.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
