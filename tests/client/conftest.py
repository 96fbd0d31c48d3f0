"""A server that a test scripts, clients of it, and the real product."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from promptuary_client import Client
from tests.client.nasty import KEY, Handler, Nasty, serving
from tests.running import Running


@pytest.fixture
def nasty() -> Iterator[Nasty]:
    """A server that answers every request with the template, until the test gives it another script."""
    with serving(Handler.template) as server:
        yield server


@pytest.fixture
def connect(nasty: Nasty) -> Iterator[Callable[..., Client]]:
    """Makes clients of the scripted server; all are closed at the test's end."""
    with ExitStack() as stack:

        def make(**options: Any) -> Client:
            return stack.enter_context(Client(nasty.url, KEY, **{"timeout": 1.0, **options}))

        yield make


class Product(Running):
    """The program with its sample repository."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PROMPTUARY_SAMPLE": "true"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """An environment in which the examples of the pages find it."""
        return {**os.environ, "PROMPTUARY_URL": self.url, "PROMPTUARY_KEY": self.key}  # noqa: TID251 - a child's


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with its sample repository, for all tests that do not kill it."""
    folder: Path = tmp_path_factory.mktemp("product")
    running = Product(folder / "data", folder / "log")
    running.start()
    try:
        yield running
    finally:
        running.stop()


def eventually(seen: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits until something is so."""
    until = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < until, "it never came so"
        time.sleep(0.01)
