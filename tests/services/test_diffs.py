"""Which state comes before another: across renames, broken states, deletions and branches."""

from registry.bootstrap import Registry
from registry.domain.ids import RefName, TemplateName
from registry.domain.selectors import Selector, parse_state
from registry.services.diffs import TemplateDiff
from tests.pushing import REPOSITORY, Pusher, text_template

A, B = TemplateName("a"), TemplateName("b")
PATH = "prompts/a.prompt.yaml"
BRANCH = RefName("refs/heads/work")


async def diff(registry: Registry, name: TemplateName, to: str = "") -> TemplateDiff:
    return await registry.diffs.diff(REPOSITORY, name, None, parse_state(to) if to else Selector())


def sides(found: TemplateDiff) -> tuple[str | None, str | None]:
    return found.old.reference if found.old else None, found.new.reference


async def test_a_renamed_template_is_compared_with_its_old_name(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text_template("one {{ name }}")})
    await pusher.land({PATH: text_template("two {{ name }}")})
    await pusher.land({PATH: None, "prompts/b.prompt.yaml": text_template("two {{ name }}")})
    found = await diff(registry, B)
    assert found.old is not None
    assert (found.old.name, found.old.number, found.new.number) == (A, 2, 1)
    assert (found.text, bool(found.structure)) == ("", False)


async def test_broken_states_are_passed_over(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text_template("one {{ name }}")})
    broken = pusher.commit({PATH: "schema: prompt/v1\ntype: [\n"}, parent=pusher.tip())
    mended = pusher.commit({PATH: text_template("three {{ name }}")}, parent=broken)
    assert (await pusher.push_commit(mended)).accepted
    found = await diff(registry, A)
    assert found.old is not None
    assert (found.old.number, found.new.number) == (1, 3)
    assert "-  one {{ name }}\n+  three {{ name }}\n" in found.text


async def test_a_branch_is_compared_with_where_it_left(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text_template("one {{ name }}")})
    assert (await pusher.push({PATH: text_template("mine {{ name }}")}, BRANCH)).accepted
    await pusher.land({PATH: text_template("two {{ name }}")})
    found = await diff(registry, A, "ref:work")
    assert found.old is not None
    commit, digest = found.new.commit, found.new.digest
    assert sides(found) == (f"a@1#{found.old.digest[:8]}", f"a@{commit[:12]}#{digest[:8]}")
    assert "-  one {{ name }}\n+  mine {{ name }}\n" in found.text


async def test_the_tip_of_main_is_compared_as_its_version_is(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text_template("one {{ name }}")})
    await pusher.land({PATH: text_template("two {{ name }}")})
    found = await diff(registry, A, "ref:main")
    assert found.old is not None
    assert (found.old.number, found.new.number) == (1, 0)


async def test_what_only_a_branch_has_is_all_new(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({PATH: text_template("one {{ name }}")})
    assert (await pusher.push({"prompts/b.prompt.yaml": text_template("b {{ name }}")}, BRANCH)).accepted
    assert (await diff(registry, B, "ref:work")).old is None


async def test_partials_that_come_and_go(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({"prompts/p.prompt.yaml": text_template("p", variables="{}"), PATH: text_template("{{ name }}")})
    await pusher.land({PATH: text_template('{{ name }} {% include "p" %}')})
    await pusher.land({PATH: text_template("{{ name }}")})
    assert [(p.name, p.kind.value) for p in (await diff(registry, A, "version:2")).partials] == [("p", "added")]
    assert [(p.name, p.kind.value) for p in (await diff(registry, A)).partials] == [("p", "removed")]
