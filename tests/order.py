"""In which order workers take files of tests: long ones first, so that none is left to one worker at the end.

What starts many processes has time limits. Two of these at once would measure each other, so each is followed by files
of few processes for as long as it takes. The seconds are those of a machine with two cores; only their order counts.
"""

from collections.abc import Iterator

import pytest

MANY_PROCESSES = {
    "tests/weather/test_weather.py": 150,
    "tests/crash/test_kills.py": 100,
    "tests/scripts/test_services.py": 60,
    "tests/weather/test_healing.py": 50,
    "tests/processes/test_cluster.py": 45,
    "tests/scripts/test_own_services.py": 40,
    "tests/deploy/test_composition.py": 40,
    "tests/processes/test_degraded_cluster.py": 40,
    "tests/processes/test_workers.py": 30,
    "tests/api/test_degraded.py": 30,
    "tests/processes/test_behind_nginx.py": 25,
    "tests/processes/test_telling.py": 20,
}
LONG = {
    "tests/cli/test_every_remote_command.py": 90,
    "tests/cli/test_import_mlflow.py": 60,
    "tests/contract/test_search_index.py": 60,
    "tests/cli/test_every_local_command.py": 50,
    "tests/api/test_schemathesis.py": 35,
    "tests/e2e/test_large_push.py": 30,
    "tests/api/test_events.py": 30,
    "tests/cli/test_import.py": 20,
    "tests/cli/test_serve.py": 20,
    "tests/contract/test_elasticsearch_index.py": 20,
    "tests/contract/test_projection.py": 20,
    "tests/crash/test_disks.py": 20,
    "tests/crash/test_killed_imports.py": 20,
    "tests/e2e/test_many_at_once.py": 20,
    "tests/test_docs.py": 15,
    "tests/cli/test_cli_page.py": 10,
    "tests/e2e/test_tour.py": 10,
}
USUAL_SECONDS = 0.1
"""What a test of another file takes."""

Files = dict[str, list[pytest.Item]]


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The same tests; those of a file stay together and as they stand there."""
    files: Files = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    return [item for name in _names(files) for item in files[name]]


def _names(files: Files) -> Iterator[str]:
    seconds = {name: LONG.get(name, USUAL_SECONDS * len(tests)) for name, tests in files.items()}
    others = iter(sorted(files.keys() - MANY_PROCESSES.keys(), key=lambda name: (-seconds[name], name)))
    beside = 0.0
    for many in (name for name in MANY_PROCESSES if name in files):
        yield many
        beside -= MANY_PROCESSES[many]
        for name in others:
            beside += seconds[name]
            yield name
            if beside >= 0:
                break
    yield from others
