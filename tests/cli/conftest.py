"""The program as a process of its own, and a checkout to work in."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer import testing
from typer.main import get_command

from api.cli import app
from tests.databases import address_of, own_database
from tests.running import Running
from tests.stock import FILES

PROGRAM = [sys.executable, "-c", "from api.cli import main; main()"]
ROOT = Path(__file__).parents[2]
# Every run would make all commands out of their functions anew, which takes longer than most of them.
testing._get_command = cache(get_command)


@dataclass(frozen=True)
class Done:
    """What a run of the program came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


Run = Callable[..., Done]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without the settings of whoever runs the tests."""
    unwanted = ("PROMPTUARY_", "PYTHONDONTWRITEBYTECODE")  # compiling everything anew takes longer than most tests
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}  # noqa: TID251
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **more}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program in the temporary folder, on a data folder in it; in this process, because that starts quicker."""

    def call(*arguments: str, stdin: str = "", cwd: Path = tmp_path, **more: str) -> Done:
        with monkeypatch.context() as patch:
            patch.chdir(cwd)
            for name in [name for name in os.environ if name.startswith("PROMPTUARY_")]:  # noqa: TID251
                patch.delenv(name)
            folders = {"PROMPTUARY_DATA": str(tmp_path / "data"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
            folders["XDG_CONFIG_HOME"] = str(tmp_path / "config")
            for name, value in {**folders, "COLUMNS": "100", **more}.items():
                patch.setenv(name, value)
            done = testing.CliRunner().invoke(app, list(arguments), input=stdin.encode(), prog_name="promptuary")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    return call


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """Runs the program in a process of its own."""

    def call(*arguments: str, **more: str) -> Done:
        done = subprocess.run(
            [*PROGRAM, *arguments], capture_output=True, cwd=tmp_path, env=environment(**more), timeout=60, check=False
        )
        assert b"Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


class AsNobody:
    """Runs the program as a user without rights, in a folder that such a user can look into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, **more: str) -> Done:
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        env = environment(HOME=str(self.folder), PYTHONDONTWRITEBYTECODE="1", **more)
        done = subprocess.run(
            [*drop, *PROGRAM, *arguments], capture_output=True, cwd=self.folder, env=env, timeout=120, check=False
        )
        assert b"Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def as_nobody() -> Iterator[AsNobody]:
    """Only for root, who may become somebody else."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root, with setpriv, runs programs as somebody else")
    folder = Path(tempfile.mkdtemp(prefix="promptuary-test-"))
    folder.chmod(0o755)
    yield AsNobody(folder)
    shutil.rmtree(folder)


@pytest.fixture
def postgres() -> Iterator[dict[str, str]]:
    """The setting that names an empty database of the test's own."""
    with own_database() as name:
        yield {"PROMPTUARY_DATABASE_URL": address_of(name)}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the files of ``tests.stock``, and a label."""
    folder = tmp_path / "checkout"
    for path, text in {**FILES, "labels/production/support.yaml": "triage: 1\n"}.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(stocked_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with the small repository of ``tests.stock``, one for all tests of a file."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(stocked_folder, folder / "data")
    running = Running(folder / "data", folder / "log")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def ask(run: Run, server: Running) -> Run:
    """Runs a command against the server."""

    def call(*arguments: str, **more: str) -> Done:
        return run(*arguments, PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=server.key, **more)

    return call


def url_of(server: Running) -> str:
    return f"http://127.0.0.1:{server.port}"
