"""Where the real PostgreSQL, Redis and Elasticsearch of the tests are: the environment says, else ``make services``."""

import os
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[1] / ".services" / "env"


def postgres_url() -> str:
    """The address of a PostgreSQL server whose user may make databases; a test makes its own."""
    return _address("PROMPTUARY_TEST_DATABASE_URL", "PROMPTUARY_DATABASE_URL")


def redis_url() -> str:
    """The address of a Redis; a test names its keys and channels by a namespace of its own."""
    return _address("PROMPTUARY_TEST_REDIS_URL", "PROMPTUARY_REDIS_URL")


def elasticsearch_url() -> str:
    """The address of an Elasticsearch; a test names its indexes by a namespace of its own."""
    return _address("PROMPTUARY_TEST_ELASTICSEARCH_URL", "PROMPTUARY_ELASTICSEARCH_URL")


def _address(given: str, started: str) -> str:
    if address := os.environ.get(given):
        return address
    lines = SERVICES.read_text().splitlines() if SERVICES.exists() else []
    settings = dict(line.removeprefix("export ").partition("=")[::2] for line in lines)
    if address := settings.get(started, "").strip("'\""):
        return address
    pytest.fail(f"This test needs a real server, and none is known: run `make services`, or set {given}.")
