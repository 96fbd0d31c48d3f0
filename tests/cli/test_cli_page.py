"""docs/cli.md is what the program says of itself, and its words for a client's settings are the real ones."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from api.cli_page import cli_page
from registry.settings import ClientSettings
from tests.cli.conftest import environment
from tests.running import Running, git
from tests.warm import warm_program

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_the_commands_own_help() -> None:
    assert PAGE.read_text(encoding="utf-8") == cli_page(), "python -m api.cli_page > docs/cli.md"


def test_the_settings_of_a_client_are_documented() -> None:
    documented = {
        name.lower(): default
        for name, default in re.findall(r"^\| `PROMPTUARY_([A-Z_]+)` \| `?([^|`]+)`? \|", cli_page(), re.MULTILINE)
    }
    shown = {name: str(field.default or "none") for name, field in ClientSettings.model_fields.items()}
    assert {name: default.strip() for name, default in documented.items()} == shown


@pytest.mark.e2e
def test_the_commands_of_the_page_work_as_printed(tmp_path: Path) -> None:
    """The first block beside the data folder of a server with the sample, the second in a clone of it."""
    blocks = re.findall(r"^```bash\n(.*?)^```", cli_page(), re.MULTILINE | re.DOTALL)
    running = Running(tmp_path / ".data", tmp_path / "log", settings={"PROMPTUARY_SAMPLE": "true"})
    running.start()
    try:
        git(tmp_path, "clone", "-q", str(running.bare), "clone")
        inherited = [warm_program(tmp_path / "promptuary")]
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"  # noqa: TID251 - a child needs git
        env = environment(PROMPTUARY_URL=f"http://127.0.0.1:{running.port}", PATH=path)
        for block, folder in zip(blocks, (tmp_path, tmp_path / "clone"), strict=True):
            command = ["sh", "-ec", block]
            done = subprocess.run(
                command, cwd=folder, env=env, capture_output=True, text=True, check=False, pass_fds=inherited
            )
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        running.stop()
