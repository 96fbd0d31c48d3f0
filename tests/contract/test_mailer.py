"""Mail over SMTP (``registry.ports.mail``), to real servers of every temper."""

import asyncio
import logging
import ssl
import time
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest

from registry.adapters.smtp.mailer import SmtpMailer
from registry.domain.letters import Letter
from registry.ports.mail import MailFailed
from tests.mailing import mail_server, text_of
from tests.secured import make_certificate

FROM = Address("Promptuary", addr_spec="prompts@example.com")
LETTER = Letter("김민지", "kim@example.com", "Invitation · 초대", "Hello.\n.\n안녕하세요.\n")


def mailer(port: int, scheme: str = "smtp", who: str = "", **how: Any) -> SmtpMailer:
    return SmtpMailer(f"{scheme}://{who}localhost:{port}", **{"sender": FROM, "starttls": None, "seconds": 5.0, **how})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "mail.test")


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mail_server() as server:
        await mailer(server.port).send(LETTER)
    (letter,), (envelope,) = server.letters, server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("prompts@example.com", ["kim@example.com"])
    assert (letter["subject"], letter["to"]) == ("Invitation · 초대", "김민지 <kim@example.com>")
    assert (letter["from"], letter["auto-submitted"]) == ("Promptuary <prompts@example.com>", "auto-generated")
    assert (text_of(letter).splitlines(), letter.get_content_type()) == (LETTER.text.splitlines(), "text/plain")
    assert letter["message-id"].endswith("@example.com>")
    assert letter["date"]


@pytest.mark.parametrize(
    "letter",
    [
        Letter("Kim\r\nBcc: evil@example.com", "kim@example.com", "x", "x"),
        Letter("Kim", "kim@example.com\r\nBcc: evil@example.com", "x", "x"),
        Letter("Kim", "kim@example.com, evil@example.com", "x", "x"),
        Letter("Kim", "kim@example.com> RCPT TO:<evil@example.com", "x", "x"),
        Letter("Kim", "kim@example.com", "x\nBcc: evil@example.com", "x"),
        Letter("Kim", "", "x", "x"),
        Letter("Kim", "@", "x", "x"),
    ],
)
async def test_nothing_typed_in_adds_a_header_or_a_recipient(letter: Letter) -> None:
    async with mail_server() as server:
        with pytest.raises(MailFailed) as failed:
            await mailer(server.port).send(letter)
        await mailer(server.port).send(Letter('Kim" <evil@example.com>, "', "kim@example.com", "x", "Bcc: x\n\n.\nx\n"))
    assert failed.value.is_final
    assert [each.rcpt_tos for each in server.envelopes] == [["kim@example.com"]]
    assert [(address.addr_spec) for address in server.letters[0]["to"].addresses] == ["kim@example.com"]
    assert server.letters[0]["bcc"] is None


async def test_tls_from_the_first_byte_and_a_password(certificate: tuple[Path, Path], tls: ssl.SSLContext) -> None:
    async with mail_server(tls, at_once=True, auth_required=True, auth_require_tls=False) as server:
        to = mailer(server.port, "smtps", "prompts:s%20e%2Fcret@", ca_file=certificate[0])
        await to.check()
        await to.send(LETTER)
        with pytest.raises(MailFailed, match="535") as failed:
            await mailer(server.port, "smtps", "prompts:wrong@", ca_file=certificate[0]).send(LETTER)
    assert (len(server.letters), failed.value.is_final, "wrong" in failed.value.reason) == (1, True, False)


async def test_starttls_and_a_password(certificate: tuple[Path, Path], tls: ssl.SSLContext) -> None:
    async with mail_server(tls, auth_required=True) as server:
        await mailer(server.port, who="prompts:s%20e%2Fcret@", starttls=True, ca_file=certificate[0]).send(LETTER)
    assert len(server.letters) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    async with mail_server(tls) as server:
        with pytest.raises(MailFailed, match="TLS failed"):
            await mailer(server.port, starttls=True).send(LETTER)
    assert server.envelopes == []


async def test_where_starttls_is_required_nothing_goes_out_without_it() -> None:
    """As where somebody in between takes the offer away."""
    async with mail_server(auth_required=True, auth_require_tls=False) as server:
        with pytest.raises(MailFailed) as failed:
            await mailer(server.port, who="prompts:s%20e%2Fcret@", starttls=True).send(LETTER)
    assert (server.signed_in, server.envelopes, "STARTTLS" in failed.value.reason.upper()) == ([], [], True)


@pytest.mark.parametrize("line", [b"220 mail.test\r\n", b"220-mail.test\r\n"], ids=["hangs", "drips"])
async def test_a_server_that_never_comes_to_an_end_is_left(line: bytes) -> None:
    async def go_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            writer.write(line if line.startswith(b"220-") else b"")
            await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(go_on, "127.0.0.1", 0)
    began = time.monotonic()
    with pytest.raises(MailFailed, match=r"did not answer in 0\.5 s") as failed:
        await mailer(server.sockets[0].getsockname()[1], seconds=0.5).send(LETTER)
    assert (time.monotonic() - began < 5, failed.value.is_final) == (True, False)
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0.1)


async def test_a_server_that_is_slow_at_every_step_is_left_as_well() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = b"220 mail.test\r\n"
        while True:
            await asyncio.sleep(0.3)
            writer.write(line)
            if not await reader.readline():
                break
            line = b"250 mail.test\r\n"
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    with pytest.raises(MailFailed, match="did not answer"):
        await mailer(server.sockets[0].getsockname()[1], seconds=0.5).send(LETTER)
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0.4)


@pytest.mark.parametrize(
    ("step", "answer", "is_final"),
    [
        ("RCPT", "550 no such user", True),
        ("RCPT", "451 greylisted", False),
        ("DATA", f"554 {LETTER.text!r}", True),
        ("DATA", "452 full", False),
    ],
)
async def test_a_server_that_refuses(step: str, answer: str, is_final: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with mail_server() as server:
        server.refuses[step] = answer
        with pytest.raises(MailFailed, match=answer[:3]) as failed:
            await mailer(server.port).send(LETTER)
    assert failed.value.is_final is is_final
    assert "Hello" not in failed.value.reason
    own = [each.getMessage() for each in caplog.records if not each.name.startswith("mail")]
    assert "Hello" not in "".join(own)


async def test_nobody_listens() -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(MailFailed) as failed:
        await mailer(port).check()
    assert (failed.value.is_final, str(port) in failed.value.reason) == (False, True)
