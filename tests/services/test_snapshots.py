"""Reads from Git by what the snapshot knows are the reads that the catalogue gives."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from registry.bootstrap import Registry, open_registry
from registry.domain.catalogue import VersionEntry
from registry.domain.errors import LabelNotFound, TemplateNotFound, Unavailable, VersionNotFound
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.selectors import Selector
from registry.ports.snapshots import NumberedCommit
from registry.services import snapshots
from registry.services.git_reads import GitReads
from registry.settings import Settings
from tests.pushing import REPOSITORY
from tests.running import git
from tests.stock import DEFAULT, TONE, TRIAGE, stock, write_files

TRIAGE_FILE = "prompts/support/triage.prompt.yaml"


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(Settings(data=tmp_path / "data", sample=False, render_workers=1)) as registry:
        await stock(registry)
        await caught_up(registry)
        yield registry


async def caught_up(registry: Registry) -> None:
    assert registry.snapshots is not None
    await registry.snapshots.catch_up(DEFAULT)


def reads(registry: Registry) -> GitReads:
    assert registry.git_reads is not None
    return registry.git_reads


SELECTORS = (
    Selector(),
    Selector(label="production"),
    Selector(label="latest"),
    Selector(version=1),
    Selector(version=2),
)


@pytest.mark.parametrize("selector", SELECTORS, ids=str)
async def test_a_read_from_git_is_the_read_from_the_catalogue(filled: Registry, selector: Selector) -> None:
    expected = await filled.templates.read(DEFAULT, "support/triage", selector)
    assert await reads(filled).read(DEFAULT, "support/triage", selector) == expected
    rendered = await filled.templates.renderable(DEFAULT, "support/triage", selector, 1)
    assert await reads(filled).renderable(DEFAULT, "support/triage", selector) == rendered


async def test_what_is_projected_later_is_followed(filled: Registry) -> None:
    for number in range(3):
        text = TRIAGE.replace("Sorts one", f"Sorts {number}")
        await write_files(filled, {TRIAGE_FILE: text}, f"Number {number}")
        await write_files(filled, {"labels/production/support.yaml": f"triage: {number + 3}\n"}, "Promote")
        await caught_up(filled)
        for selector in SELECTORS:
            expected = await filled.templates.read(DEFAULT, "support/triage", selector)
            assert await reads(filled).read(DEFAULT, "support/triage", selector) == expected


async def test_what_git_has_beyond_the_catalogue_is_not_read(filled: Registry) -> None:
    expected = await filled.templates.read(DEFAULT, "support/triage", Selector())
    await write_files(filled, {TRIAGE_FILE: TRIAGE.replace("Sorts one", "Sorts another")}, "Later")
    assert await reads(filled).read(DEFAULT, "support/triage", Selector()) == expected
    await caught_up(filled)
    assert (await reads(filled).read(DEFAULT, "support/triage", Selector())).version == 3


async def test_broken_and_draft_versions_are_passed_over_as_always(filled: Registry) -> None:
    draft = TRIAGE.replace("type: chat", "type: chat\nstatus: draft")
    await write_files(filled, {TRIAGE_FILE: draft}, "A draft")
    await caught_up(filled)
    for selector in SELECTORS:
        expected = await filled.templates.read(DEFAULT, "support/triage", selector)
        assert await reads(filled).read(DEFAULT, "support/triage", selector) == expected
    assert (await reads(filled).read(DEFAULT, "support/triage", Selector())).version == 2
    assert (await reads(filled).read(DEFAULT, "support/triage", Selector(label="latest"))).version == 3


async def test_an_invalid_version_is_never_served(filled: Registry) -> None:
    newest = await reads(filled).read(DEFAULT, "support/triage", Selector())
    broken = NumberedCommit("support/triage", 3, 4, newest.commit, valid=False)
    reached = await reads(filled)._snapshot.reached(DEFAULT)
    assert reached is not None
    await reads(filled)._snapshot.put(DEFAULT, [broken], reached)
    assert await reads(filled).read(DEFAULT, "support/triage", Selector()) == newest
    with pytest.raises(VersionNotFound, match="invalid"):
        await reads(filled).read(DEFAULT, "support/triage", Selector(version=3))


async def test_the_default_label_of_the_repository_counts(filled: Registry) -> None:
    await write_files(filled, {".registry.yaml": "schema: registry/v1\ndefault_label: production\n"}, "Rules")
    await caught_up(filled)
    expected = await filled.templates.read(DEFAULT, "support/triage", Selector())
    assert expected.version == 1
    assert await reads(filled).read(DEFAULT, "support/triage", Selector()) == expected
    with pytest.raises(LabelNotFound):
        await reads(filled).read(DEFAULT, "partials/tone", Selector())


async def test_what_there_is_not(filled: Registry) -> None:
    with pytest.raises(TemplateNotFound):
        await reads(filled).read(DEFAULT, "support/tirage", Selector())
    with pytest.raises(LabelNotFound):
        await reads(filled).read(DEFAULT, "support/triage", Selector(label="staging"))
    with pytest.raises(VersionNotFound):
        await reads(filled).read(DEFAULT, "support/triage", Selector(version=9))


async def test_of_a_removed_template_old_versions_are_read_and_the_rest_waits(filled: Registry) -> None:
    await write_files(filled, {TRIAGE_FILE: None, "labels/production/support.yaml": None}, "Remove")
    await caught_up(filled)
    expected = await filled.templates.read(DEFAULT, "support/triage", Selector(version=1))
    assert await reads(filled).read(DEFAULT, "support/triage", Selector(version=1)) == expected
    with pytest.raises(Unavailable, match="deleted, renamed or just added"):
        await reads(filled).read(DEFAULT, "support/triage", Selector())


async def test_before_anything_is_known_that_is_said(registry: Registry) -> None:
    with pytest.raises(Unavailable, match="nothing is known here yet"):
        await reads(registry).read(REPOSITORY, "a", Selector())


async def test_where_too_much_happened_it_is_read_from_the_beginning(
    filled: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "FOLLOWED_AT_MOST", 2)
    monkeypatch.setattr(snapshots, "NAMES_AT_ONCE", 1)
    monkeypatch.setattr(snapshots, "PAGE", 2)
    await write_files(filled, {f"prompts/many/t-{n}.prompt.yaml": TONE for n in range(5)}, "Many")
    await caught_up(filled)
    for name in ("support/triage", "many/t-4"):
        expected = await filled.templates.read(DEFAULT, name, Selector())
        assert await reads(filled).read(DEFAULT, name, Selector()) == expected


async def test_an_emptied_catalogue_takes_nothing_away(filled: Registry) -> None:
    expected = [await filled.templates.read(DEFAULT, "support/triage", selector) for selector in SELECTORS]
    await filled.indexing._projection.drop(DEFAULT)
    assert await filled.indexing.checkpoint(DEFAULT) is None
    await caught_up(filled)
    assert [await reads(filled).read(DEFAULT, "support/triage", selector) for selector in SELECTORS] == expected
    await filled.indexing.reconcile()
    await write_files(filled, {"prompts/a/new.prompt.yaml": TONE}, "New")
    await caught_up(filled)
    assert (await reads(filled).read(DEFAULT, "a/new", Selector())).version == 1


async def test_a_catalogue_that_is_emptied_while_it_is_read_gives_nothing(
    filled: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "PAGE", 1)
    assert filled.snapshots is not None
    expected = await filled.templates.read(DEFAULT, "support/triage", Selector())
    await reads(filled)._snapshot.forget(DEFAULT)
    stored = filled.snapshots._stored

    class Emptying:
        async def versions_of(
            self, repository: RepositoryName, names: Sequence[TemplateName]
        ) -> Sequence[VersionEntry]:
            found = await stored.versions_of(repository, names)
            await filled.indexing._projection.drop(repository)
            return found

    monkeypatch.setattr(filled.snapshots, "_stored", Emptying())
    await caught_up(filled)
    with pytest.raises(Unavailable, match="nothing is known here yet"):
        await reads(filled).read(DEFAULT, "support/triage", Selector())
    monkeypatch.setattr(filled.snapshots, "_stored", stored)
    await filled.indexing.reconcile()
    await caught_up(filled)
    assert await reads(filled).read(DEFAULT, "support/triage", Selector()) == expected


async def test_numbers_of_a_history_that_is_no_more_are_forgotten(filled: Registry) -> None:
    bare = filled.git.path(DEFAULT)
    first = git(bare, "rev-list", "--max-parents=0", "main").strip()
    git(bare, "update-ref", "refs/heads/main", first)
    await filled.indexing._projection.drop(DEFAULT)
    await caught_up(filled)
    with pytest.raises(Unavailable, match="nothing is known here yet"):
        await reads(filled).read(DEFAULT, "support/triage", Selector(version=1))


async def test_it_follows_by_itself(filled: Registry) -> None:
    assert filled.snapshots is not None
    following = asyncio.create_task(filled.snapshots.run())
    await asyncio.sleep(0.1)
    await write_files(filled, {"prompts/a/new.prompt.yaml": TONE}, "New")
    async with asyncio.timeout(5):
        while True:
            try:
                assert (await reads(filled).read(DEFAULT, "a/new", Selector())).version == 1
                break
            except (TemplateNotFound, Unavailable):  # not known yet, or its number is and the commit is not
                await asyncio.sleep(0.02)
    following.cancel()
