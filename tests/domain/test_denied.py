"""What counts as denied: which findings and errors, and what is told of their places."""

import pytest

from registry.domain.aims import Aim
from registry.domain.denied import HIDDEN, MOST, RULES_OF_RIGHTS, Denial, denials_in, denials_of
from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.errors import Denied, PromptuaryError, Refused, RepositoryNotFound, TemplateNotFound
from registry.domain.rules import RULES

RULE = "change-not-allowed"
TEMPLATE = Diagnostic(RULE, "No.", "prompts/support/a.prompt.yaml")


def test_its_rules_are_rules() -> None:
    assert set(RULES) >= RULES_OF_RIGHTS
    assert all(RULES[each].severity is Severity.ERROR for each in RULES_OF_RIGHTS)


@pytest.mark.parametrize(
    ("path", "aim"),
    [
        ("prompts/support/a.prompt.yaml", Aim("default", "support/a")),
        ("labels/production/support.yaml", Aim("default", "support/", "production")),
        ("labels/production/support/deep.yaml", Aim("default", "support/deep/", "production")),
        ("refs/heads/main", Aim("default", ref="refs/heads/main")),
        ("refs/tags/v1", Aim("default", ref="refs/tags/v1")),
        (".registry.yaml", Aim("default", ".registry.yaml")),
        ("", Aim("default")),
    ],
)
def test_a_finding_tells_its_place(path: str, aim: Aim) -> None:
    assert denials_in([Diagnostic(RULE, "No.", path)], "default") == [Denial(aim, RULE)]


def test_only_findings_of_rights_that_refuse_count_each_once_and_few() -> None:
    warning = Diagnostic(RULE, "No.", "a", severity=Severity.WARNING)
    assert denials_in([warning, Diagnostic("test-failed", "No.", "a"), TEMPLATE, TEMPLATE]) == [
        Denial(Aim(name="support/a"), RULE)
    ]
    many = [Diagnostic(RULE, "No.", f"prompts/support/a{n}.prompt.yaml") for n in range(1_000)]
    assert len(denials_in(many)) == MOST


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refused("No.", diagnostics=[TEMPLATE]), [Denial(Aim(name="support/a"), RULE)]),
        (Refused("No.", diagnostics=[Diagnostic("test-failed", "No.")]), []),
        (Denied("No."), [Denial()]),
        (Denied("No.", aim=Aim("default")), [Denial(Aim("default"))]),
        (TemplateNotFound("None.", hidden=Aim("default", "a")), [Denial(Aim("default", "a"), HIDDEN)]),
        (RepositoryNotFound("None."), []),
        (PromptuaryError("Broken."), []),
    ],
)
def test_errors(error: PromptuaryError, expected: list[Denial]) -> None:
    assert denials_of(error) == expected


def test_what_a_denial_leaves_open_is_as_it_was_asked_for() -> None:
    asked = Aim("default", "support/a", "production")
    assert Aim().within(asked) == asked
    assert Aim(name="support/").within(asked) == asked, "the template says more than its folder"
    assert Aim(name="other/").within(asked).name == "other/"
    assert Aim(name="b/c", ref="refs/heads/main").within(asked) == Aim(
        "default", "b/c", "production", "refs/heads/main"
    )
