import time

import pytest

from registry.domain.closure_rules import MAX_DEPTH, MAX_FILES, check_closure
from registry.domain.diagnostics import Diagnostic, Place, Severity
from registry.domain.ids import TemplateName
from registry.domain.template import Message, Part, Placeholder, Template, TemplateType, Text, Variable, VariableType

NAME = TemplateName("support/triage")
PATH = "prompts/support/triage.prompt.yaml"


def variable(name: str, type_: str = "string", **more: object) -> Variable:
    return Variable(name, VariableType(type_), **more)  # type: ignore[arg-type]  # the tests know the fields


def text(source: str, *variables: Variable) -> Template:
    return Template(
        TemplateType.TEXT, variables={v.name: v for v in variables}, text=Text(source, "/text", Place(5, 7))
    )


def chat(role: str, source: str, *variables: Variable) -> Template:
    messages = (Message(role, Text(source, "/messages/0/content", Place(5, 12))),)
    return Template(TemplateType.CHAT, variables={v.name: v for v in variables}, messages=messages)


def check(template: Template, **partials: Template | None) -> list[Diagnostic]:
    named = {TemplateName(name.replace("__", "/")): partial for name, partial in partials.items()}
    return check_closure(NAME, PATH, template, named)


def rules(template: Template, **partials: Template | None) -> list[str]:
    return [found.rule for found in check(template, **partials)]


def test_a_template_that_declares_what_it_uses_is_right() -> None:
    assert check(text("{{ a }} {{ b|default('x') }}", variable("a"), variable("b", required=False))) == []


def test_an_undeclared_variable_is_told_at_its_first_use_with_a_hint() -> None:
    (found,) = check(text("x {{ tikcet }}{{ tikcet }}{{ ticket }}", variable("ticket")))
    assert (found.rule, found.path, found.place) == ("variable-undeclared", PATH, Place(5, 12))
    assert "did you mean ticket" in found.message


def test_an_unused_variable_is_a_warning_at_its_declaration() -> None:
    (found,) = check(text("x", variable("a", place=Place(3, 3))))
    assert (found.rule, found.severity, found.place) == ("variable-unused", Severity.WARNING, Place(3, 3))


def test_placeholders_and_media_parts_use_their_variables() -> None:
    template = Template(
        TemplateType.CHAT,
        variables={n: variable(n, t) for n, t in (("history", "messages"), ("photo", "image"))},
        messages=(
            Placeholder("history"),
            Message("user", (Part("image", {}, variable="photo"),)),
            Placeholder("other"),
        ),
    )
    assert rules(template) == ["variable-undeclared"]


def test_a_missing_partial_and_one_behind_it_are_told_at_the_include() -> None:
    (found,) = check(text('\n{% include "p/a" %}'), p__a=text('{% include "p/b" %}'), p__b=None)
    assert (found.rule, found.place) == ("include-missing", Place(5, 7))
    assert "p/a → p/b" in found.message
    assert rules(text('{% include "q" %}')) == ["include-missing"]


def test_only_text_templates_can_be_included() -> None:
    assert rules(text('{% include "p" %}'), p=chat("user", "x")) == ["include-not-text"]


@pytest.mark.parametrize(
    ("partials", "circle"),
    [
        ({"p": '{% include "support/triage" %}'}, "support/triage → p → support/triage"),
        ({"p": '{% include "p" %}'}, "p → p"),
        ({"p": '{% include "q" %}', "q": '{% include "p" %}'}, "p → q → p"),
    ],
)
def test_circles_are_refused(partials: dict[str, str], circle: str) -> None:
    (found,) = check(text('{% include "p" %}'), **{name: text(source) for name, source in partials.items()})
    assert found.rule == "include-cycle"
    assert circle in found.message


def test_a_template_that_includes_itself_is_a_circle() -> None:
    assert rules(text('{% include "support/triage" %}')) == ["include-cycle"]


def chain(length: int) -> dict[str, Template]:
    return {f"p{i}": text(f'{{% include "p{i + 1}" %}}' if i < length else "x") for i in range(1, length + 1)}


def test_includes_lie_at_most_eight_deep() -> None:
    assert rules(text('{% include "p1" %}'), **chain(MAX_DEPTH)) == []
    assert rules(text('{% include "p1" %}'), **chain(MAX_DEPTH + 1)) == ["include-depth"]
    assert rules(text('{% include "p2" %}{% include "p1" %}'), **chain(MAX_DEPTH + 1)) == ["include-depth"]


def test_a_closure_has_at_most_64_files_and_a_mebibyte() -> None:
    def flat(count: int) -> tuple[str, dict[str, Template]]:
        return "".join(f'{{% include "p{i}" %}}' for i in range(count)), {f"p{i}": text("x") for i in range(count)}

    source, partials = flat(MAX_FILES - 1)
    assert rules(text(source), **partials) == []
    source, partials = flat(MAX_FILES)
    assert rules(text(source), **partials) == ["closure-size"]
    big = "x" * 600_000
    assert rules(text('{% include "p" %}{% include "q" %}'), p=text(big), q=text(big)) == ["closure-size"]
    assert rules(text('{% include "p" %}{% include "p" %}'), p=text(big)) == []


def test_partials_that_all_include_each_other_are_judged_at_once() -> None:
    source = "".join(f'{{% include "p{i}" %}}' for i in range(30))
    start = time.process_time()
    assert "include-cycle" in rules(text(source), **{f"p{i}": text(source) for i in range(30)})
    assert time.process_time() - start < 10


def test_what_a_partial_uses_the_includer_declares() -> None:
    tone = text("{{ tone }}", variable("tone", enum=("kind", "dry")))
    (found,) = check(text('{% include "p" %}'), p=tone)
    assert (found.rule, found.place) == ("variable-undeclared", Place(5, 7))
    assert "tone (string, one of kind, dry)" in found.message
    assert rules(text('{% include "p" %}', variable("tone", enum=("kind",))), p=tone) == []


@pytest.mark.parametrize(
    "source",
    ['{% set tone = "x" %}{% include "p" %}', '{% for tone in ["x"] %}{% include "p" %}{% endfor %}', '{% with tone = "x" %}{% include "p" %}{% endwith %}',
     '{% if true %}{% set tone = "x" %}{% endif %}{% include "p" %}', '{% macro m(tone) %}{% include "p" %}{% endmacro %}{{ m("x") }}'],
)  # fmt: skip
def test_or_it_is_bound_around_the_include(source: str) -> None:
    assert rules(text(source), p=text("{{ tone }}", variable("tone"))) == []


def test_a_binding_elsewhere_does_not_reach_the_include() -> None:
    source = '{% for tone in ["x"] %}{{ tone }}{% endfor %}{% include "p" %}'
    assert rules(text(source), p=text("{{ tone }}", variable("tone"))) == ["variable-undeclared"]


def test_needs_pass_through_partials_in_between() -> None:
    inner = text("{{ tone }}{{ n }}", variable("tone"), variable("n"))
    middle = text('{% set n = 1 %}{% include "q" %}', variable("tone"))
    assert rules(text('{% include "p" %}'), p=middle, q=inner) == ["variable-undeclared"]
    assert rules(text('{% include "p" %}', variable("tone")), p=middle, q=inner) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        (variable("x", "string"), variable("x", "integer"), "integer"),
        (variable("x", "number"), variable("x", "integer"), "number"),
        (variable("x", "string"), variable("x", enum=("a", "b")), "enum"),
        (variable("x", enum=("a", "c")), variable("x", enum=("a", "b")), "'c'"),
        (variable("x", "array"), variable("x", "array", items=variable("", "integer")), "items"),
        (variable("x", "array", items=variable("", "string")), variable("x", "array", items=variable("", "integer")), "items"),
        (variable("x", "object"), variable("x", "object", properties={"k": variable("k")}), "property k"),
        (variable("x", "object", properties={"k": variable("k", required=False)}), variable("x", "object", properties={"k": variable("k")}), "required"),
    ],
)  # fmt: skip
def test_a_wider_type_does_not_fit_a_partial(mine: Variable, theirs: Variable, words: str) -> None:
    (found,) = check(text('{% include "p" %}', mine), p=text("{{ x }}", theirs))
    assert found.rule == "variable-mismatch"
    assert words in found.message


def test_a_narrower_type_fits() -> None:
    assert rules(text('{% include "p" %}', variable("x", "integer")), p=text("{{ x }}", variable("x", "number"))) == []
    assert rules(text('{% include "p" %}', variable("x", enum=("a",))), p=text("{{ x }}", variable("x"))) == []


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_untrusted_variables_stand_in_user_and_tool_messages_only(role: str) -> None:
    ticket = variable("ticket", untrusted=True)
    assert rules(chat(role, "{{ ticket }}", ticket)) == ["untrusted-placement"]
    assert rules(chat(role, '{% include "p" %}', ticket), p=text("{{ ticket }}", variable("ticket"))) == [
        "untrusted-placement"
    ]
    assert rules(chat(role, '{% include "p" %}', variable("ticket")), p=text("{{ ticket }}", ticket)) == [
        "untrusted-placement"
    ]
    for allowed in ("user", "tool"):
        assert rules(chat(allowed, '{{ ticket }}{% include "p" %}', ticket), p=text("{{ ticket }}", ticket)) == []


def test_a_text_template_is_judged_where_it_is_included() -> None:
    assert rules(text("{{ ticket }}", variable("ticket", untrusted=True))) == []


def test_an_untrusted_image_stands_in_user_messages_only() -> None:
    photo = variable("photo", "image", untrusted=True)
    parts = (Part("image", {}, variable="photo"),)
    for role, wanted in (("system", ["untrusted-placement"]), ("user", [])):
        template = Template(TemplateType.CHAT, variables={"photo": photo}, messages=(Message(role, parts),))
        assert rules(template) == wanted


def test_a_fault_in_one_place_does_not_hide_the_others() -> None:
    template = text('{% include "gone" %}{{ nope }}{% include "p" %}', variable("x", "string"))
    found = rules(template, gone=None, p=text("{{ x }}", variable("x", "integer")))
    assert sorted(found) == ["include-missing", "variable-mismatch", "variable-undeclared"]
