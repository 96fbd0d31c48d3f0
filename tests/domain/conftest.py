"""Property tests judge answers, not how busy the machine is: no example has a deadline."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def unasked() -> Iterator[str]:
    """An address of this machine that a test may name and nobody may ask."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/latest/meta-data"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
