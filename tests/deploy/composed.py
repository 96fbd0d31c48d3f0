"""docker-compose.yml and the Dockerfile as tests read them, and the same processes without containers."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from scripts.services.programs import find_program
from tests.backing import absent
from tests.ports import free_port
from tests.running import ROOT

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
NGINX = ROOT / "deploy/nginx"
NOBODY = 65534


def composed() -> dict[str, Any]:
    """The whole file, with what is set where nothing is set."""
    document: dict[str, Any] = _filled_in(yaml.safe_load(COMPOSE.read_text()))
    return document


def _filled_in(part: Any) -> Any:
    """As Compose does it, after the YAML is read: what is filled in stays a string."""
    if isinstance(part, dict):
        return {key: _filled_in(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled_in(value) for value in part]
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: found[2], part) if isinstance(part, str) else part


def services() -> dict[str, dict[str, Any]]:
    """The services by name."""
    found: dict[str, dict[str, Any]] = composed()["services"]
    return found


def instruction(name: str) -> str:
    """The last instruction of this name in the Dockerfile, on one line."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    return [line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} ")][-1]


def image_settings() -> dict[str, str]:
    """The environment that the image has."""
    return dict(re.findall(r"(\w+)=(\S+)", instruction("ENV")))


def image_check() -> list[str]:
    """The image's own health check."""
    return list(json.loads(instruction("HEALTHCHECK").partition("CMD ")[2]))


def is_healthy(check: list[str], port: int) -> bool:
    """Run a health check as it stands against a process that has another port here than in its container."""
    assert check[0] == "python", check
    command = [sys.executable, *(part.replace(":8000/", f":{port}/") for part in check[1:])]
    environment = {**os.environ, "PROMPTUARY_PORT": str(port)}  # noqa: TID251 - a child's
    return subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False).returncode == 0


def nginx_program() -> Path:
    """Debian's nginx; installed where root runs the tests and there is none."""
    program = find_program("nginx")
    if program is None:
        subprocess.run([sys.executable, "-m", "scripts.services.programs", "nginx"], cwd=ROOT, check=False)
        program = find_program("nginx")
    if program is None:
        absent("This test needs nginx, and there is none.")
    return program


@contextmanager
def nginx_folder(port: int, replicas: list[int]) -> Iterator[Path]:
    """The configuration as it stands, but for ports, and for a folder that somebody without rights may write to."""
    folder = Path(tempfile.mkdtemp(prefix="promptuary-nginx-"))
    try:
        folder.chmod(0o777)
        main = (NGINX / "nginx.conf").read_text()
        assert "listen 8080;" in main
        main = main.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace(" /tmp/", f" {folder}/")
        (folder / "nginx.conf").write_text(main)
        upstream = (NGINX / "upstream.conf").read_text()
        for number, replica in enumerate(replicas, 1):
            assert f"server api-{number}:8000 resolve" in upstream
            upstream = upstream.replace(f"server api-{number}:8000 resolve", f"server 127.0.0.1:{replica}")
        (folder / "upstream.conf").write_text(re.sub(r"^ *resolver .*\n", "", upstream, flags=re.MULTILINE))
        yield folder
    finally:
        shutil.rmtree(folder)


def as_nobody() -> list[str]:
    """What makes a command that of a user without rights, as in a container."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]


@contextmanager
def running_nginx(replicas: list[int]) -> Iterator[int]:
    """Nginx in front of replicas at these ports, started as in its container: its port."""
    port = free_port()
    with nginx_folder(port, replicas) as folder:
        entrypoint = services()["nginx"]["entrypoint"]
        assert entrypoint[0] == "nginx"
        command = [part.replace("/etc/promptuary", str(folder)) for part in entrypoint[1:]]
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*as_nobody(), nginx_program(), *command], stdout=output, stderr=subprocess.STDOUT
            )
        try:
            until = time.monotonic() + 10
            while not (folder / "nginx.pid").exists():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()
            process.wait(20)
