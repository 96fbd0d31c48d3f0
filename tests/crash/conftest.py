"""A server to be killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """It runs when the test begins, whatever becomes of it."""
    server = Running(tmp_path / "data", tmp_path / "server.log")
    server.start()
    try:
        yield server
    finally:
        server.stop()
