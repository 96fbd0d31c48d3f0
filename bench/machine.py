"""The machine that is measured on: what it is, how busy it is, and what a process takes of it."""

import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1024.0


@dataclass(frozen=True, slots=True)
class Machine:
    """In words, for the head of the table."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    git: str

    def __str__(self) -> str:
        return (
            f"{self.cores} cores ({self.processor}), {self.memory_gib:.0f} GiB, {self.system}, "
            f"Python {self.python}, {self.git}"
        )


def describe() -> Machine:
    """This machine."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), processor)
    except OSError:
        pass  # not Linux: the plain name will do
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    # Builds of one version differ by half in speed: which it was has to be told.
    python = f"{platform.python_version()} ({', '.join((*platform.python_build(), platform.python_compiler()))})"
    return Machine(processor, os.cpu_count() or 1, memory, platform.platform(), python, git)


def other_load(seconds: float = 0.1) -> float:
    """How many cores are busy, seen over a moment in which this process sleeps; 0 where the system does not say."""
    before = _busy()
    time.sleep(seconds)
    return (_busy() - before) / seconds


def wait_for_quiet(cores: float = 0.5, seconds: float = 3.0) -> float:
    """Waits a little for others to be done, at most so many seconds; returns the cores busy at the end."""
    until = time.monotonic() + seconds
    while (load := other_load()) > cores and time.monotonic() < until:
        pass
    return load


def _busy() -> float:
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text("utf-8").split("\n", 1)[0].split()[1:9]]
    except OSError:
        return 0.0
    return (sum(fields) - fields[3] - fields[4]) / _TICKS


@contextmanager
def on_cores(pid: int, cores: set[int]) -> Iterator[None]:
    """A process with all of its threads on some cores alone; afterwards where each ran before."""
    before = {thread: os.sched_getaffinity(thread) for thread in _threads(pid)}
    for thread in before:
        _move(thread, cores)
    try:
        yield
    finally:
        for thread in _threads(pid):  # one that is new was begun by one of those before
            _move(thread, before.get(thread, before[pid]))


def _threads(pid: int) -> list[int]:
    return [int(each.name) for each in Path(f"/proc/{pid}/task").iterdir()]


def _move(thread: int, cores: set[int]) -> None:
    with suppress(ProcessLookupError):  # it ended meanwhile
        os.sched_setaffinity(thread, cores)


def process_tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text("utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
    tree = [pid]
    for each in tree:
        tree += [child for child, parent in parents.items() if parent == each]
    return tree


def memory_mib(pid: int) -> tuple[float, float]:
    """Memory of a process with its descendants in MiB: proportional (shared pages counted once), and summed up."""
    proportional = resident = 0.0
    for each in process_tree(pid):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text("utf-8")
        except OSError:
            continue
        sizes = {line.split(":")[0]: float(line.split()[1]) for line in text.splitlines()[1:] if line}
        proportional += sizes["Pss"]
        resident += sizes["Rss"]
    return proportional / _MIB, resident / _MIB
