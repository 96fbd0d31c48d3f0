"""The order in which workers take files: every test once, long files not at the end, clusters apart."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.order import LONG, MANY_PROCESSES, in_order

ROOT = Path(__file__).parents[1]
SMALL = [f"tests/domain/test_{number}.py" for number in range(150)]


def items(*names: str, each: int = 3) -> list[Any]:
    return [SimpleNamespace(nodeid=f"{name}::test_{number}") for name in names for number in range(each)]


def files(given: list[Any]) -> list[str]:
    return list(dict.fromkeys(item.nodeid.partition("::")[0] for item in given))


def test_the_files_that_are_named_are_there() -> None:
    assert [name for name in (*MANY_PROCESSES, *LONG) if not (ROOT / name).exists()] == []
    assert MANY_PROCESSES.keys() & LONG.keys() == set()


def test_no_test_is_lost_and_those_of_a_file_stay_as_they_are() -> None:
    given = items(*SMALL, *LONG, *MANY_PROCESSES)
    ordered = in_order(given, workers=2)
    assert sorted(item.nodeid for item in ordered) == sorted(item.nodeid for item in given)
    assert [item.nodeid for item in ordered] == [item.nodeid for item in items(*files(ordered))]


def test_long_files_are_not_at_the_end_and_those_of_many_processes_not_beside_each_other() -> None:
    ordered = files(in_order(items(*SMALL, *LONG, *MANY_PROCESSES, each=40), workers=3))
    assert set(ordered[-20:]) <= set(SMALL)
    places = [ordered.index(name) for name in MANY_PROCESSES]
    assert places == sorted(places)
    assert min(after - before for before, after in pairwise(places)) > 1


def test_what_is_asked_for_alone_needs_no_other() -> None:
    for name in (*MANY_PROCESSES, *LONG, *SMALL):
        assert files(in_order(items(name), workers=2)) == [name]
