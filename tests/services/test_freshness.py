"""Waiting for a commit: what the catalogue has seen, will see and never sees."""

import asyncio

import pytest

from registry.bootstrap import Registry
from registry.domain.errors import RevisionNotFound, Unavailable
from registry.domain.ids import CommitId, RefName
from registry.domain.refs import RefUpdate
from registry.services import freshness
from registry.services.freshness import Freshness
from tests.pushing import MAIN, REPOSITORY, Pusher, text_template
from tests.running import git

PATH = "prompts/a.prompt.yaml"


def move_unseen(pusher: Pusher, word: str) -> CommitId:
    """A commit on main that no hint tells of."""
    tip = pusher.tip()
    assert tip is not None
    commit = pusher.commit({PATH: text_template(f"{word} {{{{ name }}}}")}, parent=tip)
    with pusher.registry.git.open(REPOSITORY) as store:
        store.move(RefUpdate(MAIN, tip, commit))
    return commit


async def test_what_has_been_seen_is_answered_at_once(registry: Registry, pusher: Pusher) -> None:
    first = await pusher.land({PATH: text_template("one {{ name }}")})
    side = pusher.commit({"README.md": "side\n"}, parent=first)
    second = await pusher.land({PATH: text_template("two {{ name }}")})
    bare = registry.git.path(REPOSITORY)
    tree = git(bare, "rev-parse", f"{second}^{{tree}}").strip()
    merge = CommitId(git(bare, "commit-tree", tree, "-p", second, "-p", side, "-m", "Merge").strip())
    assert (await pusher.push_commit(merge)).accepted
    for commit in (first, second, side, merge):
        assert (await registry.freshness.require(REPOSITORY, commit)).commit == merge


async def test_what_no_hint_told_of_is_projected(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text_template("one {{ name }}")})
    commit = move_unseen(pusher, "two")
    assert (await registry.freshness.require(REPOSITORY, commit)).commit == commit
    later = move_unseen(pusher, "three")
    found = await asyncio.gather(*(registry.freshness.require(REPOSITORY, later) for _ in range(10)))
    assert {each.commit for each in found} == {later}


async def test_what_is_not_on_the_default_branch(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text_template("one {{ name }}")})
    branch = RefName("refs/heads/work")
    assert (await pusher.push({PATH: text_template("mine {{ name }}")}, branch)).accepted
    tip = pusher.tip(branch)
    assert tip is not None
    for commit in (CommitId("1" * 40), tip):
        with pytest.raises(RevisionNotFound, match=commit):
            await registry.freshness.require(REPOSITORY, commit)


async def test_a_repository_without_commits(registry: Registry) -> None:
    with pytest.raises(RevisionNotFound):
        await registry.freshness.require(REPOSITORY, CommitId("1" * 40))


async def test_the_wait_ends(registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "WAIT_SECONDS", 0.05)
    await pusher.land({PATH: text_template("one {{ name }}")})
    seen = pusher.tip()
    commit = move_unseen(pusher, "two")
    async with registry.indexing._locks[REPOSITORY]:  # as a long rebuild holds it
        with pytest.raises(Unavailable, match=f"up to {seen}"):
            await registry.freshness.require(REPOSITORY, commit)
    assert (await registry.freshness.require(REPOSITORY, commit)).commit == commit


async def test_without_git_what_was_passed_is_known(registry: Registry, pusher: Pusher) -> None:
    seeing, late = (Freshness(git=None, indexing=registry.indexing) for _ in range(2))
    first = await pusher.land({PATH: text_template("one {{ name }}")})
    assert await seeing.has_seen(REPOSITORY, first)
    second = await pusher.land({PATH: text_template("two {{ name }}")})
    for each in (first, second):
        assert await seeing.has_seen(REPOSITORY, each)
        assert (await seeing.require(REPOSITORY, each)).commit == second
    assert not await late.has_seen(REPOSITORY, first)
    with pytest.raises(Unavailable, match="Git node"):
        await late.require(REPOSITORY, first)
    await registry.indexing._projection.drop(REPOSITORY)
    assert not await seeing.has_seen(REPOSITORY, first)
