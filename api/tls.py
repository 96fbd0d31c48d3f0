"""The server's own certificate: TLS 1.2 and newer, and a new certificate without a new start."""

import logging
import ssl
from pathlib import Path
from typing import NoReturn

from registry.domain.errors import Unavailable
from registry.settings import Settings

log = logging.getLogger(__name__)


class Certificate:
    """The certificate and key that the settings name, and the context of connections that uses them."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises Unavailable where they cannot be used, saying why."""
        self._certificate = certificate
        self._key = key
        self.context = self._read()

    def reload(self) -> None:
        """Reads both anew, for connections from now on; what cannot be used is logged, and the former one stays."""
        try:
            self._read()
            self.context.load_cert_chain(self._certificate, self._key, _no_password)
        except Unavailable as error:
            log.error("The certificate was not read anew: %s", error.message)  # noqa: TRY400  (there is no mistake of ours)
        else:
            log.info("The certificate was read anew from %s", self._certificate)

    def _read(self) -> ssl.SSLContext:
        for path, setting in ((self._certificate, "PROMPTUARY_TLS_CERTIFICATE"), (self._key, "PROMPTUARY_TLS_KEY")):
            try:
                path.read_bytes()
            except OSError as error:
                raise Unavailable(f"{setting} names {path}, which cannot be read: {error.strerror}.") from error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key, _no_password)
        except (ssl.SSLError, ValueError) as error:
            raise Unavailable(self._fault(error)) from error
        return context

    def _fault(self, error: ssl.SSLError | ValueError) -> str:
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return f"The key in {self._key} is not that of the certificate in {self._certificate}: set the pair."
        if isinstance(error, ssl.SSLError):
            return (
                f"{self._certificate} and {self._key} are no certificate and key in PEM form ({error.reason}): the "
                "first begins with BEGIN CERTIFICATE, the server's own before others; the second has BEGIN PRIVATE KEY."
            )
        return str(error)


def certificate_of(settings: Settings) -> Certificate | None:
    """The certificate where one is set. Raises Unavailable."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_certificate, settings.tls_key)


def _no_password() -> NoReturn:
    """A server that starts by itself has nobody to ask."""
    raise ValueError("The key of PROMPTUARY_TLS_KEY is encrypted: take the password off (openssl pkey -in … -out …).")
