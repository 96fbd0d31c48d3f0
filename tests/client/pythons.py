"""The Pythons that this machine has besides the one that runs the tests."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

OLDEST, NEWEST = 9, 14
"""Minor versions of Python 3 for which the client is looked at."""


@cache
def find_python(minor: int) -> Path | None:
    """An interpreter of that version: on the PATH, or one of pyenv's."""
    name = f"python3.{minor}"
    on_path = shutil.which(name)
    of_pyenv = sorted((Path.home() / ".pyenv/versions").glob(f"3.{minor}.*/bin/{name}"))
    for each in [*([Path(on_path)] if on_path else []), *of_pyenv]:
        asked = subprocess.run(  # pyenv puts names on the PATH that lead nowhere
            [each, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0 and asked.stdout == f"{minor}\n":
            return each
    return None


def get_python(minor: int) -> Path:
    """The same; without one the test is left out."""
    found = find_python(minor)
    if found is None:
        pytest.skip(f"there is no Python 3.{minor} here")
    return found
