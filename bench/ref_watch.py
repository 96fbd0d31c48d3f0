"""How long after main has moved readers see what came: watched beside the push, so that its own time does not count."""

import threading
import time
from collections.abc import Callable

from bench.data import bare_path
from bench.product import Client, Product, api

PATIENCE = 60.0


class RefWatch:
    """Waits for the ref to move, then asks until something holds.

    Between two questions it waits for ``pause`` seconds: whoever asks all the time takes a core from the work that he
    waits for.
    """

    def __init__(self, product: Product, holds: Callable[[Client], bool], *, pause: float = 0.005) -> None:
        self._ref = bare_path(product.data) / "refs" / "heads" / "main"
        self._client = Client(product.port, product.key)
        self._holds = holds
        self._pause = pause
        self._before = self._stamp()
        self._moved = self._seen = 0.0
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "RefWatch":
        self._client.get(api("index"))  # the connection stands before it counts
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE + 5)

    def delay_ms(self) -> float:
        """From the ref's move until it held. Raises RuntimeError where that did not come."""
        if not self._seen:
            raise RuntimeError(f"what was pushed is not there within {PATIENCE:.0f} s") from self._error
        return (self._seen - self._moved) * 1000

    @property
    def seen(self) -> float:
        """When it held (``time.perf_counter``)."""
        return self._seen

    def _stamp(self) -> int:
        try:
            return self._ref.stat().st_mtime_ns
        except FileNotFoundError:  # packed
            return 0

    def _watch(self) -> None:
        try:
            self._until(lambda: self._stamp() != self._before, 0.001)
            self._moved = time.perf_counter()
            if self._until(lambda: self._holds(self._client), self._pause):
                self._seen = time.perf_counter()
        except (OSError, RuntimeError) as error:
            self._error = error

    def _until(self, holds: Callable[[], bool], pause: float) -> bool:
        until = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > until:
                return False
            time.sleep(pause)
        return True


def watch_word(product: Product, path: str, word: str) -> RefWatch:
    """Until a search finds a template by a new word of its description, and a read shows it."""
    name = path.removeprefix("prompts/").removesuffix(".prompt.yaml")
    found = False

    def holds(client: Client) -> bool:
        nonlocal found
        found = found or client.get(api("search", q=word, limit=1))["total"] == 1
        return found and word in client.get(api("templates", name))["source"]

    return RefWatch(product, holds)
