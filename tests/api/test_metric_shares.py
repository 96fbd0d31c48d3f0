"""What several workers have counted is added up; nothing is counted twice, and nothing that was counted goes."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Metric

from api.metric_shares import ENDED, NUMBERS_KEPT, MetricShare, joined


def counter(value: float, **labels: str) -> Metric:
    made = Metric("promptuary_things", "Things.", "counter")
    made.add_sample("promptuary_things_total", labels, value)
    return made


def gauge(name: str, value: float) -> Metric:
    made = Metric(name, "A level.", "gauge")
    made.add_sample(name, {}, value)
    return made


def told(parts: list[list[Metric]]) -> dict[tuple[str, str], float]:
    """The values by name and label values."""
    samples = [sample for metric in joined(parts) for sample in metric.samples]
    found = {(sample.name, ",".join(sample.labels.values())): sample.value for sample in samples}
    assert len(found) == len(samples), "a sample is told twice"
    return found


def test_counts_are_added_by_label_and_of_levels_the_highest_is_taken(tmp_path: Path) -> None:
    one, two = MetricShare(tmp_path, 1), MetricShare(tmp_path, 2)
    one.write([counter(2, way="a"), gauge("promptuary_lag_seconds", 7)])
    two.write([counter(3, way="a"), counter(1, way="b"), gauge("promptuary_lag_seconds", 5)])
    assert told([[counter(4, way="a"), gauge("promptuary_lag_seconds", 1)], *one.others()]) == {
        ("promptuary_things_total", "a"): 7,
        ("promptuary_things_total", "b"): 1,
        ("promptuary_lag_seconds", ""): 5,
    }


def test_memory_of_all_workers_is_added(tmp_path: Path) -> None:
    MetricShare(tmp_path, 2).write([gauge("process_resident_memory_bytes", 10)])
    mine = [gauge("process_resident_memory_bytes", 5)]
    assert told([mine, *MetricShare(tmp_path, 1).others()]) == {("process_resident_memory_bytes", ""): 15}


def test_what_a_worker_counted_stays_when_it_has_ended_and_its_levels_go(tmp_path: Path) -> None:
    for number in range(1, 4):
        share = MetricShare(tmp_path, number)
        share.write([counter(number), gauge("promptuary_lag_seconds", 9)])
        share.end()
        share.end()
    MetricShare(tmp_path, 4).end()  # it never wrote
    assert sorted(file.name for file in tmp_path.iterdir()) == [ENDED]
    assert told([[], *MetricShare(tmp_path, 5).others()]) == {("promptuary_things_total", ""): 6}


def test_one_that_ends_between_two_looks_is_counted_once(tmp_path: Path) -> None:
    ending = MetricShare(tmp_path, 1)
    ending.write([counter(2)])
    kept = (tmp_path / "1.json").read_bytes()
    ending.end()
    (tmp_path / "1.json").write_bytes(kept)  # as a reader sees it who listed the folder before
    assert told([[], *MetricShare(tmp_path, 2).others()]) == {("promptuary_things_total", ""): 2}


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    MetricShare(tmp_path, 1).write([counter(2)])
    (tmp_path / "2.json").write_text('[["promptuary_things", "Thi')
    (tmp_path / "3.new").write_text("[")
    assert told([[], *MetricShare(tmp_path, 4).others()]) == {("promptuary_things_total", ""): 2}


@given(st.lists(st.sampled_from(["write", "end"]), max_size=40))
def test_the_sum_never_falls(steps: list[str]) -> None:

    with tempfile.TemporaryDirectory() as folder:
        asked, number, mine, total, before = MetricShare(Path(folder), 0), 1, 0, 0, 0.0
        for step in steps:
            if step == "write":
                mine, total = mine + 1, total + 1
                MetricShare(Path(folder), number).write([counter(mine)])
            else:
                MetricShare(Path(folder), number).end()
                number, mine = number + 1, 0
            now = told([[], *asked.others()]).get(("promptuary_things_total", ""), 0.0)
            assert now == total >= before
            before = now


def test_of_those_that_ended_a_bounded_number_is_remembered(tmp_path: Path) -> None:
    for number in range(1, NUMBERS_KEPT + 10):
        share = MetricShare(tmp_path, number)
        share.write([counter(1)])
        share.end()
    assert len((tmp_path / ENDED).read_text()) < 2_000
    assert told([[], *MetricShare(tmp_path, 0).others()]) == {("promptuary_things_total", ""): NUMBERS_KEPT + 9}
