"""A fresh server gets the sample through the real gate; a start after a kill goes on where the history ends."""

from pathlib import Path

import pytest

from registry.bootstrap import open_registry
from registry.domain.catalogue import TemplateFilter
from registry.services.repositories import DEFAULT
from registry.services.sample import sample_commits
from registry.settings import Settings


async def test_the_sample_is_pushed_with_its_history(tmp_path: Path) -> None:
    async with open_registry(Settings(data=tmp_path)) as registry:
        assert registry.seeding.needed()
        await registry.seeding.seed(sample=True, progress=lambda _done, _total: None)
        assert not registry.seeding.needed()
        page = await registry.templates.list_templates(DEFAULT, TemplateFilter(), limit=100)
        assert len(page.items) >= 30
        assert any(entry.version > 1 for entry in page.items)
        assert all(entry.latest == entry.version for entry in page.items)
        labels = await registry.labels.list_labels(DEFAULT)
        moves = [len(await registry.labels.history(DEFAULT, "production", name)) for name in labels["production"]]
        assert max(moves) >= 2
        assert await registry.verifying.verify(DEFAULT) == []


async def test_seeding_goes_on_after_a_kill(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, _total: int) -> None:
        if done == 3:
            raise Killed

    async with open_registry(Settings(data=tmp_path)) as registry:
        with pytest.raises(Killed):
            await registry.seeding.seed(sample=True, progress=kill)
    async with open_registry(Settings(data=tmp_path)) as registry:
        assert registry.seeding.needed()
        await registry.seeding.seed(sample=True, progress=lambda _done, _total: None)
        with registry.git.open(DEFAULT) as store:
            tip = store.resolve("refs/heads/main")
            assert tip is not None
            assert len(store.first_parents(tip) or []) == len(sample_commits())
        assert await registry.verifying.verify(DEFAULT) == []


async def test_without_the_sample_the_repository_is_empty(tmp_path: Path) -> None:
    async with open_registry(Settings(data=tmp_path)) as registry:
        await registry.seeding.seed(sample=False, progress=lambda _done, _total: None)
        assert registry.git.names() == [DEFAULT]
        page = await registry.templates.list_templates(DEFAULT, TemplateFilter())
        assert page.items == ()
