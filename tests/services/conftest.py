"""A registry on an empty data folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.bootstrap import Registry, open_registry
from registry.settings import Settings
from tests.pushing import REPOSITORY, Pusher


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(Settings(data=tmp_path / "data", render_workers=1)) as opened:
        opened.git.create(REPOSITORY)
        yield opened


@pytest.fixture
def pusher(registry: Registry) -> Pusher:
    return Pusher(registry)
