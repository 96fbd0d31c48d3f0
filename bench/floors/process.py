"""Starting and stopping the servers to compare with."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.product import clean_environment, free_port, stop, wait_until_ready


@contextmanager
def floor_server(kind: str, what: Path, *more: str) -> Iterator[int]:
    """A server of ``bench.floors.server`` on a free port, which is given; ``more`` are further arguments."""
    port = free_port()
    log = what.with_name(f"{what.name}.floor.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.floors.server", kind, str(port), str(what), *more],
            env=clean_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/readyz", process, log)
        yield port
    finally:
        stop(process)
