"""The settings of the edge (docs/edge.md): what those who connect may do, and whom to believe."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from registry.domain.rate_limits import LimitKind, RateLimit

_RATES = (
    "rate_reads",
    "rate_renders",
    "rate_writes",
    "rate_git",
    "rate_anonymous",
    "rate_failures",
    "rate_sign_ins",
    "rate_sign_ins_of_user",
    "rate_sign_ins_of_address",
    "rate_resets",
    "rate_resets_of_user",
    "rate_links",
    "rate_devices",
    "rate_user_codes",
)
_RATE = re.compile(r"[1-9][0-9]{0,8}/[1-9][0-9]{0,4}")

_HOST = re.compile(r"[a-z0-9.:_-]+")
_PORTS = {"http": 80, "https": 443}

Network = IPv4Network | IPv6Network


class EdgeSettings(BaseSettings):
    """A part of ``Settings``."""

    head_seconds: float = Field(default=20.0, ge=0)
    slow_seconds: float = Field(default=60.0, ge=0)
    slow_bytes: int = Field(default=256, ge=1)
    keep_alive_seconds: float = Field(default=5.0, gt=0)
    address_connections: int = Field(default=1000, ge=0)
    trusted_proxies: str | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    hsts_seconds: int = Field(default=31_536_000, ge=0)
    cors_origins: str | None = None
    rate_reads: str = "off"
    rate_renders: str = "10000/10"
    rate_writes: str = "3000/60"
    rate_git: str = "1200/60"
    rate_anonymous: str = "1200/60"
    rate_failures: str = "30/60"
    rate_sign_ins: str = "10/300"
    rate_sign_ins_of_user: str = "100/3600"
    rate_sign_ins_of_address: str = "200/600"
    rate_resets: str = "10/600"
    rate_resets_of_user: str = "3/3600"
    rate_links: str = "30/600"
    rate_devices: str = "30/600"
    rate_user_codes: str = "20/600"

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str | None) -> str | None:
        for word in _words(text):
            try:
                network = ip_network(word)
            except ValueError as error:
                raise ValueError(
                    f"has {word!r}, which is no address and no network: write 10.0.0.7 or 10.0.0.0/8, spaces between"
                ) from error
            if not network.prefixlen:
                raise ValueError(f"has {word}, which is everybody: name the proxies, or their network")
        return text

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, text: str | None) -> str | None:
        for word in _words(text):
            if word == "*":
                raise ValueError("has *, which is every page on the internet: name the origins that may call")
            if _origin_of(word) != word:
                raise ValueError(
                    f"has {word!r}, which is no origin as browsers write it: https://app.example.com, in lower case, "
                    "with a port where it is another than the scheme's, and nothing behind it"
                )
        return text

    @field_validator(*_RATES)
    @classmethod
    def _is_rate(cls, text: str) -> str:
        if text != "off" and not _RATE.fullmatch(text):
            raise ValueError(f"is {text!r}: write so many requests in so many seconds, as 600/60, or off")
        return text

    @model_validator(mode="after")
    def _has_both_halves(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("PROMPTUARY_TLS_CERTIFICATE and PROMPTUARY_TLS_KEY are set together: one needs the other")
        return self

    @property
    def rate_limits(self) -> dict[LimitKind, RateLimit]:
        """What callers may ask, where there is a limit."""
        said = {kind: str(getattr(self, f"rate_{kind}")).partition("/") for kind in LimitKind}
        return {kind: RateLimit(kind, int(n), float(s)) for kind, (n, _, s) in said.items() if s}

    @property
    def origins(self) -> tuple[str, ...]:
        """Whose pages may call."""
        return tuple(_words(self.cors_origins))

    @property
    def proxies(self) -> tuple[Network, ...]:
        """Whose word about addresses and schemes counts."""
        return tuple(ip_network(word) for word in _words(self.trusted_proxies))


def _words(text: str | None) -> list[str]:
    return (text or "").replace(",", " ").split()


def _origin_of(address: str) -> str | None:
    """The origin of an address, as browsers write it; None where it has none."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or not _HOST.fullmatch(parts.hostname) or "@" in parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, _PORTS[parts.scheme]} else "")
