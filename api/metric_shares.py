"""Several workers on one port as one page of metrics: each keeps what it counted in a file that the others add.

The folder of the files belongs to the process that keeps the workers, and goes with it. What a worker counted that has
ended is kept there, too: a sum that fell would look to Prometheus as if all had begun anew.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric

from api.metric_families import FAMILIES, Joined, Kind

ENDED = "ended.json"
NUMBERS_KEPT = 64
"""So many of those that ended last are remembered by number: who read the file of one just before adds it once."""

_ADDED_GAUGES = frozenset(
    {
        *(each.full_name for each in FAMILIES if each.kind is Kind.GAUGE and each.joined is Joined.ADDED),
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
    }
)
_OF_WHO_IS_ASKED = frozenset(each.full_name for each in FAMILIES if each.joined is Joined.ASKED)

_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class MetricShare:
    """The place of one worker's numbers among those of the others."""

    folder: Path
    number: int
    """Another one for each worker that is started."""

    def write(self, metrics: Iterable[Metric]) -> None:
        """Puts down what this worker has counted until now. Raises OSError."""
        _write(self._file, _plain(each for each in metrics if each.name not in _OF_WHO_IS_ASKED))

    def others(self) -> list[list[Metric]]:
        """What each of the others has put down, and those that have ended. Raises OSError."""
        found = {}
        for file in self.folder.glob("[0-9]*.json"):
            if file != self._file and (told := _read(file)) is not None:
                found[int(file.stem)] = told
        # Last, because a file goes away only after its numbers are in here.
        numbers, ended = _ended(self.folder)
        return [ended, *(_metrics(told) for number, told in found.items() if number not in numbers)]

    def end(self) -> None:
        """Adds it to those that have ended: for the process that keeps the workers. Raises OSError."""
        told = _read(self._file)
        if told is not None:
            numbers, ended = _ended(self.folder)
            counted = [each for each in _metrics(told) if each.type != Kind.GAUGE]
            kept = [*numbers, self.number][-NUMBERS_KEPT:]
            _write(self.folder / ENDED, {"numbers": kept, "metrics": _plain(joined([ended, counted]))})
        for left in (self._file, _draft(self._file)):
            left.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.number}.json"


def joined(parts: Iterable[Iterable[Metric]]) -> list[Metric]:
    """The metrics of several workers as one's: counts are added, of other gauges the highest is taken."""
    found: dict[str, Metric] = {}
    values: dict[str, dict[_Key, float]] = {}
    for metric in (each for part in parts for each in part):
        found.setdefault(metric.name, metric)
        so_far = values.setdefault(metric.name, {})
        adds = metric.type != Kind.GAUGE or metric.name in _ADDED_GAUGES
        for sample in metric.samples:
            key = (sample.name, tuple(sample.labels.items()))
            if key not in so_far:
                so_far[key] = sample.value
            else:
                so_far[key] = so_far[key] + sample.value if adds else max(so_far[key], sample.value)
    return [_metric(each, values[name]) for name, each in found.items()]


def _metric(like: Metric, values: dict[_Key, float]) -> Metric:
    made = Metric(like.name, like.documentation, like.type)
    for (name, labels), value in values.items():
        made.add_sample(name, dict(labels), value)
    return made


def _plain(metrics: Iterable[Metric]) -> list[object]:
    return [
        [each.name, each.documentation, each.type, [[s.name, s.labels, s.value] for s in each.samples]]
        for each in metrics
    ]


def _metrics(told: Iterable[tuple[str, str, str, Sequence[tuple[str, dict[str, str], float]]]]) -> list[Metric]:
    made = []
    for name, documentation, kind, samples in told:
        metric = Metric(name, documentation, kind)
        for sample in samples:
            metric.add_sample(*sample)
        made.append(metric)
    return made


def _ended(folder: Path) -> tuple[list[int], list[Metric]]:
    told = _read(folder / ENDED)
    return ([], []) if told is None else (told["numbers"], _metrics(told["metrics"]))


def _read(file: Path) -> Any:
    """What was written; None where there is no such file, or nothing that can be read: it is written again soon."""
    try:
        return json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _write(file: Path, told: object) -> None:
    """Never seen half-written."""
    _draft(file).write_text(json.dumps(told))
    _draft(file).replace(file)


def _draft(file: Path) -> Path:
    return file.with_suffix(".new")
