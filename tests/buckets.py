"""A server of S3 on this machine (moto's), as a process of its own."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from tests.asking import is_answered
from tests.ports import free_port


@dataclass
class Bucket:
    """The server, which makes buckets."""

    address: str

    def make(self) -> str:
        """A new bucket."""
        name = f"b{uuid4().hex}"
        with urllib.request.urlopen(urllib.request.Request(f"{self.address}/{name}", method="PUT"), timeout=10):
            return name


@contextmanager
def s3_server() -> Iterator[Bucket]:
    """The server while the context is open."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while not is_answered(address):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        yield Bucket(address)
    finally:
        process.kill()
        process.wait()
