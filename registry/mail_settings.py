"""What is set of mail."""

from email.errors import MessageError
from email.headerregistry import Address
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

_FORM = (
    "must be an address of a mail server: smtp://user:password@mail.example.com:587, or smtps:// with TLS; what is "
    "special in a password is written as %23 and its like"
)


class MailSettings(BaseSettings):
    """A part of ``Settings``."""

    smtp_url: SecretStr | None = None
    smtp_starttls: Literal["auto", "required", "off"] = "auto"
    smtp_ca_file: Path | None = None
    smtp_seconds: float = Field(default=20.0, gt=0, le=300)
    mail_from: str | None = None

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        text = url.get_secret_value() if url else ""
        if not text:
            return None
        try:
            parts = urlsplit(text)
            _ = parts.port  # looked at, it says whether it is one
        except ValueError as error:
            raise ValueError(_FORM) from error
        has_more = parts.path.strip("/") or parts.query or parts.fragment or not text.isprintable() or " " in text
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or has_more:
            raise ValueError(_FORM)
        return url

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, text: str | None) -> str | None:
        if text:
            _address_of(text)
        return text or None

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        parts = self._server
        if parts is None:
            return self
        if not self.mail_from:
            raise ValueError("PROMPTUARY_SMTP_URL needs PROMPTUARY_MAIL_FROM: Promptuary <prompts@example.com>")
        is_plain = parts.scheme == "smtp" and self.smtp_starttls == "off" and not _is_here(parts.hostname or "")
        if is_plain and parts.username:
            raise ValueError("PROMPTUARY_SMTP_STARTTLS=off would send the password of PROMPTUARY_SMTP_URL in the clear")
        return self

    @property
    def sender(self) -> Address | None:
        """Whom mail is from."""
        return _address_of(self.mail_from) if self.mail_from else None

    @property
    def starttls(self) -> bool | None:
        """Whether smtp:// has to go on with TLS; None: where the server offers it, for it is on this machine."""
        if self.smtp_starttls != "auto":
            return self.smtp_starttls == "required"
        parts = self._server
        return None if parts is not None and _is_here(parts.hostname or "") else True

    @property
    def _server(self) -> SplitResult | None:
        return urlsplit(self.smtp_url.get_secret_value()) if self.smtp_url else None


def _address_of(text: str) -> Address:
    """The one address in a text, with its name. Raises ValueError."""
    wrong = ValueError("must be one address, as Promptuary <prompts@example.com>")
    try:
        header = default.header_factory("from", text)
    except (ValueError, MessageError, IndexError) as error:
        raise wrong from error
    if len(header.addresses) != 1 or header.defects or not header.addresses[0].domain or not text.isprintable():
        raise wrong
    found: Address = header.addresses[0]
    return found


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
