"""A server of mail in the test's own process, and what was sent to it."""

import asyncio
import re
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from registry.bootstrap import Registry
from registry.domain.ids import UserName
from registry.domain.sign_in import StoredPassword

LINK = re.compile(r"(\S+)/join#(pml_[A-Za-z0-9_-]{43}[0-9a-f]{8})")


@dataclass
class MailServer:
    """Keeps letters; ``refuses`` is what it answers instead, to the recipient or to the letter's text."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    signed_in: list[bytes] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    end: Callable[[], object] = lambda: None

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        self.asked += 1
        if "RCPT" in self.refuses:
            return self.refuses["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.refuses:
            return self.refuses["DATA"]
        self.envelopes.append(envelope)
        self.arrived.set()
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _way: str, data: Any) -> AuthResult:
        self.signed_in.append(data.login)
        return AuthResult(success=(data.login, data.password) == (b"prompts", b"s e/cret"), handled=False)

    @property
    def letters(self) -> list[EmailMessage]:
        """What came in, read as a mail program does."""
        read = (message_from_bytes(each.content, policy=policy.default) for each in self.envelopes)  # type: ignore[arg-type]
        return [each for each in read if isinstance(each, EmailMessage)]

    async def next_letter(self) -> EmailMessage:
        """The next one that comes in, or has come in and was not asked for."""
        await asyncio.wait_for(self.arrived.wait(), 10)
        self.arrived.clear()
        return self.letters[-1]


def text_of(letter: EmailMessage) -> str:
    return str(letter.get_content())


def link_in(letter: EmailMessage) -> tuple[str, str]:
    """Where the link in a letter leads, and its secret; the same in each of its languages."""
    (found,) = set(LINK.findall(text_of(letter)))
    return found


async def give_password(registry: Registry, user: str) -> None:
    """Some password, which he forgot; nobody has hashed it."""
    stored = StoredPassword(UserName(user), "$argon2id$", datetime.now(UTC))
    await registry.signing_in.passwords._stored.put(stored)


@asynccontextmanager
async def mail_server(
    tls: ssl.SSLContext | None = None, *, at_once: bool = False, **how: Any
) -> AsyncIterator[MailServer]:
    """A server until the context is left: with STARTTLS where ``tls`` is given, or with TLS ``at_once``."""
    found = MailServer()
    if how.get("auth_required"):
        how["authenticator"] = found.authenticate
    if tls is not None and not at_once:
        how["tls_context"] = tls
    loop, talks = asyncio.get_running_loop(), list[SMTP]()

    def talk() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of passwords without TLS, which are meant
            talks.append(SMTP(found, enable_SMTPUTF8=True, hostname="mail.test", **how))
        return talks[-1]

    server = await loop.create_server(talk, "127.0.0.1", 0, ssl=tls if at_once else None)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for each in talks:
            if each.transport is not None:
                each.transport.close()
        await asyncio.sleep(0.01)  # so that they are closed


@contextmanager
def mail_server_beside() -> Iterator[MailServer]:
    """A server in a thread, for what has the test's own thread to itself."""
    started: Future[MailServer] = Future()

    async def serve() -> None:
        ended = asyncio.Event()
        async with mail_server() as server:
            server.end = partial(asyncio.get_running_loop().call_soon_threadsafe, ended.set)
            started.set_result(server)
            await ended.wait()

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    server = started.result(10)
    try:
        yield server
    finally:
        server.end()
        thread.join(10)
