"""Mail over SMTP (``registry.ports.mail``): nothing of a letter is logged, and no password goes out without TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP as Client  # noqa: N811  (email has a policy of that name)
from aiosmtplib import SMTPDataError, SMTPException, SMTPNotSupported, SMTPRecipientsRefused, SMTPResponseException

from registry.domain.letters import Letter
from registry.ports.mail import MailFailed

_PORTS = {"smtp": 587, "smtps": 465}
_TOLD = 200
"""Letters of a server's answer that are told."""


class SmtpMailer:
    """One server, and one connection for each letter: they are few."""

    def __init__(
        self, url: str, *, sender: Address, starttls: bool | None, ca_file: Path | None = None, seconds: float
    ) -> None:
        """``url``: smtp://user:password@host:587, or smtps:// with TLS from the first byte.

        ``starttls``: whether smtp:// has to go on with TLS; None: where the server offers it. ``seconds`` are for all
        of one letter.
        """
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password or "") if parts.username else None
        self._is_tls = parts.scheme == "smtps"
        self._starttls = False if self._is_tls else starttls
        self._sender = sender
        self._ca_file = ca_file
        self._seconds = seconds

    async def send(self, letter: Letter) -> None:
        """Hands a letter to the server, once. Raises MailFailed."""
        message = self._message(letter)
        async with self._connected() as client:
            await client.send_message(message, sender=self._sender.addr_spec, recipients=[letter.email])

    async def check(self) -> None:
        """Connects and signs in as ``send`` does, and sends nothing. Raises MailFailed."""
        async with self._connected() as client:
            await client.noop()

    def _message(self, letter: Letter) -> EmailMessage:
        """The letter with its headers, which nothing typed in can add to. Raises MailFailed."""
        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = self._sender
            message["To"] = Address(letter.name, addr_spec=letter.email)
            message["Subject"] = letter.subject
        except (ValueError, MessageError, IndexError) as error:  # the parser of addresses raises the last one
            raise MailFailed(f"{letter.email!r} is no address that mail can be sent to.", is_final=True) from error
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = make_msgid(domain=self._sender.domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answer, please
        message.set_content(letter.text)
        return message

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        """A connection with TLS and signed in, as is set; what goes wrong is MailFailed."""
        client = Client(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            local_hostname=self._sender.domain,
            timeout=self._seconds,
            use_tls=self._is_tls,
            start_tls=self._starttls,
            tls_context=ssl.create_default_context(cafile=self._ca_file),
        )
        try:
            async with asyncio.timeout(self._seconds), client:
                yield client
        except SMTPRecipientsRefused as error:
            codes = [each.code for each in error.recipients]
            said = f"{self._where} does not take mail for that address ({', '.join(map(str, codes))})."
            raise MailFailed(said, is_final=all(code >= 500 for code in codes)) from None
        except SMTPDataError as error:  # what the server says of a letter may have some of it
            raise MailFailed(f"{self._where} refuses the letter ({error.code}).", is_final=error.code >= 500) from None
        except SMTPResponseException as error:
            said = f"{self._where} says {error.code} {_shown(error.message)}"
            raise MailFailed(said, is_final=error.code >= 500) from None
        except SMTPNotSupported as error:
            raise MailFailed(f"{self._where}: {_shown(str(error))}", is_final=True) from None
        except ssl.SSLError as error:
            said = f"{self._where}: TLS failed: {_shown(error.reason or str(error))}"
            raise MailFailed(said, is_final=False) from None
        except TimeoutError:
            raise MailFailed(f"{self._where} did not answer in {self._seconds:g} s.", is_final=False) from None
        except (SMTPException, OSError, ValueError) as error:
            raise MailFailed(f"{self._where}: {_shown(str(error))}", is_final=False) from None

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port}"


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_TOLD]
