"""A real MLflow server, and scripts run by its own Python."""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.asking import is_answered
from tests.cli.conftest import ROOT
from tests.ports import free_port
from tests.running import clean_environment

PYTHON = ROOT / ".venv-mlflow" / "bin" / "python"


@contextmanager
def real_mlflow(folder: Path) -> Iterator[str]:
    """The address of the server while it runs, with an empty registry."""
    with (ROOT / ".venv" / "mlflow.lock").open("w") as lock:  # of several workers one installs
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([str(ROOT / "scripts" / "mlflow-venv")], check=True, timeout=900)
    port = free_port()
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.sqlite", "--default-artifact-root", str(folder)]
    command = [str(PYTHON), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *store], env=_environment(folder), cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        until = time.monotonic() + 300
        while not is_answered(f"http://127.0.0.1:{port}/health"):
            lives = server.poll() is None and time.monotonic() < until
            assert lives, (folder / "log").read_text()[-4000:]
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def ask_mlflow(script: str, folder: Path, *arguments: str) -> Any:
    """What a script beside this file prints last, as JSON."""
    command = [str(PYTHON), "-P", str(Path(__file__).parent / script), *arguments]
    made = subprocess.run(command, env=_environment(folder), cwd=folder, capture_output=True, timeout=300, check=False)
    assert made.returncode == 0, made.stderr.decode()
    return json.loads(made.stdout.splitlines()[-1])


def _environment(folder: Path) -> dict[str, str]:
    environment = clean_environment(MLFLOW_DISABLE_TELEMETRY="true", HOME=str(folder))
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):  # compiling all of it anew, each time, takes a minute
        environment.pop(name, None)
    return environment
