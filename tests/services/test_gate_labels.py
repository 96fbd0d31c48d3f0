"""The gate's rules for label files."""

from tests.pushing import ADMIN, AUTHOR, Pusher, rules, text_template

A = "prompts/support/a.prompt.yaml"
LABEL = "labels/production/support.yaml"
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
    version = await pusher.registry.versions.read(pusher.repository, "support/a", 1)
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
