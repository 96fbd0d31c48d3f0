"""In which order workers take files of tests: long ones first, so that none is left to one worker at the end.

What starts many processes has time limits. Two of these at once would measure each other, so each is followed by files
of few processes for as long as it takes. The seconds are those of a machine with two cores.
"""

from collections.abc import Iterator

import pytest

MANY_PROCESSES = {
    "tests/weather/test_weather.py": 180,
    "tests/processes/test_workers.py": 75,
    "tests/processes/test_behind_nginx.py": 70,
    "tests/api/test_degraded.py": 70,
    "tests/weather/test_healing.py": 60,
    "tests/crash/test_kills.py": 60,
    "tests/processes/test_cluster.py": 60,
    "tests/processes/test_degraded_cluster.py": 50,
    "tests/scripts/test_services.py": 45,
    "tests/deploy/test_composition.py": 40,
    "tests/processes/test_telling.py": 40,
    "tests/scripts/test_own_services.py": 40,
    "tests/processes/test_lost_tables.py": 35,
    "tests/processes/test_rebuilds.py": 30,
    "tests/processes/test_purged_tiers.py": 25,
    "tests/processes/test_restored_cluster.py": 30,
    "tests/processes/test_edge_of_cluster.py": 25,
    "tests/processes/test_tokens_of_cluster.py": 20,
    "tests/processes/test_older_git.py": 10,
    "tests/processes/test_pairing.py": 10,
}
LONG = {
    "tests/cli/test_import_mlflow.py": 130,
    "tests/crash/test_killed_purges.py": 80,
    "tests/api/test_provider_sign_in.py": 60,
    "tests/api/test_schemathesis.py": 50,
    "tests/cli/test_serve.py": 50,
    "tests/contract/test_search_index.py": 45,
    "tests/cli/test_backup.py": 45,
    "tests/cli/test_every_local_command.py": 45,
    "tests/cli/test_every_remote_command.py": 40,
    "tests/cli/test_import.py": 40,
    "tests/cli/test_export.py": 40,
    "tests/cli/test_login.py": 40,
    "tests/ci/test_ci_files.py": 35,
    "tests/services/test_search.py": 35,
    "tests/crash/test_killed_imports.py": 35,
    "tests/cli/test_registry_id.py": 35,
    "tests/crash/test_audit_kills.py": 30,
    "tests/e2e/test_large_push.py": 35,
    "tests/api/test_traces.py": 30,
    "tests/contract/test_projection.py": 30,
    "tests/crash/test_disks.py": 30,
    "tests/cli/test_export_mlflow.py": 30,
    "tests/api/test_events.py": 25,
    "tests/cli/test_user_links.py": 25,
    "tests/api/test_tokens.py": 25,
    "tests/contract/test_elasticsearch_index.py": 20,
    "tests/e2e/test_many_at_once.py": 20,
    "tests/cli/test_import_git.py": 20,
    "tests/e2e/test_pushed_by.py": 20,
    "tests/contract/test_sharding.py": 15,
    "tests/services/test_links.py": 15,
    "tests/api/test_links.py": 15,
    "tests/test_docs.py": 15,
    "tests/deploy/test_hanging_replica.py": 10,
    "tests/e2e/test_tour.py": 10,
}
USUAL_SECONDS = 0.2
"""What a test of another file takes."""

Files = dict[str, list[pytest.Item]]


def in_order(items: list[pytest.Item], *, workers: int) -> list[pytest.Item]:
    """The same tests for so many workers; those of a file stay together and as they stand there."""
    files: Files = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    return [item for name in _names(files, others_at_once=workers - 1) for item in files[name]]


def _names(files: Files, *, others_at_once: int) -> Iterator[str]:
    seconds = {name: LONG.get(name, USUAL_SECONDS * len(tests)) for name, tests in files.items()}
    others = iter(sorted(files.keys() - MANY_PROCESSES.keys(), key=lambda name: (-seconds[name], name)))
    beside = 0.0
    for many in (name for name in MANY_PROCESSES if name in files):
        yield many
        beside -= MANY_PROCESSES[many] * others_at_once
        while beside < 0 and (name := next(others, None)) is not None:
            beside += seconds[name]
            yield name
    yield from others
