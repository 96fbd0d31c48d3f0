"""Servers over TLS with a certificate made for the test."""

import socket
import ssl
import subprocess
from pathlib import Path

import httpx

from tests.running import Running


def make_certificate(folder: Path, name: str, *options: str) -> tuple[Path, Path]:
    """A certificate that signs itself, for localhost, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2",
            "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", str(key), "-out", str(certificate), *(options or ("-nodes",)),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key


class Secured(Running):
    """A server over TLS."""

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> httpx.Response:
        context = ssl.create_default_context(cafile=self.settings["PROMPTUARY_TLS_CERTIFICATE"])
        with httpx.Client(verify=context) as client:
            return client.get(f"https://localhost:{self.port}{path}", headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def common_name(self) -> str:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), 5) as line, context.wrap_socket(line) as secured:
            certificate = secured.getpeercert(binary_form=True)
        assert certificate is not None
        shown = subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-noout", "-subject"],
            input=certificate,
            capture_output=True,
            check=True,
        )
        return shown.stdout.decode().strip().rpartition("= ")[2].rpartition("CN=")[2].strip()
