"""The gate's rules for refs: what they point to, how they are called, which may be rewritten or deleted."""

import subprocess

import pytest

from registry.domain.ids import ZERO_COMMIT, CommitId, RefName
from registry.domain.refs import RefUpdate
from tests.pushing import ADMIN, Pusher, rules


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("refs/heads/Foo", "refs/heads/foo"),
        ("refs/heads/caf\u00e9", "refs/heads/cafe\u0301"),
        ("refs/tags/X", "refs/tags/x"),
    ],
)
async def test_new_refs_of_one_push_that_some_systems_take_for_one(pusher: Pusher, first: str, second: str) -> None:
    tip = await pusher.land({"README.md": "x"})
    updates = [RefUpdate(RefName(ref), ZERO_COMMIT, tip) for ref in (first, second)]
    verdict = await pusher.judge(*updates)
    assert [(d.rule, d.path) for d in verdict.diagnostics] == [("ref-name", second)]
    assert (await pusher.judge(updates[0])).accepted


@pytest.mark.parametrize("name", ["HEAD", "refs/heads/main", "0123456789abcdef" * 2 + "01234567"])
async def test_names_that_would_be_read_as_something_else(pusher: Pusher, name: str) -> None:
    tip = await pusher.land({"README.md": "x"})
    for ref in (f"refs/heads/{name}", f"refs/tags/{name}"):
        assert rules(await pusher.judge(RefUpdate(RefName(ref), ZERO_COMMIT, tip))) == ["ref-name"]
    assert (await pusher.judge(RefUpdate(RefName(f"refs/heads/fix/{name}"), ZERO_COMMIT, tip))).accepted


async def test_a_new_branch_does_not_stand_before_a_tag(pusher: Pusher) -> None:
    tip = await pusher.land({"README.md": "x"})
    tag, branch, other = RefName("refs/tags/v9"), RefName("refs/heads/v9"), RefName("refs/heads/v9/x")
    both = [RefUpdate(ref, ZERO_COMMIT, tip) for ref in (tag, branch)]
    assert (await pusher.judge(*both)).accepted, "a copy of a repository that has both; nobody has read the tag yet"
    with pusher.registry.git.open(pusher.repository) as store:
        store.move(both[0])
    verdict = await pusher.judge(both[1])
    assert [(d.rule, d.path) for d in verdict.diagnostics] == [("ref-name", branch)]
    assert 'There is a tag "v9"' in verdict.diagnostics[0].message
    assert (await pusher.judge(RefUpdate(other, ZERO_COMMIT, tip))).accepted
    with pusher.registry.git.open(pusher.repository) as store:
        store.move(both[1])
    assert (await pusher.judge(RefUpdate(branch, tip, ZERO_COMMIT))).accepted


async def test_a_branch_that_exists_in_another_normal_form(pusher: Pusher) -> None:
    tip = await pusher.land({"README.md": "x"})
    assert (await pusher.push({"a.md": "x"}, ref=RefName("refs/heads/caf\u00e9"))).accepted
    verdict = await pusher.judge(RefUpdate(RefName("refs/heads/cafe\u0301"), ZERO_COMMIT, tip))
    assert rules(verdict) == ["ref-name"]


async def test_a_protected_branch_is_neither_rewritten_nor_deleted(pusher: Pusher) -> None:
    release, free = RefName("refs/heads/release/1"), RefName("refs/heads/wip")
    await pusher.land({".registry.yaml": "schema: registry/v1\nbranches:\n  release/*: {force_push: false}\n"})
    for ref in (release, free):
        assert (await pusher.push({"a.md": "x"}, ref=ref)).accepted
        tip = pusher.tip(ref)
        assert tip is not None
        other = RefUpdate(ref, tip, pusher.commit({"a.md": "y"}, parent=pusher.tip()))
        for update in (other, RefUpdate(ref, tip, ZERO_COMMIT)):
            verdict = await pusher.judge(update, actor=ADMIN)
            assert rules(verdict) == (["force-push"] if ref == release else [])
            assert all("branches.release/*.force_push" in d.message for d in verdict.diagnostics)
    assert (await pusher.push({"b.md": "x"}, ref=release)).accepted


async def test_refs_point_to_commits(pusher: Pusher) -> None:
    tip = await pusher.land({"README.md": "x"})
    git = ["git", "-C", str(pusher.registry.git.path(pusher.repository))]

    def run(*arguments: str) -> CommitId:
        done = subprocess.run([*git, *arguments], input=b"x", capture_output=True, check=True)
        return CommitId(done.stdout.decode().strip())

    blob, tree = run("hash-object", "-w", "--stdin"), run("rev-parse", f"{tip}^{{tree}}")
    run("-c", "user.name=Kim", "-c", "user.email=kim@example.com", "tag", "-a", "-m", "one", "v1", tip)
    tag = run("rev-parse", "refs/tags/v1")
    for ref, wrong in [("heads/x", blob), ("heads/x", tree), ("heads/x", tag), ("tags/x", blob), ("tags/x", tree)]:
        verdict = await pusher.judge(RefUpdate(RefName(f"refs/{ref}"), ZERO_COMMIT, wrong))
        assert rules(verdict) == ["ref-target"], (ref, wrong)
    assert (await pusher.judge(RefUpdate(RefName("refs/tags/x"), ZERO_COMMIT, tag))).accepted
