"""``index verify`` holds every entry against Git: whatever is wrong in a row is named."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from registry.bootstrap import Registry, open_registry
from registry.domain.catalogue import LabelMove
from registry.domain.ids import ZERO_COMMIT, RefName, RepositoryName
from registry.domain.refs import RefUpdate
from registry.domain.search import Hit, Query, SearchPage
from registry.settings import Settings
from tests.pushing import MAIN, REPOSITORY, Pusher, text_template

T = "prompts/{}.prompt.yaml"
RULES = "schema: registry/v1\n"
MOVED = text_template("moved {{ name }}", more="tags: [y]\n")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with something of every kind."""
    data = tmp_path_factory.mktemp("stocked")
    asyncio.run(stock(data))
    return data


async def stock(data: Path) -> None:
    async with open_registry(Settings(data=data, render_workers=1)) as registry:
        registry.git.create(REPOSITORY)
        pusher = Pusher(registry)
        await pusher.land({".registry.yaml": RULES, "CODEOWNERS": "* @kim\n"})
        await pusher.land({T.format("a"): text_template(more="tags: [x]\n"), T.format("gone"): text_template("g")})
        await pusher.land({T.format("old"): MOVED, T.format("a"): text_template("a2 {{ name }}")})
        await pusher.land({T.format("old"): None, T.format("new"): MOVED, T.format("gone"): None})
        await pusher.land({"labels/production.yaml": "a: 1\n"})
        await pusher.land({"labels/production.yaml": "a: 2\n"})
        assert (await pusher.push({T.format("a"): text_template("a3")}, RefName("refs/heads/draft"))).accepted
        assert await registry.verifying.verify(REPOSITORY) == []


@pytest.fixture
async def opened(stocked: Path, tmp_path: Path) -> AsyncIterator[Registry]:
    """The same, to be spoilt by one test."""
    shutil.copytree(stocked, tmp_path / "data")
    async with open_registry(Settings(data=tmp_path / "data", render_workers=1)) as registry:
        yield registry


def spoil(registry: Registry, statement: str) -> None:
    database = sqlite3.connect(registry.settings.catalogue)
    changed = database.execute(statement).rowcount
    database.commit()
    database.close()
    assert changed > 0, "the statement has to hit a row"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update bodies set body = replace(body, 'a2', 'a3')", "The text of blob"),
        ("delete from bodies where body like '%a2%'", "is missing in the catalogue"),
        ("update templates set moved_to = 'a' where name = 'old'", "old: moved_to is a in the catalogue, Git says new"),
        ("update templates set moved_to = 'a' where name = 'gone'", "gone: moved_to"),
        ("update templates set deleted = 0 where name = 'gone'", "gone: deleted is False"),
        ("delete from templates where name = 'new'", "new is missing in the catalogue"),
        ("update templates set facts = replace(facts, '\"text\"', '\"chat\"') where name = 'a'", "a: facts"),
        ("update templates set facts = replace(facts, 'active', 'draft') where name = 'old'", "old: facts"),
        ("update templates set owners = '[\"@eve\"]' where name = 'a'", "a: owners is ('@eve',)"),
        ("update templates set owners = null where name = 'a'", "a: owners is ()"),
        ('update templates set diagnostics = \'[["x","y","p",1,1,"error"]]\' where name = \'a\'', "a: diagnostics"),
        ("update templates set labels = '{\"production\":1}' where name = 'a'", "a: labels"),
        ("update templates set version = 3 where name = 'a'", "a: version is 3"),
        ("update templates set latest = 1 where name = 'a'", "a: latest is 1"),
        ("update templates set default_version = 1 where name = 'a'", "a: default is 1"),
        ("update templates set age = age - 1000000 where name = 'a'", "a: updated_at"),
        ("update templates set includes = '[\"new\"]' where name = 'a'", "a: the file or the includes"),
        ("update versions set digest = zeroblob(32) where number = 2", "a v2: digest"),
        ("update versions set status = null where number = 2", "a v2: valid is False"),
        ("update versions set status = 'draft' where number = 2", "a v2: status is draft"),
        ("update versions set moved_from = 'a' where moved_from = 'old'", "new v1: moved_from is a"),
        ("update versions set cause = 'new' where number = 2", "a v2: cause is new"),
        ('update versions set diagnostics = \'[["x","y","p",1,1,"error"]]\' where number = 2', "a v2: diagnostics"),
        ("delete from versions where number = 2", "a v2 is missing"),
        ("insert into versions select template_id, 7, ordinal, digest, blob, status, null, null, null from versions "
         "where number = 2", "a v7 is in the catalogue but not in Git"),
        ("update commits set author_name = 'Eve' where ordinal = 3", "a v2: author_name is Eve"),
        ("update labels set version = 1", "The label production of a is at 1, Git says 2"),
        ("delete from label_moves where previous is null", "The move of label production of a at commit 5 is missing"),
        ("update label_moves set version = 2 where version = 1", "at commit 5: version is 2"),
        ("update label_moves set author_email = 'eve@x'", "author_email is eve@x"),
        ("insert into label_moves select build_id, 'staging', name, ordinal, version, previous, \"commit\", moved_at, "
         "author_name, author_email, subject from label_moves", "label staging of a at commit 5 is in the catalogue"),
        ("update builds set rules = '\"schema: registry/v2\"'", "The rules of the catalogue"),
        ("update builds set ordinal = 99", "counts 99 commits, Git 6"),
        ("update search_documents set fingerprint = 'x' where name = 'a'", "The search document of a is stale"),
        ("update templates set sort_key = x'00' where name = 'a'", "a: the key by which it is listed"),
        ("update templates set latest_blob = zeroblob(20) where name = 'a'", "a: the file of its latest version is 000"),
        ("update templates set latest_blob = null where name = 'new'", "new: the file of its latest version is None"),
        ("delete from template_names where rowid = (select id from templates where name = 'a')", "a: suggestions"),
        ("update template_names set name = 'b' where name = 'a'", "a: suggestions"),
        ("delete from template_values where facet = 'tag'", "new: the filter tag=y does not find it"),
        ("update template_values set value = 'z' where facet = 'tag'", "new: the filter tag=z finds it but should not"),
        ("update template_values set value = 'draft' where facet = 'status'", "the filter status=active does not"),
        ("update template_values set value = '@eve' where facet = 'owner'", "the filter owner=@eve finds it but"),
        ("delete from template_values where facet = 'label'", "a: the filter label=production does not find it"),
        ("update template_values set sort_key = x'00' where facet = 'label'", "label=production leads to a template"),
        ("update template_values set template_id = 99 where facet = 'label'", "label=production leads to a template"),
        ("update template_values set template_id = (select id from templates where name = 'gone') where facet = 'tag'",
         "The filter tag=y leads to a template that is not there"),
        ("delete from removals where name = 'gone'", "gone was deleted by commit"),
        ("update removals set moved_to = 'a' where name = 'old'", "old was renamed to a by commit"),
        ("update removals set version = 9", "the catalogue says version 9, Git says 1"),
        ('update refs set "commit" = \'0\' where ref = \'refs/heads/draft\'', "The ref refs/heads/draft is recorded at 0,"),
        ("delete from refs", "The ref refs/heads/draft is recorded at no commit"),
        ("insert into refs select repository_id, 'refs/heads/x', \"commit\", updated_at from refs limit 1", "refs/heads/x is"),
        ("delete from search_documents where name = 'a'", "a is missing in the search index"),
        ("update search_documents set sort_key = x'ff' where name = 'a'", "search shows it at the wrong place"),
        ("update search_counts set documents = 7 where value = 'y'", "Search counts 7 templates with tag=y, Git 1"),
        ("delete from search_counts where facet = 'tag'", "Search counts no templates by tag"),
        ("update search_counts set documents = 9 where facet = 'total'", "Search counts 9 templates, Git 2"),
        ("update search_bodies set document = replace(document, 'active', 'draft')", "search shows other facts"),
        ("update search_bodies set document = replace(document, '@kim', '@eve')", "search shows the owners ('@eve',)"),
        ("update search_documents set name = 'zz' where name = 'a'", "zz is in the search index"),
    ],
)  # fmt: skip
async def test_what_is_wrong_in_a_row_is_named(opened: Registry, statement: str, said: str) -> None:
    spoil(opened, statement)
    found = await opened.verifying.verify(REPOSITORY)
    assert any(said in line for line in found), found


TWICE = "{}: a search for everything shows it 2 times."
MISPLACED = "{}: search shows it at the wrong place."


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (lambda a, new: [a, new, a], [TWICE.format("a")]),
        (lambda a, new: [new, a, new], [TWICE.format("new"), MISPLACED.format("new")]),
        (lambda a, _new: [a, a], ["new: a search for everything does not show it.", TWICE.format("a")]),
    ],
)
async def test_a_page_that_shows_a_template_twice_is_told(
    opened: Registry,
    monkeypatch: pytest.MonkeyPatch,
    shown: Callable[[Hit, Hit], Sequence[Hit]],
    said: list[str],
) -> None:
    search = opened.verifying._searched[0].index.search

    async def spoilt(query: Query) -> SearchPage:
        page = await search(query)
        return replace(page, hits=tuple(shown(*page.hits)))

    monkeypatch.setattr(opened.verifying._searched[0].index, "search", spoilt)
    assert await opened.verifying.verify(REPOSITORY) == said


async def test_a_file_that_is_not_utf8_is_no_difference(registry: Registry, pusher: Pusher) -> None:
    commit = pusher.commit({T.format("a"): text_template().encode() + b"# \xff\n"})
    with registry.git.open(REPOSITORY) as store:
        store.move(RefUpdate(MAIN, ZERO_COMMIT, commit))
    await registry.indexing.poke(REPOSITORY)
    await registry.indexing.fed()
    assert await registry.verifying.verify(REPOSITORY) == []
    spoil(registry, "update bodies set body = replace(body, 'Hello', 'Bye')")
    assert any("is not Git's" in line for line in await registry.verifying.verify(REPOSITORY))


class _Writing:
    """Lands a commit whenever the label history is read, as a busy server would."""

    def __init__(self, registry: Registry, times: int) -> None:
        self._every_move = registry.verifying._versions.every_move
        self._pusher = Pusher(registry)
        self.left = times

    async def every_move(
        self, repository: RepositoryName, after: LabelMove | None = None, limit: int = 500
    ) -> list[LabelMove]:
        if self.left:
            self.left -= 1
            await self._pusher.land({T.format(f"busy{self.left}"): text_template(f"{self.left}")})
        return await self._every_move(repository, after, limit)


@pytest.mark.parametrize(("times", "said"), [(2, []), (50, ["moved during each"])])
async def test_a_projection_that_moves_meanwhile_is_compared_anew(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch, times: int, said: list[str]
) -> None:
    await pusher.land({T.format("a"): text_template()})
    writing = _Writing(registry, times)
    monkeypatch.setattr(registry.verifying._versions, "every_move", writing.every_move)
    found = await registry.verifying.verify(REPOSITORY)
    assert len(found) == len(said)
    assert all(part in line for part, line in zip(said, found, strict=True))
