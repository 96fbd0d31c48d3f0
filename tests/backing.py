"""Where the real PostgreSQL, Redis and Elasticsearch of the tests are: the environment says, else ``make services``."""

import os
import warnings
from pathlib import Path
from typing import NoReturn

import pytest
from pydantic_settings import BaseSettings, SettingsConfigDict

SERVICES = Path(__file__).parents[1] / ".services" / "env"


class _Given(BaseSettings):
    """The servers that the environment names: ``PROMPTUARY_TEST_DATABASE_URL`` and its like."""

    model_config = SettingsConfigDict(env_prefix="PROMPTUARY_TEST_", frozen=True)

    database_url: str = ""
    redis_url: str = ""
    elasticsearch_url: str = ""


def postgres_url() -> str:
    """The address of a PostgreSQL server whose user may make databases; a test makes its own."""
    return _Given().database_url or _started("DATABASE_URL")


def redis_url() -> str:
    """The address of a Redis; a test names its keys and channels by a namespace of its own."""
    return _Given().redis_url or _started("REDIS_URL")


def elasticsearch_url() -> str:
    """The address of an Elasticsearch; a test names its indexes by a namespace of its own."""
    return _Given().elasticsearch_url or _started("ELASTICSEARCH_URL")


def absent(message: str) -> NoReturn:
    """Leave the test out because of what this machine lacks; in continuous integration it fails."""
    _fail_in_ci(message)
    pytest.skip(message)


class LeftOutWarning(UserWarning):
    """A part of a test was left out because of what this machine lacks."""


def left_out(message: str) -> None:
    """Leave a part of a test out because of what this machine lacks, and warn; in continuous integration it fails."""
    _fail_in_ci(message)
    warnings.warn(message, LeftOutWarning, stacklevel=2)


def _fail_in_ci(message: str) -> None:
    if "CI" in os.environ:  # noqa: TID251  (CI is no setting of ours)
        pytest.fail(message)


def _started(name: str) -> str:
    lines = SERVICES.read_text().splitlines() if SERVICES.exists() else []
    settings = dict(line.removeprefix("export ").partition("=")[::2] for line in lines)
    if address := settings.get(f"PROMPTUARY_{name}", "").strip("'\""):
        return address
    absent(f"This test needs a real server, and none is known: run `make services`, or set PROMPTUARY_TEST_{name}.")
