"""What many tests stand on: a real embedded registry in a temporary folder, empty or with a small repository."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.bootstrap import Registry, open_registry
from registry.domain.rate_limits import LimitKind
from registry.settings import Settings
from tests.order import in_order
from tests.stock import stock


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Has workers begin with what takes long; without workers tests run as they are named."""
    if hasattr(config, "workerinput"):
        items[:] = in_order(items, workers=config.workerinput["workercount"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a registry in a temporary folder. Nothing is limited: answers would tell what is left."""
    unlimited = {f"rate_{kind}": "off" for kind in LimitKind}
    return Settings(data=tmp_path / "data", port=0, sample=False, render_workers=1, **unlimited)


@pytest.fixture
async def registry(settings: Settings) -> AsyncIterator[Registry]:
    """An open registry without repositories."""
    async with open_registry(settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def stocked_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the small repository of ``tests.stock``, made once; tests work on copies."""
    folder = tmp_path_factory.mktemp("stocked") / "data"

    async def make() -> None:
        async with open_registry(Settings(data=folder, sample=False, render_workers=1)) as opened:
            await stock(opened)

    asyncio.run(make())
    return folder


@pytest.fixture
async def stocked(settings: Settings, stocked_folder: Path) -> AsyncIterator[Registry]:
    """A registry with the small repository of ``tests.stock``."""
    shutil.copytree(stocked_folder, settings.data)
    async with open_registry(settings) as opened:
        yield opened
