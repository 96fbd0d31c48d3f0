"""Parsing template files and nothing else: PyYAML's C events, looked at by nobody.

``python -m bench.floors.parsing FOLDER PROCESSES``: reads and parses every template below a folder.
"""

import multiprocessing
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from yaml.events import StreamEndEvent

SUFFIX = ".prompt.yaml"


def parse(files: Iterable[bytes]) -> None:
    """Every event of every file."""
    for data in files:
        following = yaml.CLoader(data.decode()).get_event
        while type(following()) is not StreamEndEvent:
            pass


def timed_parse(files: Iterable[bytes]) -> float:
    """Milliseconds of the same."""
    started = time.perf_counter()
    parse(files)
    return (time.perf_counter() - started) * 1000


def _read_and_parse(paths: Sequence[Path]) -> None:
    parse(path.read_bytes() for path in paths)


def main(arguments: list[str]) -> None:
    """The command line."""
    folder, processes = Path(arguments[0]), int(arguments[1])
    paths = sorted(folder.rglob(f"*{SUFFIX}"))
    if processes == 1:
        _read_and_parse(paths)
        return
    parts = [paths[start::processes] for start in range(processes)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        pool.map(_read_and_parse, parts, chunksize=1)


if __name__ == "__main__":
    main(sys.argv[1:])
