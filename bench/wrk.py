"""Load by wrk, which takes less of the machine than any client in Python would."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TO_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


class WrkMissing(RuntimeError):
    """wrk is not installed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed_per_second: float = 0.0
    """Answers that were no success, among all."""


def run_wrk(
    url: str,
    *,
    key: str,
    connections: int = 64,
    seconds: float = 2,
    script: Path | None = None,
    may_fail: bool = False,
) -> Load:
    """Loads a URL, or what a script asks. Raises WrkMissing, and RuntimeError where answers are no success.

    ``may_fail`` says that refusals are measured.
    """
    program = shutil.which("wrk")
    if program is None:
        raise WrkMissing("wrk is not installed: apt install wrk (Debian, Ubuntu), brew install wrk (macOS).")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-H", f"Authorization: Bearer {key}"]
    command += ["-s", str(script)] if script else []
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if ("Non-2xx" in text and not may_fail) or "Socket errors" in text:
        raise RuntimeError(f"wrk {url}:\n{text}")
    return read_load(text)


def read_load(text: str) -> Load:
    """What wrk printed. Raises RuntimeError for what it does not print."""
    per_second, failed = _number(r"Requests/sec:\s+([\d.]+)", text), 0.0
    if "Non-2xx" in text:
        failed = per_second * _number(r"responses: (\d+)", text) / _number(r"(\d+) requests in", text)
    return Load(per_second, _time("50%", text), _time("99%", text), failed)


def write_paths(target: Path, paths: Sequence[str]) -> Path:
    """A script that asks for one path after the other, and begins again."""
    lines = ",\n".join(json.dumps(path, ensure_ascii=False) for path in paths)
    asked = "at = at % #paths + 1\n  return wrk.format('GET', paths[at])"
    target.write_text(f"local paths = {{\n{lines}\n}}\nlocal at = 0\nfunction request()\n  {asked}\nend\n", "utf-8")
    return target


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"wrk said something unknown:\n{text}")
    return float(found[1])


def _time(share: str, text: str) -> float:
    found = re.search(rf"(?m)^\s+{share}\s+([\d.]+)(us|ms|s)\s*$", text)
    if found is None:
        raise RuntimeError(f"wrk said something unknown:\n{text}")
    return float(found[1]) * _TO_MS[found[2]]
