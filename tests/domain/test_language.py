import random
import re

import jinja2
import minijinja
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.language import Include, free_at_includes, scan
from registry.domain.template_words import FILTERS, FUNCTIONS, TAGS, TESTS


def rules(source: str) -> list[str]:
    return [issue.rule for issue in scan(source).issues]


def names(source: str) -> list[str]:
    return [include.name for include in scan(source).includes]


@pytest.mark.parametrize(
    "source",
    ['{% include "a/b" %}', "{% include 'a/b' %}", '{%- include "a/b" -%}', '{%+ include "a/b" +%}', '{%include"a/b"%}',
     '{% include\n  "a/b" %}', '{# {% include "x" %} #}{% include "a/b" %}', '{% raw %}{% include "x" %}{% endraw %}{% include "a/b" %}',
     "{{ '{% include \"x\" %}' }}{% include 'a/b' %}", "{{ '%}' }}{% include 'a/b' %}", "{{ {'a': {}} }}{% include 'a/b' %}",
     "{% macro m(a) %}{% include 'a/b' %}{% endmacro %}"],
)  # fmt: skip
def test_includes_are_found_and_nothing_else(source: str) -> None:
    assert scan(source).issues == ()
    assert names(source) == ["a/b"]


@pytest.mark.parametrize(
    "source",
    ["{% include x %}", '{% include ["a"] %}', '{% include "a" ignore missing %}', '{% include "a" with context %}',
     '{% include ("a") %}', '{% include "a" + "b" %}', '{% include "a" "b" %}', r'{% include "a\u0062" %}', '{% include "" %}',
     '{% include "/a" %}', '{% include "../a" %}', '{% include "a.html" %}', '{% include "a\nb" %}', "{% include %}", '{% include "a\'b" %}'],
)  # fmt: skip
def test_an_include_takes_one_quoted_name(source: str) -> None:
    assert "include-form" in rules(source)
    assert names(source) == []


def test_places_count_from_one_in_characters() -> None:
    found = scan('한글\n {% include "p" %}{{ a|uper }}')
    assert found.includes == (Include("p", 2, 2, 4, 21),)
    assert [(i.rule, i.line, i.column) for i in found.issues] == [("filter-unknown", 2, 24)]
    assert scan("a\n한 {% if %}").issues[0].line == 2
    assert scan("a\n한 {% if %}").issues[0].column == 9


@pytest.mark.parametrize(
    ("source", "rule", "words"),
    [
        ("{% import 'a' as b %}", "tag-not-allowed", "partial"),
        ("{% from 'a' import b %}", "tag-not-allowed", "partial"),
        ("{% extends 'a' %}", "tag-not-allowed", "include"),
        ("{% block a %}{% endblock %}", "tag-not-allowed", "partial"),
        ("{% autoescape true %}{% endautoescape %}", "tag-not-allowed", "escape"),
        ("{% do f() %}", "tag-not-allowed", "set"),
        ("{% inlcude 'a' %}", "tag-not-allowed", "did you mean include"),
        ("{{ a ~ b }}", "operator-not-allowed", "{{ a }}{{ b }}"),
        ("{{ a|uper }}", "filter-unknown", "did you mean upper"),
        ("{{ a|safe }}", "filter-unknown", "safe"),
        ("{{ a|map('uper')|list }}", "filter-unknown", "upper"),
        ("{% filter uper %}{% endfilter %}", "filter-unknown", "upper"),
        ("{% set a | uper %}{% endset %}", "filter-unknown", "upper"),
        ("{{ a is definedd }}", "test-unknown", "defined"),
        ("{{ a is not definedd }}", "test-unknown", "defined"),
        ("{{ a|select('od') }}", "test-unknown", "odd"),
        ("{{ a|selectattr('x', 'od') }}", "test-unknown", "odd"),
        ("{{ rnge(3) }}", "function-unknown", "range"),
        ("{{ debug() }}", "function-unknown", "debug"),
        ("{{ cycler(1) }}", "function-unknown", "cycler"),
        ("{{ caller() }}", "function-unknown", "caller"),
        ("{{ a.items() }}", "function-unknown", "{{ x|items }}"),
        ("{{ 'a'.upper() }}", "function-unknown", "upper"),
        ("{{ a[0](1) }}", "function-unknown", "called"),
        ("{{ range }}", "function-unknown", "call it"),
        ("{% if %}", "template-syntax", "block"),
        ("{{ a", "template-syntax", "end"),
        ("{% if a %}", "template-syntax", "end"),
        ("{# a", "template-syntax", "comment"),
        ("{% raw %}", "template-syntax", "raw"),
        ("{% break %}", "template-syntax", "loop"),
        ("{{ ` }}", "template-syntax", "character"),
        ("{{ '\ud800' }}", "template-syntax", "compiled"),
        ("{{ " + "(" * 400 + "1" + ")" * 400 + " }}", "template-syntax", "recursion"),
        ("{{ " + "-" * 5000 + "1 }}", "template-syntax", "split it with set"),
    ],
)
def test_what_is_refused_and_how_it_is_told(source: str, rule: str, words: str) -> None:
    issues = scan(source).issues
    assert [issue.rule for issue in issues] == [rule]
    assert words in issues[0].message


def test_every_fault_is_told_at_once() -> None:
    assert rules("{{ a|uper }}\n{% extends 'x' %}\n{{ a ~ b }}\n{% if %}") == [
        "filter-unknown", "tag-not-allowed", "operator-not-allowed", "template-syntax",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a\n {% if x %}b\n\nc", [(2, 2, "the tag if is not closed: write {% endif %}")]),
        ("{% if a %}\n{% else %}b\n{% set y %}c", [(1, 1, "the tag if"), (3, 1, "the tag set is not closed")]),
        ("{% for x in xs %}{% set y = 1 %}{{ x }}", [(1, 1, "write {% endfor %} where it ends")]),
        ("{% for x in xs %}\n{% if x %}\n{% endfor %}", [(2, 1, "write {% endif %} before {% endfor %}")]),
        ("{% if x|uper %}", [(1, 1, "the tag if is not closed"), (1, 9, "did you mean upper")]),
        ("{% if x %}{{ 'a }}{% endif %}", [(1, 14, "this quoted text is not ended")]),
        ("b {{ a \n\n", [(1, 3, "this tag is not ended: write }}")]),
        ("b {% if a \n\n", [(1, 3, "this tag is not ended: write %}")]),
        ("b {# a \n\n", [(1, 3, "this comment is not ended")]),
        ("b {% raw %} a \n\n", [(1, 3, "write {% endraw %}")]),
        ("{% endif %}", [(1, 4, "unknown statement endif")]),
    ],
)
def test_what_is_left_open_is_told_where_it_opens(source: str, told: list[tuple[int, int, str]]) -> None:
    issues = scan(source).issues
    assert [(i.line, i.column) for i in issues] == [place[:2] for place in told]
    assert all(place[2] in i.message for i, place in zip(issues, told, strict=True))


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("{{ a }} {{ b|upper }} {{ c.d }} {% if e %}", {"a", "b", "c"}),
        ("{{ a }} {{ b + 1 }} {{ `", {"a"}),
        ("{% fr x in xs %}{{ x }}{{ a }}{% endfor %}", {"a"}),
        ("{ % for x in xs %}{{ x }}{{ a }}{% endfor %}", {"a"}),
        ("{% for x in xs %}{{ loop.index }}{{ x }}{{ a }}", {"a"}),
        ("{% set x = 1 }{{ x }}{{ a }}", set()),
        ("{{ nope(1) }}{{ a }}", {"a"}),
        ("{{ a }}{{ 'b {{ c }}", {"a"}),
    ],
)
def test_variables_of_a_string_with_a_fault(source: str, used: set[str]) -> None:
    assert scan(source).issues
    assert set(scan(source).uses) == used


_SOUND = (
    "{{ given }}{% if given %}{% for item in given %}{{ item }} {{ loop.index }}{% endfor %}{% endif %}"
    "{% set total = given %}{{ total|upper }}{% set block %}q{% endset %}{{ block }}{% with inner=given %}{{ inner }}"
    "{% endwith %}{% macro call_it(arg, more=1) %}{{ arg }}{{ more }}{% endmacro %}{{ call_it(1) }}{# {{ no }} #}"
)


_BOUND = {"item", "loop", "total", "block", "inner", "arg", "more", "call_it", "no"}
_NAMES = {at for found in re.finditer(r"\w+", _SOUND) if found[0] in _BOUND for at in range(*found.span())}


@given(st.sampled_from(sorted(set(range(len(_SOUND))) - _NAMES)), st.sampled_from(["", " ", "%", "{", "}", '"', "x"]))
def test_a_slip_never_makes_a_bound_name_undeclared(at: int, put: str) -> None:
    slipped = _SOUND[:at] + put + _SOUND[at + 1 :]
    if any(issue.rule == "template-syntax" for issue in scan(slipped).issues):
        assert not scan(slipped).uses.keys() & _BOUND


@pytest.mark.parametrize(
    "source",
    ["{{ loop.cycle('a') }}", "{% if not (a) and (b) or (c) in (1, 2) %}{% elif (a) %}{% endif %}", "{{ a if (b) else (c) }}",
     "{% for (a, b) in x %}{{ a }}{% endfor %}", "{% set (a, b) = (1, 2) %}", "{{ a.range }}", "{{ dict(range=1) }}",
     "{% for i in x recursive %}{{ loop(i) }}{% endfor %}", "{{ xs|sort(attribute='n', reverse=true) }}", "{{ a.is_x is defined }}",
     "{{ x is divisibleby 3 }}", "{% call(u) m() %}{{ u }}{% endcall %}{% macro m() %}{{ caller(1) }}{% endmacro %}",
     "{{ 1_000 + 0x1F + 1.5e3 }}", "{{ x|select('>', 1)|list }}", "{{ 'a' 'b' }}", "{{ x[1:2] }}", "{{ -x ** 2 // 3 }}"],
)  # fmt: skip
def test_the_language_as_published_is_accepted(source: str) -> None:
    assert rules(source) == []


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("{{ a }}{% for i in xs %}{{ i }}{{ loop.index }}{% endfor %}", {"a", "xs"}),
        ("{% set t = t|upper %}{{ t }}", {"t"}),
        ("{% if a %}{% set z = 1 %}{% else %}{% set z = 2 %}{% endif %}{{ z }}", {"a"}),
        ("{% with q = b.c %}{{ q }}{% endwith %}", {"b"}),
        ("{% macro m(a, b=c) %}{{ a }}{{ b }}{{ q }}{% endmacro %}{{ m(z) }}", {"c", "q", "z"}),
        ("{{ a.b.c }}{{ x|default(y) }}{{ range(n) }}", {"a", "x", "y", "n"}),
        ("{{ 한글 }}", {"한글"}),
        ("{% raw %}{{ a }}{% endraw %}{# {{ b }} #}", set()),
    ],
)
def test_variables_taken_from_outside(source: str, used: set[str]) -> None:
    assert set(scan(source).uses) == used


def test_the_first_use_has_its_place() -> None:
    assert scan("x\n {{ a.b }} {{ b }}").uses == {"a": (2, 5), "b": (2, 15)}


def test_names_bound_around_an_include_are_not_free_there() -> None:
    source = (
        '{% include "p" %}{% for i in x %}{% include "q" %}{% endfor %}{% with w = 1 %}{% include "r" %}{% endwith %}'
    )
    asked = (frozenset("ix"), frozenset("ixz"), frozenset("wz"))
    assert free_at_includes(source, asked) == ({"i", "x"}, {"x", "z"}, {"z"})


def test_the_published_lists_are_what_the_renderer_has() -> None:
    engine = minijinja.Environment(undefined_behavior="strict")
    assert "is unknown" in failure(engine, "{{ nothing() }}")
    for word in FUNCTIONS:
        assert "is unknown" not in failure(engine, f"{{{{ {word}() }}}}")
    for word in FILTERS:
        assert "is unknown" not in failure(engine, f"{{{{ x|{word} }}}}") or word == "wordcount"
    for word in TESTS:
        assert "unknown test" not in failure(engine, f"{{{{ [1]|select('{word}', 1)|list }}}}")


def failure(engine: minijinja.Environment, source: str) -> str:
    try:
        engine.render_str(source, x="1")
    except minijinja.TemplateError as error:
        return str(error)
    return ""


FRAGMENTS = ['{% include "a" %}', "{% include 'b/c' %}", "{#", "#}", "{% raw %}", "{% endraw %}", "{%- raw -%}", "{%", "%}", "{{", "}}", '"',
             "'", "text", "\n", '{{ "x" }}', '{{ "%}" }}', '{%- include "d" -%}', "\\", '{# {% include "e" %} #}', "{%+", "-%}", "한",
             "{{ '{% include \"z\" %}' }}", "{% set q = '\"' %}", "{", "}", "(", ")", "{% if true %}", "{% endif %}", "-", "+", "{%-raw%}",
             "{{ {'k': {}} }}", "include", "raw", "endraw", " "]  # fmt: skip


def traced(source: str) -> set[str]:
    """What MiniJinja includes when it renders; every branch in FRAGMENTS is taken."""
    loaded = set()

    def load(name: str) -> str:
        loaded.add(name)
        return ""

    minijinja.Environment(loader=load).render_str(source)
    return loaded


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10))
def test_no_include_hides_from_the_scan(fragments: list[str]) -> None:
    source = "".join(fragments)
    found = scan(source)
    if found.issues:
        return
    assert set(names(source)) == traced(source)


def test_no_include_hides_from_the_scan_in_many_random_sources() -> None:
    choose = random.Random(7)
    accepted = 0
    for _ in range(6000):
        source = "".join(choose.choice(FRAGMENTS) for _ in range(choose.randint(1, 9)))
        if not scan(source).issues:
            accepted += 1
            assert set(names(source)) == traced(source), source
    assert accepted > 500


def test_jinjas_own_lexer_agrees_on_includes() -> None:
    choose = random.Random(11)
    lexer = jinja2.Environment()
    for _ in range(1000):
        source = "".join(choose.choice(FRAGMENTS) for _ in range(choose.randint(1, 7)))
        if scan(source).issues:
            continue
        try:
            tokens = [t for t in lexer.lex(source) if t[1] != "whitespace"]
        except jinja2.TemplateSyntaxError:
            continue
        theirs = {
            tokens[i + 2][2][1:-1]
            for i in range(len(tokens) - 2)
            if tokens[i][1] == "block_begin" and tokens[i + 1][2] == "include"
        }
        assert theirs == set(names(source)), source


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}%#-+\"'\\ \nainr|.()[]=~é한\ud800", max_size=60))
def test_any_text_gets_an_answer_with_places_inside_it(source: str) -> None:
    lines = source.split("\n")
    for issue in scan(source).issues:
        assert 1 <= issue.line <= len(lines)
        assert issue.column >= 1
        assert issue.message


def test_tags_are_described() -> None:
    for word, line in {**TAGS, **FILTERS, **TESTS, **FUNCTIONS}.items():
        assert line, word
