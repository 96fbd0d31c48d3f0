"""The repository's own rules."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.access import Role
from registry.domain.ids import LabelName, TemplateName
from registry.domain.registry_file import read_registry_file
from registry.domain.registry_rules import CommitIdentity, Compatibility, MergeRule, RegistryRules

WHOLE = b"""\
schema: registry/v1
default_label: production
branches:
  main: {push: [maintainer], force_push: false, merge: {approvals: 1, owners: true, resolved: true, checks: [ci]}}
  release/*: {push: [], force_push: true}
labels:
  production: {move: [maintainer], review: true, rollback: [author]}
  staging:
compatibility: {default: backward, folders: {experiments: none, experiments/safe: full}}
commit_identity: verified
limits: {file_bytes: 1000, tokens: 500}
models: {allow: ["openai/*", "anthropic/claude-?"]}
"""
PRODUCTION, STAGING, OTHER = LabelName("production"), LabelName("staging"), LabelName("canary")


def rules(text: bytes) -> RegistryRules:
    file = read_registry_file(text)
    assert file.diagnostics == ()
    return file.rules


def test_every_field_is_read() -> None:
    read = rules(WHOLE)
    assert read.default_label == "production"
    assert read.branch_rule("main").merge == MergeRule(1, owners=True, resolved=True, checks=("ci",))
    assert read.commit_identity is CommitIdentity.VERIFIED
    assert (read.limits.file_bytes, read.limits.tokens) == (1000, 500)


def test_who_may_push() -> None:
    read = rules(WHOLE)
    assert [read.may_push("main", role) for role in Role] == [False, False, True, True]
    assert [read.may_push("feature/x", role) for role in Role] == [False, True, True, True]
    assert [read.may_push("release/1.0/hot", role) for role in Role] == [False, False, False, True]


ACTS = ("create", "push", "force_push", "delete")
NOBODY = "nobody"
ANY_ROLE, ANY_AUTHOR, ANY_MAINTAINER = "reader", "author", "maintainer"


def least(read: RegistryRules, branch: str) -> list[str]:
    """Of each act the weakest role that may do it; all above it may, too."""
    found = []
    for act in ACTS:
        may = [role for role in Role if getattr(read, f"may_{act}")(branch, role)]
        assert may == list(Role)[len(Role) - len(may) :], act
        found.append(may[0].value if may else NOBODY)
    return found


@pytest.mark.parametrize(
    ("rule", "create", "push", "force_push", "delete"),
    [
        ("{}", ANY_AUTHOR, ANY_AUTHOR, NOBODY, NOBODY),
        ("{force_push: true}", ANY_AUTHOR, ANY_AUTHOR, ANY_AUTHOR, ANY_AUTHOR),
        ("{push: [maintainer], force_push: true}", *[ANY_MAINTAINER] * 4),
        ("{push: [maintainer]}", ANY_MAINTAINER, ANY_MAINTAINER, NOBODY, NOBODY),
        ("{force_push: [maintainer]}", ANY_AUTHOR, ANY_AUTHOR, ANY_MAINTAINER, ANY_MAINTAINER),
        ("{force_push: [maintainer], delete: []}", ANY_AUTHOR, ANY_AUTHOR, ANY_MAINTAINER, "administrator"),
        ("{delete: [maintainer]}", ANY_AUTHOR, ANY_AUTHOR, NOBODY, ANY_MAINTAINER),
        ("{force_push: [], create: [maintainer]}", ANY_MAINTAINER, ANY_AUTHOR, *["administrator"] * 2),
        ("{push: [maintainer], create: [author], delete: [author]}", ANY_AUTHOR, ANY_MAINTAINER, NOBODY, ANY_AUTHOR),
        ("{push: [], force_push: true}", *["administrator"] * 4),
        ("{push: [reader], force_push: [author, maintainer]}", ANY_ROLE, ANY_ROLE, ANY_AUTHOR, ANY_AUTHOR),
    ],
)
def test_who_may_do_what_to_a_branch(rule: str, create: str, push: str, force_push: str, delete: str) -> None:
    read = rules(f"branches: {{x: {rule}}}".encode())
    assert least(read, "x") == [create, push, force_push, delete]
    assert least(read, "other") == [ANY_AUTHOR] * 4, "a branch without an entry is free"


_ROLE_LISTS = st.lists(st.sampled_from([*Role, "boss", 1, None, []]), max_size=3)
_ANYTHING = st.one_of(_ROLE_LISTS, st.booleans(), st.none(), st.integers(), st.text(max_size=3))


@given(st.dictionaries(st.sampled_from([*ACTS, "merge", "pushes"]), _ANYTHING))
def test_whatever_a_branch_says_is_read_or_told(rule: dict[str, object]) -> None:
    file = read_registry_file(json.dumps({"branches": {"x": rule}}).encode())
    assert file.rules.closed == bool(file.diagnostics)
    for role in Role:
        if file.rules.may_force_push("x", role):
            assert file.rules.may_push("x", role)
            assert "delete" in rule or file.rules.may_delete("x", role)


def test_an_exact_branch_comes_before_patterns_and_patterns_in_order() -> None:
    read = rules(b"branches: {'*': {push: [reader]}, 'rel*': {push: []}, rel: {push: [maintainer]}}")
    assert read.may_push("rel", Role.MAINTAINER)
    assert not read.may_push("rel", Role.AUTHOR)
    assert read.may_push("rel2", Role.READER)


def test_who_may_move_and_roll_back_labels() -> None:
    read = rules(WHOLE)
    assert [read.may_move(PRODUCTION, role) for role in Role] == [False, False, True, True]
    assert [read.may_roll_back(PRODUCTION, role) for role in Role] == [False, True, True, True]
    assert [read.may_move(STAGING, role) for role in Role] == [False, False, True, True]
    assert [read.may_roll_back(STAGING, role) for role in Role] == [False, False, True, True]
    assert [read.may_move(OTHER, role) for role in Role] == [False, True, True, True]
    assert [read.is_protected(label) for label in (PRODUCTION, STAGING, OTHER)] == [True, True, False]
    assert [read.needs_review(label) for label in (PRODUCTION, STAGING, OTHER)] == [True, False, False]


def test_compatibility_is_the_nearest_folders() -> None:
    read = rules(WHOLE)
    for name, level in [
        ("a", "backward"),
        ("experiments", "backward"),
        ("experiments/a/b", "none"),
        ("experiments/safe/x", "full"),
    ]:
        assert read.compatibility_of(TemplateName(name)) is Compatibility(level)


def test_models() -> None:
    read = rules(WHOLE)
    assert read.model_allowed("openai/gpt-4o/mini")
    assert read.model_allowed(None)
    assert not read.model_allowed("mistral/large")
    assert not read.model_allowed("anthropic/claude-10")
    assert not rules(b"models: {allow: []}").model_allowed("openai/gpt-4o")
    assert rules(b"").model_allowed("any/thing")


@pytest.mark.parametrize("data", [None, b"", b"# nothing\n", b"schema: registry/v1\n", b"branches:\nlabels:\n"])
def test_the_defaults(data: bytes | None) -> None:
    file = read_registry_file(data)
    assert file.diagnostics == ()
    assert file.rules == RegistryRules()
    assert file.rules.may_push("main", Role.AUTHOR)
    assert not file.rules.may_push("main", Role.READER)
    assert file.rules.may_move(PRODUCTION, Role.AUTHOR)
    assert file.rules.commit_identity is CommitIdentity.OFF
    assert (file.rules.default_label, file.rules.is_protected(PRODUCTION)) == (None, False)


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        (b"lables: {}", 1, 1, '"lables" is unknown'),
        (b"schema: registry/v2", 1, 9, "registry/v1"),
        (b"default_label: latest", 1, 16, "built in"),
        (b"default_label: 12", 1, 16, "12 is no label"),
        (b"branches: [main]", 1, 11, "mapping"),
        (b"branches:\n  refs/heads/main: {}", 2, 3, "without refs/heads/"),
        (b"branches:\n  main: {push: maintainer}", 2, 16, "list"),
        (b"branches:\n  main: {push: [boss]}", 2, 17, '"boss" is no role'),
        (b"branches:\n  main: {force_push: 1}", 2, 22, "true, false or a list of roles"),
        (b"branches:\n  main: {force_push: maintainer}", 2, 22, "true, false or a list of roles"),
        (b"branches:\n  main: {force_push: [boss]}", 2, 23, '"boss" is no role'),
        (b"branches:\n  main: {push: [maintainer], force_push: [author]}", 2, 43, "author may not push there"),
        (b"branches:\n  main: {create: author}", 2, 18, "list"),
        (b"branches:\n  main: {delete: false}", 2, 18, "list"),
        (b"branches:\n  main: {merge: {approvals: -1}}", 2, 29, "from 0 to 100"),
        (b"branches:\n  main: {merge: {aprovals: 1}}", 2, 18, "unknown"),
        (b"branches:\n  main: {merge: {checks: [1]}}", 2, 27, "string"),
        (b"labels:\n  Production: {}", 2, 3, "lower-case"),
        (b"labels:\n  production: {move: [author], review: maybe}", 2, 40, "true or false"),
        (b"compatibility: {default: none!}", 1, 26, "backward, forward, full or none"),
        (b"compatibility: {folders: {a/: none}}", 1, 27, "segment is empty"),
        (b"commit_identity: no", 1, 18, "off or verified"),
        (b"limits: {tokens: 0}", 1, 18, "from 1"),
        (b"limits: {file_bytes: 262145}", 1, 22, "to 262144"),
        (b"models: {allow: openai/*}", 1, 17, "list"),
        (b"- a", 1, 1, "mapping"),
        (b"a: [", 1, 5, ""),
        (b"a: &x {}", 1, 4, ""),
    ],
)
def test_a_wrong_file_is_told_at_the_place_and_opens_nothing(text: bytes, line: int, column: int, word: str) -> None:
    file = read_registry_file(text)
    assert any((d.place.line, d.place.column) == (line, column) and word in d.message for d in file.diagnostics), (
        file.diagnostics
    )
    opened = file.rules
    for role in (Role.READER, Role.AUTHOR, Role.MAINTAINER):
        assert not opened.may_push("main", role)
        assert not opened.may_push("feature/x", role)
        assert not opened.may_move(OTHER, role)
        assert not opened.may_roll_back(OTHER, role)
    assert least(opened, "x") == ["administrator", "administrator", NOBODY, NOBODY], "somebody has to mend it"
    assert opened.is_protected(OTHER)
    assert not opened.model_allowed("openai/gpt-4o")
    assert opened.default_label is None


def test_findings_come_by_place() -> None:
    found = read_registry_file(b"models: 1\nlimits: 2\nbranches: 3\n").diagnostics
    assert [d.place.line for d in found] == [1, 2, 3]
