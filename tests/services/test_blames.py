"""Where lines come from: which version brought them, across renames, merges and branches."""

import pytest

from registry.adapters.git.store import Pygit2Store
from registry.bootstrap import Registry
from registry.domain.ids import CommitId, RefName, TemplateName
from registry.domain.refs import LineRun
from registry.domain.rights import Sight
from registry.domain.selectors import Selector
from registry.services.blames import TemplateBlame
from tests.pushing import REPOSITORY, Pusher
from tests.running import git

A, B = TemplateName("a"), TemplateName("b")
PATH, OTHER = "prompts/a.prompt.yaml", "prompts/b.prompt.yaml"
BRANCH = RefName("refs/heads/work")


def text(*lines: str) -> str:
    return "schema: prompt/v1\ntype: text\ntext: |\n" + "".join(f"  {line}\n" for line in lines)


async def blame(registry: Registry, name: TemplateName = A, **said: object) -> TemplateBlame:
    return await registry.blames.blame(REPOSITORY, name, Selector(**said))  # type: ignore[arg-type]  # as tests say it


def lines(found: TemplateBlame) -> dict[str, str | None]:
    """Each line with the version that brought it."""
    return {
        line.strip(): f"{origin.version.name}@{origin.version.number}" if origin.version else None
        for origin in found.origins
        for line in origin.lines
    }


async def test_each_line_has_the_version_that_brought_it(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text("one", "two", "three")})
    await pusher.land({"README.md": "counts for nothing\n"})
    await pusher.land({PATH: text("one", "zwei", "three")})
    await pusher.land({PATH: text("zero", "one", "zwei", "three")})
    found = await blame(registry)
    assert lines(found) == {
        "schema: prompt/v1": "a@1",
        "type: text": "a@1",
        "text: |": "a@1",
        "zero": "a@3",
        "one": "a@1",
        "zwei": "a@2",
        "three": "a@1",
    }
    assert [origin.first for origin in found.origins] == [1, 4, 5, 6, 7]
    assert lines(await blame(registry, version=2))["zwei"] == "a@2"
    assert "zero" not in lines(await blame(registry, version=2))


async def test_a_partial_that_changed_brings_no_line(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({OTHER: text("part"), PATH: text('{% include "b" %}')})
    await pusher.land({OTHER: text("changed")})
    found = await blame(registry)
    assert found.state.number == 2
    assert set(lines(found).values()) == {"a@1"}


async def test_renames_are_followed(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text("one", "two")})
    await pusher.land({PATH: None, OTHER: text("one", "two")})
    await pusher.land({OTHER: text("one", "zwei")})
    found = lines(await blame(registry, B))
    assert (found["one"], found["zwei"]) == ("a@1", "b@2")


async def test_who_does_not_see_where_a_file_was_sees_it_begin_where_it_is(registry: Registry, pusher: Pusher) -> None:
    """With lines changed on the way no version tells of a rename, but Git does."""
    names = ["in/a", "out/b", "in/c", "in/d"]
    said = ["one", "two", "three", "four", "five", "six"]
    for number, name in enumerate(names):
        said[number] = f"changed in {name}"
        gone: dict[str, str | None] = {f"prompts/{names[number - 1]}.prompt.yaml": None} if number else {}
        await pusher.land({**gone, f"prompts/{name}.prompt.yaml": text(*said)})
    for folders, first in ((("in",), "in/c@1"), (("in", "out"), "in/a@1"), (None, "in/a@1")):
        state = TemplateName("in/d")
        found = await registry.blames.blame(REPOSITORY, state, Selector(), sight=Sight(folders))
        told = lines(found)
        assert (told["five"], told["six"]) == (first, first), folders
        assert told["changed in in/d"] == "in/d@1"
        assert (told["changed in out/b"] == "out/b@1") == (folders is None or "out" in folders)
    await pusher.land({"prompts/out/b.prompt.yaml": text(*said)})
    nothing = await registry.blames.blame(REPOSITORY, TemplateName("out/b"), Selector(), sight=Sight(("out",)))
    assert set(lines(nothing).values()) == {"out/b@2"}


async def test_what_a_merge_brought_is_the_merges(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text("one", "two")})
    side = pusher.commit({PATH: text("one", "zwei")}, parent=pusher.tip())
    await pusher.land({"README.md": "beside\n"})
    main = pusher.tip()
    bare = registry.git.path(REPOSITORY)
    tree = git(bare, "rev-parse", f"{side}^{{tree}}").strip()
    merge = CommitId(git(bare, "commit-tree", tree, "-p", str(main), "-p", side, "-m", "Merge work").strip())
    assert (await pusher.push_commit(merge)).accepted
    found = await blame(registry)
    assert lines(found)["zwei"] == "a@2"
    assert [o.commit.subject for o in found.origins if "  zwei" in o.lines] == ["Merge work"]


async def test_lines_of_a_branch_have_no_version(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text("one", "two")})
    assert (await pusher.push({PATH: text("one", "mine")}, BRANCH)).accepted
    found = lines(await blame(registry, ref="work"))
    assert (found["one"], found["mine"]) == ("a@1", None)


async def test_odd_lines(registry: Registry, pusher: Pusher) -> None:
    odd = "schema: prompt/v1\r\ntype: text\r\ntext: 'filename x  ﬀ'\r\n# no end"
    await pusher.land({PATH: odd})
    (origin,) = (await blame(registry)).origins
    assert origin.lines == ("schema: prompt/v1\r", "type: text\r", "text: 'filename x  ﬀ'\r", "# no end")


async def test_a_history_is_searched_once(registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    await pusher.land({PATH: text("one")})
    searched = []
    search = Pygit2Store.blame

    def noted(store: Pygit2Store, commit: CommitId, path: str, *, since: CommitId | None = None) -> list[LineRun]:
        searched.append(path)
        return search(store, commit, path, since=since)

    monkeypatch.setattr(Pygit2Store, "blame", noted)
    assert await blame(registry) == await blame(registry)
    assert searched == [PATH]
    await pusher.land({PATH: text("two")})
    await blame(registry)
    assert searched == [PATH, PATH]
