"""A migrated, empty catalogue, made once and copied: migrating takes longer than most tests."""

import shutil
from pathlib import Path

import pytest

from registry.adapters.sql.migrate import migrate


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that others copy."""
    path = tmp_path_factory.mktemp("migrated") / "catalogue.db"
    migrate(path)
    return path


@pytest.fixture
def catalogue_path(migrated: Path, tmp_path: Path) -> Path:
    """An empty catalogue of the test's own."""
    return Path(shutil.copy(migrated, tmp_path / "catalogue.db"))
