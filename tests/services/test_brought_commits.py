"""Who brought which commits: by moves of every kind, in their order, whoever wrote them."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace

import pytest

from registry.bootstrap import Registry
from registry.domain.audit import AuditOrigin
from registry.domain.errors import Unavailable
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, RepositoryName, UserName
from registry.domain.refs import RefUpdate
from registry.services import ref_audit
from registry.services.audit_origin import acting
from tests.pushing import ADMIN, AUTHOR, MAIN, REPOSITORY, Pusher, text_template

TOPIC = RefName("refs/heads/topic")
LEE = replace(AUTHOR, user=UserName("lee"), email="lee@example.com")


async def bring(pusher: Pusher, commit: CommitId, ref: RefName = MAIN, actor: object = AUTHOR) -> None:
    """What a push that was accepted does, but for the noting that comes within a second."""
    update = RefUpdate(ref, pusher.tip(ref) or ZERO_COMMIT, commit)
    audit = pusher.registry.ref_audit
    intents = await audit.accept(REPOSITORY, [update], actor)  # type: ignore[arg-type]
    git = ["git", "-C", str(pusher.registry.git.path(REPOSITORY)), "update-ref"]
    subprocess.run([*git, "-d", ref] if update.deletes else [*git, ref, commit], check=True)
    await audit.ended(intents)


async def known(registry: Registry, *commits: CommitId) -> list[str | None]:
    await registry.ref_audit.drain()
    found = await registry.ref_audit._pushers.of(REPOSITORY, commits)
    return [found.get(commit) for commit in commits]


def merge(pusher: Pusher, *parents: CommitId) -> CommitId:
    git = ["git", "-C", str(pusher.registry.git.path(REPOSITORY)), "-c", "user.name=K", "-c", "user.email=k@e.kr"]
    before = [word for parent in parents for word in ("-p", parent)]
    done = subprocess.run(
        [*git, "commit-tree", f"{parents[1]}^{{tree}}", *before, "-m", "merge"], capture_output=True, check=True
    )
    return CommitId(done.stdout.decode().strip())


async def test_every_commit_of_a_push_was_brought_by_its_pusher(registry: Registry, pusher: Pusher) -> None:
    first = pusher.commit({"a.md": "1"})
    second = pusher.commit({"a.md": "2"}, parent=first)
    await bring(pusher, second)
    third = pusher.commit({"a.md": "3"}, parent=second)
    await bring(pusher, third, actor=LEE)
    assert await known(registry, first, second, third) == ["kim", "kim", "lee"]


@pytest.mark.parametrize("between", [True, False])
async def test_who_merges_did_not_push_what_is_merged(registry: Registry, pusher: Pusher, between: bool) -> None:
    base = pusher.commit({"a.md": "1"})
    await bring(pusher, base)
    topic = pusher.commit({"b.md": "1"}, parent=base)
    await bring(pusher, topic, TOPIC, LEE)
    if between:
        await registry.ref_audit.drain()
    merged = merge(pusher, base, topic)
    await bring(pusher, merged, actor=ADMIN)
    assert await known(registry, base, topic, merged) == ["kim", "lee", "admin"]


@pytest.mark.parametrize("between", [True, False])
async def test_who_moves_a_branch_on_did_not_push_it(registry: Registry, pusher: Pusher, between: bool) -> None:
    base = pusher.commit({"a.md": "1"})
    await bring(pusher, base)
    topic = pusher.commit({"b.md": "1"}, parent=base)
    await bring(pusher, topic, TOPIC, LEE)
    if between:
        await registry.ref_audit.drain()
    await bring(pusher, topic, actor=ADMIN)
    await bring(pusher, ZERO_COMMIT, TOPIC, ADMIN)
    assert await known(registry, base, topic) == ["kim", "lee"]


async def test_what_was_there_before_stays_unknown(registry: Registry, pusher: Pusher) -> None:
    old = await pusher.land({"a.md": "1"})  # as it was before anything was noted
    await bring(pusher, old, TOPIC, LEE)
    assert await known(registry, old) == [None]
    new = pusher.commit({"a.md": "2"}, parent=old)
    await bring(pusher, new, actor=LEE)
    assert await known(registry, old, new) == [None, "lee"]


async def test_a_rewritten_branch_brings_what_is_new(registry: Registry, pusher: Pusher) -> None:
    base = pusher.commit({"a.md": "1"})
    await bring(pusher, base)
    one = pusher.commit({"b.md": "1"}, parent=base)
    other = pusher.commit({"b.md": "2"}, parent=base)
    await bring(pusher, one, TOPIC)
    await bring(pusher, other, TOPIC, LEE)
    assert await known(registry, base, one, other) == ["kim", "kim", "lee"]


async def test_an_annotated_tag_brings_its_commit(registry: Registry, pusher: Pusher) -> None:
    commit = pusher.commit({"a.md": "1"})
    git = ["git", "-C", str(registry.git.path(REPOSITORY)), "-c", "user.name=K", "-c", "user.email=k@e.kr"]
    subprocess.run([*git, "tag", "-a", "-m", "v1", "v1", commit], check=True)
    tag = subprocess.run([*git, "rev-parse", "v1"], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run([*git, "update-ref", "-d", "refs/tags/v1"], check=True)
    await bring(pusher, CommitId(tag), RefName("refs/tags/v1"), LEE)
    assert await known(registry, commit) == ["lee"]


async def test_a_write_was_brought_by_whoever_wrote(registry: Registry) -> None:
    written = [
        await registry.edits.put(REPOSITORY, name, text_template().encode(), actor=actor, if_none_match="*")
        for name, actor in (("a", AUTHOR), ("b", LEE))
    ]
    assert await known(registry, *(each.commit for each in written)) == ["kim", "lee"]


async def test_nobody_is_named_for_a_push_to_the_folder(registry: Registry, pusher: Pusher) -> None:
    commit = pusher.commit({"a.md": "1"})
    with acting(AuditOrigin(address="local")):
        await bring(pusher, commit)
    assert await known(registry, commit) == [None]


class Away:
    """A database that is away, as the keeper of pushers finds it."""

    async def note(self, _repository: RepositoryName, _pushed: Mapping[CommitId, UserName]) -> None:
        raise Unavailable("away")


async def test_what_cannot_be_noted_waits(registry: Registry, pusher: Pusher) -> None:
    kept = registry.ref_audit._pushers
    registry.ref_audit._pushers = Away()  # type: ignore[assignment]
    commit = pusher.commit({"a.md": "1"})
    await bring(pusher, commit)
    with pytest.raises(Unavailable):
        await registry.ref_audit.drain()
    registry.ref_audit._pushers = kept
    assert await known(registry, commit) == ["kim"]


async def test_more_moves_than_are_entered_at_once(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ref_audit, "AT_ONCE", 2)
    commits = [pusher.commit({"a.md": "0"})]
    for number in range(1, 7):
        commits.append(pusher.commit({"a.md": f"{number}"}, parent=commits[-1]))
    for number, commit in enumerate(commits):
        await bring(pusher, commit, actor=(AUTHOR, LEE)[number % 2])
    assert await known(registry, *commits) == ["kim", "lee"] * 3 + ["kim"]


async def test_a_repository_that_is_gone_holds_nothing_up(registry: Registry, pusher: Pusher) -> None:
    commit = pusher.commit({"a.md": "1"})
    await bring(pusher, commit)
    place = registry.git.path(REPOSITORY)
    place.rename(place.with_name("gone"))
    assert await known(registry, commit) == [None]
    assert registry.ref_audit._journal.waiting() == []
