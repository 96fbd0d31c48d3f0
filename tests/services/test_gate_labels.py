"""The gate's rules for label files."""

import asyncio

import pytest

from registry.domain.errors import Refused, TemplateGone, TemplateNotFound
from registry.domain.ids import LabelName, TemplateName
from tests.pushing import ADMIN, AUTHOR, Pusher, rules, text_template

A = "prompts/support/a.prompt.yaml"
LABEL = "labels/production/support.yaml"
PRODUCTION = LabelName("production")
NAME = TemplateName("support/a")
PROTECTED = "schema: registry/v1\nlabels:\n  production: {move: [maintainer], rollback: [author]}\n"


async def with_versions(pusher: Pusher, count: int = 2) -> None:
    for number in range(1, count + 1):
        await pusher.land({A: text_template(f"Hello {number} {{{{ name }}}}")})


async def test_a_label_names_a_version_that_exists(pusher: Pusher) -> None:
    await with_versions(pusher)
    assert (await pusher.push({LABEL: "a: 2\n"})).accepted
    assert await pusher.registry.labels.list_labels(pusher.repository) == {"production": {"support/a": 2}}


async def test_a_label_cannot_name_what_the_same_commit_makes(pusher: Pusher) -> None:
    await with_versions(pusher)
    verdict = await pusher.push({A: text_template("three {{ name }}"), LABEL: "a: 3\n"})
    assert rules(verdict) == ["label-unknown-version"]
    assert (verdict.diagnostics[0].path, verdict.diagnostics[0].place.line) == (LABEL, 1)


async def test_a_label_set_one_commit_later_in_the_same_push_fits(pusher: Pusher) -> None:
    await with_versions(pusher)
    made = pusher.commit({A: text_template("three {{ name }}")}, parent=pusher.tip())
    labelled = pusher.commit({LABEL: "a: 3\n"}, parent=made)
    verdict = await pusher.push_commit(labelled)
    assert verdict.accepted, verdict.diagnostics


async def test_unknown_templates_and_wrong_digests(pusher: Pusher) -> None:
    await with_versions(pusher)
    assert rules(await pusher.push({LABEL: "nobody: 1\n"})) == ["label-unknown-template"]
    assert rules(await pusher.push({LABEL: "a: {version: 1, digest: deadbeef}\n"})) == ["label-digest"]
    version = await pusher.registry.versions.read(pusher.repository, NAME, 1)
    assert (await pusher.push({LABEL: f"a: {{version: 1, digest: '{version.digest[:8]}'}}\n"})).accepted


async def test_a_labelled_template_is_removed_only_with_its_label(pusher: Pusher) -> None:
    await with_versions(pusher)
    await pusher.land({LABEL: "a: 2\n"})
    verdict = await pusher.push({A: None})
    assert rules(verdict) == ["label-in-use"]
    assert (await pusher.push({A: None, LABEL: None})).accepted


async def test_a_protected_label_needs_the_role(pusher: Pusher) -> None:
    await pusher.land({".registry.yaml": PROTECTED})
    await with_versions(pusher)
    assert rules(await pusher.push({LABEL: "a: 2\n"}, actor=AUTHOR)) == ["label-not-allowed"]
    await pusher.land({LABEL: "a: 2\n"})


async def test_a_draft_cannot_carry_a_protected_label(pusher: Pusher) -> None:
    await pusher.land({".registry.yaml": PROTECTED})
    await pusher.land({A: text_template(more="status: draft\n")})
    assert rules(await pusher.push({LABEL: "a: 1\n"}, actor=ADMIN)) == ["label-draft"]
    assert (await pusher.push({"labels/staging/support.yaml": "a: 1\n"}, actor=ADMIN)).accepted


async def test_an_invalid_version_cannot_be_labelled(pusher: Pusher) -> None:
    await pusher.land({"README.md": "x"})
    broken = pusher.commit({A: "["}, parent=pusher.tip())
    mended = pusher.commit({A: text_template()}, parent=broken)
    assert (await pusher.push_commit(mended)).accepted
    assert rules(await pusher.push({LABEL: "a: 1\n"})) == ["label-invalid-version"]


async def test_one_push_cannot_label_a_template_and_remove_it(pusher: Pusher) -> None:
    await with_versions(pusher)
    labelled = pusher.commit({LABEL: "a: 1\n"}, parent=pusher.tip())
    verdict = await pusher.push_commit(pusher.commit({A: None}, parent=labelled))
    assert rules(verdict) == ["label-in-use"]
    assert (verdict.diagnostics[0].path, verdict.diagnostics[0].place.line) == (LABEL, 1)


async def test_one_push_cannot_make_label_and_remove_a_template(pusher: Pusher) -> None:
    made = pusher.commit({A: text_template()}, parent=await pusher.land({"README.md": "x"}))
    labelled = pusher.commit({LABEL: "a: 1\n"}, parent=made)
    verdict = await pusher.push_commit(pusher.commit({A: None}, parent=labelled))
    assert rules(verdict) == ["label-unknown-template"]


async def test_every_label_of_many_removed_templates_is_told(pusher: Pusher) -> None:
    names = ["x", "support/b", "support/c"]
    await pusher.land({f"prompts/{name}.prompt.yaml": text_template() for name in names})
    files = ["labels/production.yaml", "labels/staging/support.yaml", LABEL]
    await pusher.land({files[0]: "x: 1\n", files[1]: "b: 1\nc: 1\n", files[2]: "c: 1\n"})
    verdict = await pusher.push({f"prompts/{name}.prompt.yaml": None for name in names})
    assert rules(verdict) == ["label-in-use"] * 4
    assert [d.path for d in verdict.diagnostics] == [files[0], files[2], files[1], files[1]]


async def test_joined_writes_cannot_label_and_remove_a_template(pusher: Pusher) -> None:
    await with_versions(pusher)
    registry, repository = pusher.registry, pusher.repository
    done = await asyncio.gather(
        registry.labels.move(repository, PRODUCTION, NAME, 1, actor=AUTHOR),
        registry.edits.delete(repository, NAME, actor=AUTHOR, if_match="*"),
        return_exceptions=True,
    )
    [refused] = [each for each in done if isinstance(each, BaseException)]
    assert isinstance(refused, Refused)
    assert refused.diagnostics[0].rule in {"label-in-use", "label-unknown-template"}


async def test_a_deleted_template_cannot_be_labelled_or_rolled_back(pusher: Pusher) -> None:
    await with_versions(pusher)
    await pusher.land({LABEL: "a: 2\n"})
    await pusher.land({LABEL: "a: 1\n"})
    await pusher.land({A: None, LABEL: None})
    assert rules(await pusher.push({LABEL: "a: 2\n"})) == ["label-unknown-template"]
    labels = pusher.registry.labels
    with pytest.raises(TemplateGone, match="last version was 2"):
        await labels.roll_back(pusher.repository, PRODUCTION, NAME, to=2, reason="bad", actor=AUTHOR)
    with pytest.raises(TemplateGone, match="last version was 2"):
        await labels.move(pusher.repository, PRODUCTION, NAME, 2, actor=AUTHOR)


async def test_a_renamed_template_is_not_labelled_or_rolled_back_under_its_old_name(pusher: Pusher) -> None:
    await with_versions(pusher)
    await pusher.land({LABEL: "a: 2\n"})
    renamed = text_template("Hello 2 {{ name }}")
    await pusher.land({A: None, "prompts/support/b.prompt.yaml": renamed, LABEL: None})
    labels = pusher.registry.labels
    with pytest.raises(TemplateNotFound, match="renamed to support/b"):
        await labels.roll_back(pusher.repository, PRODUCTION, NAME, to=2, reason="bad", actor=AUTHOR)
    with pytest.raises(TemplateNotFound, match="renamed to support/b"):
        await labels.move(pusher.repository, PRODUCTION, NAME, 2, actor=AUTHOR)


async def test_a_digest_is_checked_when_it_alone_changes(pusher: Pusher) -> None:
    await pusher.land({".registry.yaml": PROTECTED})
    await with_versions(pusher)
    await pusher.land({LABEL: "a: 2\n"})
    assert rules(await pusher.push({LABEL: "a: {version: 2, digest: deadbeef}\n"})) == ["label-digest"]
    version = await pusher.registry.versions.read(pusher.repository, NAME, 2)
    # The label does not move, so nobody needs the right to move it.
    assert (await pusher.push({LABEL: f"a: {{version: 2, digest: '{version.digest[:8]}'}}\n"}, actor=AUTHOR)).accepted


async def test_a_reviewed_label_moves_by_no_push(pusher: Pusher) -> None:
    await with_versions(pusher)
    await pusher.land({".registry.yaml": "schema: registry/v1\nlabels: {production: {review: true}}\n"})
    verdict = await pusher.push({LABEL: "a: 2\n"}, actor=ADMIN)
    assert rules(verdict) == ["label-review"]
    assert "merge request" in verdict.diagnostics[0].message
