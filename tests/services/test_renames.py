"""Renames and commits of several edits, on the default branch and on others, alone and side by side."""

import asyncio

import pytest

from registry.bootstrap import Registry
from registry.domain.errors import BadRequest, PreconditionFailed, Refused, RevisionNotFound, TemplateNotFound
from registry.domain.ids import ZERO_COMMIT, RefName, TemplateName
from registry.domain.includes import rename_include
from registry.domain.refs import RefUpdate
from registry.domain.selectors import Selector
from registry.domain.template_edits import Delete, LabelsLeft, Put, Rename
from tests.pushing import AUTHOR, REPOSITORY, Pusher, text_template

T = "prompts/{}.prompt.yaml"
WIP = RefName("refs/heads/wip")


def name(text: str) -> TemplateName:
    return TemplateName(text)


def rename(old: str, new: str, *, update_includes: bool = False, if_match: str = "*") -> Rename:
    return Rename(name(old), name(new), if_match, update_includes, LabelsLeft.DROP)


def including(*names: str) -> str:
    return text_template(" ".join(f'{{% include "{n}" %}}' for n in names))


def test_only_include_tags_of_that_name_are_renamed() -> None:
    data = b'{% include "a/b" %} {%- include \'a/b\' -%} {% include "a/bc" %} a/b {# {% include "a/b" %} #}\r\n'
    assert (
        rename_include(data, name("a/b"), name("환/불"))
        == (
            '{% include "환/불" %} {%- include \'환/불\' -%} {% include "a/bc" %} a/b {# {% include "환/불" %} #}\r\n'
        ).encode()
    )


async def test_a_branch_takes_renames_deletions_and_commits(registry: Registry, pusher: Pusher) -> None:
    await pusher.land(
        {T.format("p"): text_template(), T.format("a"): including("p"), T.format("b"): text_template("B")}
    )
    await pusher.push({"README.md": "x"}, ref=WIP)
    main = pusher.tip()
    await registry.edits.put(
        REPOSITORY, name("c"), including("p").encode(), actor=AUTHOR, branch="wip", if_none_match="*"
    )
    done = await registry.edits.rename(REPOSITORY, rename("p", "q", update_includes=True), actor=AUTHOR, branch="wip")
    assert (done.includers, done.templates[0].version) == (("a", "c"), None)
    read = await registry.templates.read(REPOSITORY, name("c"), Selector(ref="wip"))
    assert read.source == including("q")
    etag = (await registry.templates.read(REPOSITORY, name("b"), Selector(ref="wip"))).etag
    await registry.edits.delete(REPOSITORY, name("b"), actor=AUTHOR, branch="wip", if_match=etag)
    edits = [Put(name("b"), b"schema: prompt/v1\n", if_none_match="*"), Delete(name("c"), "*")]
    told = await registry.edits.commit(REPOSITORY, edits, actor=AUTHOR, message="draft", branch="wip")
    assert told.warnings, "faults on a branch are told"
    with pytest.raises(TemplateNotFound):
        await registry.edits.delete(REPOSITORY, name("c"), actor=AUTHOR, branch="wip", if_match="*")
    assert pusher.tip() == main


async def test_a_branch_that_is_gone_is_not_made_anew(registry: Registry, pusher: Pusher) -> None:
    """Between the look at the branch and the write it may be deleted: the write must not begin a history of its own."""
    await pusher.land({T.format("a"): text_template()})
    await pusher.push({"README.md": "x"}, ref=WIP)
    tip = pusher.tip(WIP)
    assert tip is not None
    writing = asyncio.create_task(
        registry.edits.put(REPOSITORY, name("n"), b"x", actor=AUTHOR, branch="wip", if_none_match="*")
    )
    with registry.git.open(REPOSITORY) as store:
        await asyncio.sleep(0)  # the write has seen the branch and waits for its turn
        store.move(RefUpdate(WIP, tip, ZERO_COMMIT))
    with pytest.raises(RevisionNotFound, match="any more"):
        await writing
    assert pusher.tip(WIP) is None


async def test_a_rename_that_git_would_see_as_another_is_refused(registry: Registry, pusher: Pusher) -> None:
    same = text_template()
    await pusher.land({T.format("a/x"): same, T.format("b/y"): same})
    swapped = [rename("a/x", "c/y"), rename("b/y", "c/x")]
    with pytest.raises(BadRequest, match="commit of its own"):
        await registry.edits.commit(REPOSITORY, swapped, actor=AUTHOR, message="swap")
    straight = [rename("a/x", "c/x"), rename("b/y", "c/y")]
    await registry.edits.commit(REPOSITORY, straight, actor=AUTHOR, message="move")
    assert (await registry.templates.read(REPOSITORY, name("c/y"), Selector())).moved_from == "b/y"


async def test_a_template_and_its_partial_are_not_renamed_in_one_commit(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("p"): text_template(), T.format("a"): including("p")})
    both = [rename("a", "b"), rename("p", "q", update_includes=True)]
    with pytest.raises(BadRequest, match="rename p in a commit of its own first"):
        await registry.edits.commit(REPOSITORY, both, actor=AUTHOR, message="both")
    for edit in reversed(both):
        await registry.edits.rename(REPOSITORY, edit, actor=AUTHOR)
    assert (await registry.templates.read(REPOSITORY, name("b"), Selector())).source == including("q")
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_labels_of_several_deletions_go_from_one_file(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format(f"s/{n}"): text_template(n) for n in "abc"})
    for n in "abc":
        await registry.labels.move(REPOSITORY, "production", name(f"s/{n}"), 1, actor=AUTHOR)
    edits = [Delete(name(f"s/{n}"), "*", LabelsLeft.DROP) for n in "ab"]
    done = await registry.edits.commit(REPOSITORY, edits, actor=AUTHOR, message="two go")
    assert done.dropped == (("production", "s/a"), ("production", "s/b"))
    assert await registry.labels.list_labels(REPOSITORY) == {"production": {"s/c": 1}}


async def test_commits_and_puts_side_by_side(registry: Registry, pusher: Pusher) -> None:
    """Each commit touches a template of its own and one that all of them want: one wins, the others change nothing."""
    await pusher.land({T.format("shared"): text_template()})
    etag = (await registry.templates.read(REPOSITORY, name("shared"), Selector())).etag

    async def both(number: int) -> None:
        edits = [
            Put(name(f"own/t{number}"), text_template(f"own {number}").encode(), if_none_match="*"),
            Put(name("shared"), text_template(f"shared {number}").encode(), if_match=etag),
        ]
        await registry.edits.commit(REPOSITORY, edits, actor=AUTHOR, message=f"commit {number}")

    done = await asyncio.gather(*(both(n) for n in range(8)), return_exceptions=True)
    won = [n for n, each in enumerate(done) if each is None]
    assert len(won) == 1
    assert all(isinstance(each, PreconditionFailed) for n, each in enumerate(done) if n not in won)
    made = [n for n in range(8) if await _exists(registry, f"own/t{n}")]
    assert made == won
    assert (await registry.templates.read(REPOSITORY, name("shared"), Selector())).version == 2


async def _exists(registry: Registry, text: str) -> bool:
    try:
        await registry.templates.read(REPOSITORY, name(text), Selector())
    except TemplateNotFound:
        return False
    return True


async def test_a_refused_includer_refuses_the_rename(registry: Registry, pusher: Pusher) -> None:
    """The new name cannot stand where the old one did: a # behind a space ends a plain scalar of YAML."""
    plain = 'schema: prompt/v1\ntype: text\ntext: See {% include "p" %}\n'
    await pusher.land({T.format("p"): text_template(variables="{}").replace(" {{ name }}", ""), T.format("a"): plain})
    tip = pusher.tip()
    with pytest.raises(Refused):
        await registry.edits.rename(REPOSITORY, rename("p", "q #1x", update_includes=True), actor=AUTHOR)
    assert pusher.tip() == tip
