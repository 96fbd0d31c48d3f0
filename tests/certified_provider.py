"""The certified OpenID provider of ``tests/oidc`` (the npm package oidc-provider), as a process of its own."""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from tests.asking import is_answered
from tests.ports import free_port
from tests.running import clean_environment

ROOT = Path(__file__).parents[1]
CLIENT, SECRET = "promptuary", "a secret+with/signs:and%more"


@dataclass(frozen=True)
class CertifiedProvider:
    """One that is running."""

    issuer: str

    def rotate(self) -> None:
        """From now on it signs with another key, and shows that one alone."""
        httpx.get(f"{self.issuer}/rotate", trust_env=False).raise_for_status()

    def change(self, **accounts: dict[str, Any]) -> None:
        """Accounts get other claims."""
        httpx.post(f"{self.issuer}/accounts", json=accounts, trust_env=False).raise_for_status()

    def sign_in(self, address: str, login: str) -> str:
        """Goes through its pages as somebody's browser does; the address that it sends the browser back to."""
        at = f"{address}&login_hint={login}"
        with httpx.Client(timeout=30, trust_env=False) as browser:
            for _ in range(12):
                answer = browser.get(at)
                assert answer.is_redirect, answer.text
                at = urljoin(at, answer.headers["location"])
                if not at.startswith(self.issuer):
                    return at
        raise AssertionError(f"it never sends the browser back: {at}")


def require_node() -> None:
    """Installs the provider; without Node.js the test is left out, in continuous integration it fails."""
    with (ROOT / ".venv" / "oidc-provider.lock").open("w") as lock:  # of several workers one installs
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([str(ROOT / "scripts" / "oidc-provider")], capture_output=True, timeout=600, check=False)
    if done.returncode:
        said = done.stderr.decode()
        (pytest.fail if "CI" in os.environ else pytest.skip)(said)  # noqa: TID251  (CI is no setting of ours)


@contextmanager
def certified_provider(folder: Path, redirect_uris: list[str], accounts: dict[str, Any], **more: Any) -> Iterator[Any]:
    """A provider with those accounts, for a client with those addresses."""
    require_node()
    port = free_port()
    client = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": redirect_uris, **more.pop("client", {})}
    told = {"port": port, "clients": [client], "accounts": accounts, **more}
    with (folder / "oidc-provider.log").open("wb") as log:
        server = subprocess.Popen(
            ["node", "server.mjs", json.dumps(told)],
            cwd=ROOT / "tests" / "oidc",
            env=clean_environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    issuer = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while not is_answered(f"{issuer}/.well-known/openid-configuration"):
            lives = server.poll() is None and time.monotonic() < until
            assert lives, (folder / "oidc-provider.log").read_text()[-4000:]
            time.sleep(0.05)
        yield CertifiedProvider(issuer)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
