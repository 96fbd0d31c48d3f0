"""The gate and rights: who may change which files, on which branch, and which refs."""

import subprocess
from collections.abc import Mapping

import pytest

from registry.domain.access import Actor
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, UserName
from registry.domain.refs import RefUpdate
from registry.domain.rights import Place, Rights
from registry.domain.roles import Role
from registry.services import gate_rights
from registry.services.gate import Verdict
from tests.pushing import ADMIN, MAIN, Pusher

DRAFT = RefName("refs/heads/draft")
GREET, PAY = "prompts/support/greet.prompt.yaml", "prompts/billing/pay.prompt.yaml"
LABEL = "labels/production/support.yaml"
REPO = "default"


def actor(*roles: tuple[str | None, Role]) -> Actor:
    """Somebody with roles in folders (None: the server; empty: the repository)."""
    places = [(Place() if folder is None else Place(REPO, folder), role) for folder, role in roles]
    return Actor(UserName("kim"), "Kim", "kim@example.com", Rights.of(places))


READS_ALL = (None, Role.READER)
SUPPORT = actor(READS_ALL, ("support", Role.AUTHOR))
AUTHOR = actor((None, Role.AUTHOR))
MAINTAINER = actor(("", Role.MAINTAINER))


async def push(pusher: Pusher, files: Mapping[str, str | None], who: Actor, ref: RefName = MAIN) -> Verdict:
    return await pusher.push(files, ref, actor=who)


def say(text: str) -> str:
    return f"schema: prompt/v1\ntype: text\ntext: {text}\n"


def set_ref(pusher: Pusher, update: RefUpdate) -> None:
    with pusher.registry.git.open(pusher.repository) as store:
        store.flush()
        store.move(update)


def merge(pusher: Pusher, files: Mapping[str, str], parent: CommitId, other: CommitId) -> CommitId:
    """A commit of these files on the first parent's tree, with both parents."""
    alone = pusher.commit(files, parent=parent)
    git = ["git", "-c", "user.name=Kim", "-c", "user.email=kim@example.com", "-C", pusher.registry.git.path(REPO)]
    tree = [*git, "commit-tree", f"{alone}^{{tree}}", "-p", parent, "-p", other, "-m", "merge"]
    return CommitId(subprocess.run(tree, capture_output=True, text=True, check=True).stdout.strip())


def denied(verdict: Verdict) -> list[str]:
    return sorted(each.path for each in verdict.diagnostics if each.rule == "change-not-allowed")


@pytest.fixture
async def stocked(pusher: Pusher) -> Pusher:
    await pusher.land({GREET: say("Hello"), PAY: say("Pay")})
    return pusher


async def test_each_file_is_changed_by_who_is_author_where_it_lies(stocked: Pusher) -> None:
    assert (await push(stocked, {GREET: say("Hi")}, SUPPORT)).accepted
    both = {GREET: say("Ho"), PAY: say("Pay now"), "README.md": "x"}
    refused = await push(stocked, both, SUPPORT)
    assert not refused.accepted
    assert denied(refused) == ["README.md", PAY]
    assert {each.message for each in refused.diagnostics if each.path == PAY} == {
        "Changing it needs the role author at default/billing; you are reader there."
    }
    assert denied(await push(stocked, {PAY: None}, SUPPORT)) == [PAY]
    assert (await push(stocked, both, AUTHOR)).accepted


async def test_a_folder_is_not_another_that_begins_alike(stocked: Pusher) -> None:
    path = "prompts/support2/x.prompt.yaml"
    assert denied(await push(stocked, {path: say("x")}, SUPPORT)) == [path]
    assert (await push(stocked, {"prompts/support/deep/x.prompt.yaml": say("x")}, SUPPORT)).accepted


@pytest.mark.parametrize("path", [".registry.yaml", "CODEOWNERS"])
async def test_what_says_who_may_do_what_is_changed_by_maintainers(stocked: Pusher, path: str) -> None:
    content = {".registry.yaml": "schema: registry/v1\n", "CODEOWNERS": "* @kim\n"}[path]
    assert denied(await push(stocked, {path: content}, AUTHOR)) == [path]
    assert denied(await push(stocked, {path: content}, actor(READS_ALL, ("support", Role.MAINTAINER)))) == [path]
    assert (await push(stocked, {path: content}, AUTHOR, DRAFT)).accepted, "a draft may propose it"
    assert (await push(stocked, {path: content}, MAINTAINER)).accepted


async def test_rules_that_somebody_else_pushed_as_a_draft_are_not_let_in_by_an_author(stocked: Pusher) -> None:
    """Nothing of that push is new to the repository: what counts is what the branch gets."""
    tip = stocked.tip()
    commit = stocked.commit({".registry.yaml": "schema: registry/v1\n"}, parent=tip)
    set_ref(stocked, RefUpdate(DRAFT, ZERO_COMMIT, commit))
    update = RefUpdate(MAIN, tip or ZERO_COMMIT, commit)
    assert denied(await stocked.judge(update, actor=AUTHOR)) == [".registry.yaml"]
    assert (await stocked.judge(update, actor=MAINTAINER)).accepted


async def test_a_commit_on_the_way_counts_though_the_next_one_takes_it_back(stocked: Pusher) -> None:
    tip = stocked.tip()
    there = stocked.commit({PAY: say("Never pay")}, parent=tip)
    back = stocked.commit({PAY: say("Pay")}, parent=there)
    assert denied(await stocked.judge(RefUpdate(MAIN, tip or ZERO_COMMIT, back), actor=SUPPORT)) == [PAY]


async def test_a_label_is_moved_by_the_role_in_its_folder(stocked: Pusher) -> None:
    await stocked.land({".registry.yaml": "schema: registry/v1\nlabels:\n  production: {move: [maintainer]}\n"})
    move = {LABEL: "greet: 1\n"}
    refused = await push(stocked, move, SUPPORT)
    assert [each.rule for each in refused.diagnostics] == ["label-not-allowed"]
    assert "As author you may not move the label production" in refused.diagnostics[0].message
    assert denied(await push(stocked, move, actor(READS_ALL, ("billing", Role.MAINTAINER)))) == [LABEL]
    assert (await push(stocked, move, actor(READS_ALL, ("support", Role.MAINTAINER)))).accepted


async def test_a_protected_branch_takes_from_a_folder_what_its_maintainer_pushes(stocked: Pusher) -> None:
    await stocked.land({".registry.yaml": "schema: registry/v1\nbranches:\n  main: {push: [maintainer]}\n"})
    change = {GREET: say("Hi")}
    assert [each.rule for each in (await push(stocked, change, SUPPORT)).diagnostics] == ["push-not-allowed"]
    mixed = actor((None, Role.AUTHOR), ("support", Role.MAINTAINER))
    assert (await push(stocked, change, mixed)).accepted
    assert denied(await push(stocked, {PAY: say("Now")}, mixed)) == [PAY]


async def test_a_draft_may_have_merged_what_others_changed_meanwhile(stocked: Pusher) -> None:
    start = stocked.tip()
    mine = stocked.commit({GREET: say("Mine")}, parent=start)
    assert (await stocked.judge(RefUpdate(DRAFT, ZERO_COMMIT, mine), actor=SUPPORT)).accepted
    await stocked.land({PAY: say("Theirs")})
    main = stocked.tip() or ZERO_COMMIT
    merged = merge(stocked, {PAY: say("Theirs")}, mine, main)
    assert (await stocked.judge(RefUpdate(DRAFT, ZERO_COMMIT, merged), actor=SUPPORT)).accepted
    await stocked.land({PAY: say("Theirs, later")})
    assert (await stocked.judge(RefUpdate(DRAFT, ZERO_COMMIT, merged), actor=SUPPORT)).accepted, "main went on"
    stained = merge(stocked, {PAY: say("Evil")}, mine, main)
    assert denied(await stocked.judge(RefUpdate(DRAFT, ZERO_COMMIT, stained), actor=SUPPORT)) == [PAY]


RELEASE = RefName("refs/heads/release")
THEIRS = RefName("refs/heads/theirs")
RESERVED = "schema: registry/v1\nbranches:\n  release: {push: [maintainer], force_push: true}\n"
MIXED = actor((None, Role.AUTHOR), ("support", Role.MAINTAINER))
HALF = actor(READS_ALL, ("support", Role.MAINTAINER), ("billing", Role.AUTHOR))


async def test_a_reserved_branch_takes_from_each_folder_what_its_own_maintainers_push(stocked: Pusher) -> None:
    await stocked.land({".registry.yaml": RESERVED})
    assert [each.rule for each in (await push(stocked, {PAY: say("x")}, AUTHOR, RELEASE)).diagnostics] == [
        "push-not-allowed"
    ]
    for who in (MIXED, HALF):
        for _ in ("new", "there"):
            assert denied(await push(stocked, {PAY: say("x")}, who, RELEASE)) == [PAY]
            assert (await push(stocked, {GREET: say(f"Hi from {len(who.rights.roles)}")}, who, RELEASE)).accepted
            set_ref(stocked, RefUpdate(RELEASE, stocked.tip(RELEASE) or ZERO_COMMIT, stocked.tip() or ZERO_COMMIT))
    assert denied(await push(stocked, {".registry.yaml": "schema: registry/v1\n"}, MIXED, RELEASE)) == [
        ".registry.yaml"
    ]
    assert (await push(stocked, {PAY: say("x")}, MAINTAINER, RELEASE)).accepted


async def test_a_reserved_branch_is_rewritten_and_deleted_by_the_role_in_the_whole_repository(stocked: Pusher) -> None:
    await stocked.land({".registry.yaml": RESERVED})
    tip = stocked.tip() or ZERO_COMMIT
    one = stocked.commit({GREET: say("One")}, parent=tip)
    other = stocked.commit({GREET: say("Other")}, parent=tip)
    set_ref(stocked, RefUpdate(RELEASE, ZERO_COMMIT, one))
    for update, rule in (
        (RefUpdate(RELEASE, one, other), "force-push"),
        (RefUpdate(RELEASE, one, ZERO_COMMIT), "push-not-allowed"),
    ):
        refused = await stocked.judge(update, actor=MIXED)
        assert [each.rule for each in refused.diagnostics] == [rule]
        assert "you are author at default" in refused.diagnostics[0].message
        assert (await stocked.judge(update, actor=MAINTAINER)).accepted
    tag = RefUpdate(RefName("refs/tags/v1"), ZERO_COMMIT, one)
    assert (await stocked.judge(tag, actor=MIXED)).accepted


KEPT = """\
schema: registry/v1
branches:
  kept/*: {push: [author], create: [maintainer], force_push: [maintainer], delete: []}
  asked/*: {push: [maintainer], create: [author], delete: [author]}
"""
ACTORS = {role: actor((None, role)) for role in Role}
FROM_AUTHOR, FROM_MAINTAINER, FROM_ADMINISTRATOR = list(Role)[1:], list(Role)[2:], list(Role)[3:]
NOBODY: list[Role] = []


@pytest.mark.parametrize(
    ("name", "create", "push", "rewrite", "delete"),
    [
        ("kept/1", FROM_MAINTAINER, FROM_AUTHOR, FROM_MAINTAINER, FROM_ADMINISTRATOR),
        ("asked/1", FROM_AUTHOR, FROM_MAINTAINER, NOBODY, FROM_AUTHOR),
        ("free", FROM_AUTHOR, FROM_AUTHOR, FROM_AUTHOR, FROM_AUTHOR),
    ],
)
async def test_each_act_on_a_branch_is_for_the_roles_that_the_rules_name(
    stocked: Pusher, name: str, create: list[Role], push: list[Role], rewrite: list[Role], delete: list[Role]
) -> None:
    base = await stocked.land({".registry.yaml": KEPT})
    ref, there = RefName(f"refs/heads/{name}"), RefName(f"refs/heads/{name}-there")
    one, other = (stocked.commit({GREET: say(text)}, parent=base) for text in ("One", "Other"))
    on_top = stocked.commit({GREET: say("Two")}, parent=one)
    set_ref(stocked, RefUpdate(there, ZERO_COMMIT, one))
    for update, wanted in (
        (RefUpdate(ref, ZERO_COMMIT, base), create),
        (RefUpdate(there, one, on_top), push),
        (RefUpdate(there, one, other), rewrite),
        (RefUpdate(there, one, ZERO_COMMIT), delete),
    ):
        verdicts = {role: await stocked.judge(update, actor=who) for role, who in ACTORS.items()}
        assert [role for role, verdict in verdicts.items() if verdict.accepted] == wanted, update
        told = {each.rule for verdict in verdicts.values() for each in verdict.diagnostics}
        assert told <= {"push-not-allowed", "force-push"}


async def test_who_may_make_a_branch_but_not_push_to_it_brings_nothing_with_it(stocked: Pusher) -> None:
    base = await stocked.land({".registry.yaml": KEPT})
    mine = stocked.commit({GREET: say("Mine")}, parent=base)
    made = RefUpdate(RefName("refs/heads/asked/1"), ZERO_COMMIT, mine)
    refused = await stocked.judge(made, actor=AUTHOR)
    assert denied(refused) == [GREET]
    assert (
        "branches.asked/*.push; with this key or login you are author at default/support"
        in refused.diagnostics[0].message
    )
    assert (await stocked.judge(made, actor=MAINTAINER)).accepted
    begun = RefUpdate(RefName("refs/heads/asked/1"), ZERO_COMMIT, stocked.tip() or ZERO_COMMIT)
    assert (await stocked.judge(begun, actor=SUPPORT)).accepted, "a name for what is there"


@pytest.mark.parametrize(
    ("rule", "who", "deletes", "key"),
    [
        ("{force_push: [maintainer]}", AUTHOR, False, "force_push"),
        ("{force_push: [maintainer]}", AUTHOR, True, "force_push"),
        ("{force_push: true, delete: [maintainer]}", AUTHOR, True, "delete"),
        ("{push: [maintainer], force_push: true}", MIXED, True, "push"),
        ("{create: []}", AUTHOR, None, "create"),
        ("{push: [maintainer]}", AUTHOR, None, "create"),
    ],
)
async def test_who_is_refused_a_branch_is_told_the_key_that_says_so(
    stocked: Pusher, rule: str, who: Actor, deletes: bool | None, key: str
) -> None:
    base = await stocked.land({".registry.yaml": f"schema: registry/v1\nbranches:\n  x: {rule}\n"})
    one, other = (stocked.commit({GREET: say(text)}, parent=base) for text in ("One", "Other"))
    if deletes is not None:
        set_ref(stocked, RefUpdate(RefName("refs/heads/x"), ZERO_COMMIT, one))
    update = RefUpdate(
        RefName("refs/heads/x"),
        ZERO_COMMIT if deletes is None else one,
        base if deletes is None else ZERO_COMMIT if deletes else other,
    )
    refused = await stocked.judge(update, actor=who)
    assert [each.message.count(f"branches.x.{key}") for each in refused.diagnostics] == [1]


async def test_a_branch_does_not_get_what_others_have_only_on_theirs(stocked: Pusher) -> None:
    """Nothing of such a push is new to the repository."""
    tip = stocked.tip() or ZERO_COMMIT
    await push(stocked, {PAY: say("Unreviewed")}, ADMIN, THEIRS)
    theirs = stocked.tip(THEIRS) or ZERO_COMMIT
    set_ref(stocked, RefUpdate(DRAFT, ZERO_COMMIT, tip))
    forward = RefUpdate(DRAFT, tip, theirs)
    assert denied(await stocked.judge(forward, actor=SUPPORT)) == [PAY]
    assert denied(await stocked.judge(forward, RefUpdate(THEIRS, theirs, theirs), actor=SUPPORT)) == [PAY]
    merged = merge(stocked, {PAY: say("Unreviewed")}, tip, theirs)
    assert denied(await stocked.judge(RefUpdate(DRAFT, tip, merged), actor=SUPPORT)) == [PAY]
    assert (await stocked.judge(forward, actor=AUTHOR)).accepted
    assert (await stocked.judge(RefUpdate(RELEASE, ZERO_COMMIT, theirs), actor=SUPPORT)).accepted, "a branch of all"
    await stocked.land({".registry.yaml": RESERVED})
    assert denied(await stocked.judge(RefUpdate(RELEASE, ZERO_COMMIT, theirs), actor=MIXED)) == [PAY]


async def test_a_draft_may_go_forward_to_the_default_branch(stocked: Pusher) -> None:
    start = stocked.tip() or ZERO_COMMIT
    set_ref(stocked, RefUpdate(DRAFT, ZERO_COMMIT, start))
    mine = stocked.commit({GREET: say("Mine")}, parent=start)
    await stocked.land({PAY: say("Theirs")})
    main = stocked.tip() or ZERO_COMMIT
    assert (await stocked.judge(RefUpdate(DRAFT, start, main), actor=SUPPORT)).accepted
    for merged in (merge(stocked, {PAY: say("Theirs")}, mine, main), merge(stocked, {GREET: say("Mine")}, main, mine)):
        assert (await stocked.judge(RefUpdate(DRAFT, start, merged), actor=SUPPORT)).accepted
    await stocked.land({".registry.yaml": RESERVED})
    set_ref(stocked, RefUpdate(RELEASE, ZERO_COMMIT, start))
    assert denied(await stocked.judge(RefUpdate(RELEASE, start, main), actor=HALF)) == [PAY], "it is reserved"


async def test_what_others_changed_on_a_draft_is_not_undone(stocked: Pusher) -> None:
    main = stocked.tip() or ZERO_COMMIT
    await push(stocked, {PAY: say("A colleague's")}, ADMIN, DRAFT)
    draft = stocked.tip(DRAFT) or ZERO_COMMIT
    assert denied(await push(stocked, {PAY: say("Pay")}, SUPPORT, DRAFT)) == [PAY]
    await stocked.land({GREET: say("Later")})
    later = stocked.tip() or ZERO_COMMIT
    kept = merge(stocked, {GREET: say("Later")}, draft, later)
    assert (await stocked.judge(RefUpdate(DRAFT, draft, kept), actor=SUPPORT)).accepted
    for other in (main, later):
        undone = merge(stocked, {PAY: say("Pay")}, draft, other)
        assert denied(await stocked.judge(RefUpdate(DRAFT, draft, undone), actor=SUPPORT)) == [PAY]


async def test_nothing_of_others_comes_into_the_repository_on_the_way(stocked: Pusher) -> None:
    """Every commit can be read by its id."""
    tip = stocked.tip() or ZERO_COMMIT
    evil = stocked.commit({PAY: say("Evil")}, parent=tip)
    back = stocked.commit({PAY: say("Pay")}, parent=evil)
    beside = merge(stocked, {GREET: say("Hi")}, tip, evil)
    deep = merge(stocked, {GREET: say("Hi")}, tip, merge(stocked, {GREET: say("Ho")}, tip, evil))
    orphan = merge(stocked, {GREET: say("Hi")}, tip, stocked.commit({PAY: say("Evil")}))
    set_ref(stocked, RefUpdate(DRAFT, ZERO_COMMIT, tip))
    for commit in (back, beside, deep, orphan):
        for update in (
            RefUpdate(MAIN, tip, commit),
            RefUpdate(DRAFT, tip, commit),
            RefUpdate(THEIRS, ZERO_COMMIT, commit),
        ):
            assert denied(await stocked.judge(update, actor=SUPPORT)) == [PAY], update
            assert (await stocked.judge(update, actor=AUTHOR)).accepted


async def test_refs_are_taken_away_and_rewritten_by_authors_of_all(stocked: Pusher) -> None:
    tip = stocked.tip() or ZERO_COMMIT
    one = stocked.commit({GREET: say("One")}, parent=CommitId(tip))
    other = stocked.commit({GREET: say("Other")}, parent=CommitId(tip))
    set_ref(stocked, RefUpdate(DRAFT, ZERO_COMMIT, one))
    rewritten, gone = RefUpdate(DRAFT, one, other), RefUpdate(DRAFT, one, ZERO_COMMIT)
    tag = RefUpdate(RefName("refs/tags/v1"), ZERO_COMMIT, one)
    for update, rule in ((rewritten, "force-push"), (gone, "push-not-allowed"), (tag, "push-not-allowed")):
        refused = await stocked.judge(update, actor=SUPPORT)
        assert [each.rule for each in refused.diagnostics] == [rule]
        assert "needs the role author at default" in refused.diagnostics[0].message
        assert (await stocked.judge(update, actor=AUTHOR)).accepted


async def test_who_is_author_nowhere_pushes_nothing(stocked: Pusher) -> None:
    refused = await push(stocked, {GREET: say("Hi")}, actor(READS_ALL))
    assert [each.rule for each in refused.diagnostics] == ["push-not-allowed"]
    elsewhere = Actor(UserName("x"), "X", "x@example.com", Rights(((Place("other"), Role.ADMINISTRATOR),)))
    assert not (await push(stocked, {GREET: say("Hi")}, elsewhere)).accepted
    assert (await push(stocked, {GREET: say("Hi")}, ADMIN)).accepted


async def test_authors_of_all_are_asked_nothing_of_git(stocked: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    for question in ("_commit_faults", "_draft_faults"):
        monkeypatch.delattr(gate_rights, question)
    for ref in (MAIN, DRAFT, DRAFT):
        assert (await push(stocked, {PAY: say(f"To {ref}"), GREET: say("x")}, AUTHOR, ref)).accepted
    with pytest.raises(NameError):
        await push(stocked, {GREET: say("Hi")}, SUPPORT, DRAFT)
