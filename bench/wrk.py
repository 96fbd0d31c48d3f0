"""Load by wrk, which takes less of the machine than any client in Python would."""

import re
import shutil
import subprocess
from dataclasses import dataclass

_TO_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


class WrkMissing(RuntimeError):
    """wrk is not installed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw."""

    per_second: float
    p50_ms: float
    p99_ms: float


def run_wrk(url: str, *, key: str, connections: int = 64, seconds: float = 2) -> Load:
    """Loads a URL. Raises WrkMissing, and RuntimeError where answers are no success."""
    program = shutil.which("wrk")
    if program is None:
        raise WrkMissing("wrk is not installed: apt install wrk (Debian, Ubuntu), brew install wrk (macOS).")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-H", f"Authorization: Bearer {key}"]
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"wrk {url}:\n{text}")
    return Load(_number(r"Requests/sec:\s+([\d.]+)", text), _time("50%", text), _time("99%", text))


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"wrk said something unknown:\n{text}")
    return float(found[1])


def _time(share: str, text: str) -> float:
    found = re.search(rf"(?m)^\s+{share}\s+([\d.]+)(us|ms|s)$", text)
    if found is None:
        raise RuntimeError(f"wrk said something unknown:\n{text}")
    return float(found[1]) * _TO_MS[found[2]]
