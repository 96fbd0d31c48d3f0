"""A server with its own certificate, as a process: clients that check it, git, a renewal, and certificates that are none."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.observatory import grade
from tests.running import clean_environment
from tests.secured import Secured, make_certificate
from tests.warm import run_warm

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, stocked_folder: Path) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    shutil.copytree(stocked_folder, folder / "data")
    certificate, key = make_certificate(folder, "first")
    named = {"PROMPTUARY_TLS_CERTIFICATE": str(certificate), "PROMPTUARY_TLS_KEY": str(key)}
    made = Secured(folder / "data", folder / "log", settings=named)
    made.start()
    yield made
    made.stop()


def test_it_says_its_address_and_answers_with_the_best_grade(server: Secured) -> None:
    assert f"https://127.0.0.1:{server.port}/docs" in server.tail()
    for path in ("/readyz", "/docs", "/api/v1/repositories/default/templates/support/triage", "/nothing"):
        answer = server.get(path)
        assert (grade(answer.headers, tls=True).letter, grade(answer.headers, tls=True).findings) == ("A+", ())
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_large_answer_and_a_large_body(server: Secured) -> None:
    assert server.get("/docs/assets/swagger-ui-bundle.js").content[:2] == b"/*"
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    context = ssl.create_default_context(cafile=server.settings["PROMPTUARY_TLS_CERTIFICATE"])
    with httpx.Client(verify=context, headers=headers) as client:
        path = f"https://localhost:{server.port}/api/v1/repositories/default/render/support/triage"
        answer = client.post(path, json={"variables": {"ticket": "x" * 500_000}})
    assert (answer.status_code, "ticket" in answer.text) == (422, True)


def test_curl_and_git_check_it(server: Secured, tmp_path: Path) -> None:
    trusted = server.settings["PROMPTUARY_TLS_CERTIFICATE"]
    address = f"https://127.0.0.1:{server.port}"
    assert subprocess.run(["curl", "-sf", "--cacert", trusted, f"{address}/livez"], check=False).returncode == 0
    assert subprocess.run(["curl", "-s", f"{address}/livez"], check=False).returncode == 60

    def git(*arguments: str, cwd: Path = tmp_path) -> str:
        environment = clean_environment(GIT_SSL_CAINFO=trusted)
        return subprocess.run(
            ["git", *arguments], cwd=cwd, env=environment, check=True, capture_output=True, text=True
        ).stderr

    git("clone", f"https://ada:{server.key}@127.0.0.1:{server.port}/git/default.git", "copy")
    (tmp_path / "copy/prompts/new.prompt.yaml").write_text("schema: prompt/v1\ntype: text\ntext: over TLS\n")
    for number in range(10):
        (tmp_path / f"copy/large{number}.bin").write_bytes(os.urandom(200_000))
    git("add", ".", cwd=tmp_path / "copy")
    git("commit", "-m", "over TLS", cwd=tmp_path / "copy")
    assert "new v1 is live" in git("push", cwd=tmp_path / "copy")


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1", "-tls1_2", "-tls1_3"])
def test_old_versions_are_not_spoken(server: Secured, version: str) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", version, "-cipher", "ALL:@SECLEVEL=0"],
        input=b"", capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is (version in {"-tls1_2", "-tls1_3"})


def test_plain_http_gets_nothing(server: Secured) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as line:
        line.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in line.recv(1000)


def test_a_new_certificate_is_taken_on_sighup_and_rubbish_is_not(server: Secured, tmp_path: Path) -> None:
    certificate, key = (Path(server.settings[f"PROMPTUARY_TLS_{what}"]) for what in ("CERTIFICATE", "KEY"))
    assert server.common_name() == "first"
    assert server.process is not None
    for made, renewed in zip((certificate, key), make_certificate(tmp_path, "second"), strict=True):
        made.write_bytes(renewed.read_bytes())
    server.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 20
    while server.common_name() != "second":
        assert time.monotonic() < until
        time.sleep(0.05)
    key.write_text("rubbish")
    server.process.send_signal(signal.SIGHUP)
    while "was not read anew" not in server.tail():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert server.common_name() == "second"


def refusal(tmp_path: Path, certificate: Path, key: Path | None) -> Any:
    settings = {"PROMPTUARY_TLS_CERTIFICATE": str(certificate)} | ({"PROMPTUARY_TLS_KEY": str(key)} if key else {})
    environment = clean_environment(PROMPTUARY_DATA=str(tmp_path / "data"), PROMPTUARY_PORT="0", **settings)
    done = run_warm(["serve"], env=environment, text=True, timeout=60)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert not (tmp_path / "data").exists(), "nothing was begun"
    return done.stderr


def test_certificates_that_are_none_are_refused_by_name(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "one")
    other, other_key = make_certificate(tmp_path, "two")
    locked, locked_key = make_certificate(tmp_path, "locked", "-passout", "pass:secret")
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    assert "set together" in refusal(tmp_path, certificate, None)
    missing = refusal(tmp_path, tmp_path / "none.pem", key)
    assert "PROMPTUARY_TLS_CERTIFICATE names" in missing
    assert "No such file" in missing
    assert "PROMPTUARY_TLS_KEY names" in refusal(tmp_path, certificate, tmp_path / "none.key")
    assert "is not that of the certificate" in refusal(tmp_path, other, key)
    assert "no certificate and key in PEM form" in refusal(tmp_path, rubbish, other_key)
    assert "no certificate and key in PEM form" in refusal(tmp_path, certificate, rubbish)
    assert "is encrypted" in refusal(tmp_path, locked, locked_key)
