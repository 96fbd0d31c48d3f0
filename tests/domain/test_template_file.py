"""Reading one template file: the template or all that is wrong with it, at exact places, whatever the bytes."""

import copy
import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.diagnostics import Place, Severity, has_errors
from registry.domain.limits import Limits
from registry.domain.rules import RULES
from registry.domain.template import MISSING, Message, Placeholder, Status, TemplateType, Text, VariableType
from registry.domain.template_file import MAX_SHOWN, TemplateFile, read_template, template_facts

PATH = "prompts/support/triage.prompt.yaml"
WHOLE = """\
schema: prompt/v1
description: Sorts one ticket into a queue and drafts a reply.
type: chat                       # chat (messages:) | text (text:)
tags: [support, triage]
status: active
variables:
  ticket:   {type: string, description: Raw ticket text, max_length: 20000, untrusted: true}
  language: {type: string, enum: [en, ko], default: en}
  history:  {type: messages, required: false}
  photo:    {type: image}
  이름:     {type: string, examples: [홍길동]}
messages:
  - role: system
    content: |
      You sort support tickets. Answer in {{ language }}.
      {% include "partials/tone" %}
  - placeholder: history
  - role: user
    name: customer
    content:
      - {type: text, text: "<ticket>{{ ticket }}</ticket> {{ 이름 }}"}
      - {type: image, variable: photo}
      - {type: file, url: "https://example.com/{{ language }}.pdf"}
model: {provider: openai, id: gpt-4o-mini, parameters: {temperature: 0.2, max_tokens: 600}}
tools: [{type: function, name: lookup_order, description: Find an order, parameters: {type: object, properties: {}}}]
tool_choice: auto
output: {format: json_schema, name: triage, schema: {type: object, properties: {queue: {type: string}}}}
tests:
  - name: the ticket stands inside its tag
    variables: {ticket: My card was charged twice, 이름: 홍길동}
    expect: [{contains: "<ticket>My card"}, {not_contains: "{{"}, {max_tokens: 900}]
metadata: {team: care}
x-origin: {sheet: 7}
"""


def read(source: str) -> TemplateFile:
    return read_template(source.encode(), PATH)


def text(body: str, more: str = "") -> str:
    return f"schema: prompt/v1\ntype: text\n{more}text: {body}\n"


def said(source: str) -> list[tuple[str, int, int]]:
    return [(d.rule, d.place.line, d.place.column) for d in read(source).diagnostics]


class TestWholeFile:
    def test_becomes_a_template(self) -> None:
        file = read(WHOLE)
        template = file.template
        assert file.diagnostics == ()
        assert template is not None
        assert (template.type, template.status, template.tags) == (
            TemplateType.CHAT,
            Status.ACTIVE,
            ("support", "triage"),
        )
        assert file.raw_includes == {"partials/tone"}
        assert file.document is not None
        assert file.document["x-origin"] == {"sheet": 7}
        assert template.metadata == {"team": "care"}
        assert template.tool_choice == "auto"
        assert template.model is not None
        assert template.model.reference == "openai/gpt-4o-mini"
        assert template.output is not None
        assert template.output["name"] == "triage"

    def test_variables_know_what_is_required(self) -> None:
        template = read(WHOLE).template
        assert template is not None
        assert {n: v.required for n, v in template.variables.items()} == {
            "ticket": True, "language": False, "history": False, "photo": True, "이름": True,
        }  # fmt: skip
        assert template.variables["ticket"].default is MISSING
        assert template.variables["language"].default == "en"
        assert template.variables["photo"].type is VariableType.IMAGE
        assert template.variables["ticket"].place == Place(7, 3)

    def test_messages_hold_texts_with_their_places(self) -> None:
        template = read(WHOLE).template
        assert template is not None
        system, history, user = template.messages
        assert isinstance(system, Message)
        assert isinstance(system.content, Text)
        assert system.content.pointer == "/messages/0/content"
        assert system.content.place_of(2, 4) == Place(16, 10)
        assert history == Placeholder("history", Place(17, 5))
        assert isinstance(user, Message)
        assert isinstance(user.content, tuple)
        assert user.name == "customer"
        assert user.content[0].texts["text"].place == Place(21, 29)
        assert user.content[1].variable == "photo"
        assert user.content[2].texts["url"].source == "https://example.com/{{ language }}.pdf"
        assert [role for role, _ in template.texts()] == ["system", "user", "user"]

    def test_facts(self) -> None:
        template = read(WHOLE).template
        assert template is not None
        facts = template_facts(template)
        assert facts.variables == ("ticket", "language", "history", "photo", "이름")
        assert (facts.model, facts.tags, facts.status) == ("openai/gpt-4o-mini", ("support", "triage"), Status.ACTIVE)
        assert 40 < facts.tokens < 60

    def test_crlf_and_lf_files_say_the_same(self) -> None:
        windows = read_template(WHOLE.replace("\n", "\r\n").encode(), PATH)
        assert windows.diagnostics == ()
        assert windows.template == read(WHOLE).template


class TestEverythingAtOnce:
    SOURCE = """\
schema: prompt/v1
descripton: x
type: chat
tags: [a, a]
status: activ
variables:
  ticket: {type: string, max_length: 1, min_length: 2}
  wrong: string
messages:
  - role: system
    content: |
      Hello {{ ticket|shout }}
        {% import "x" as y %}
  - role: robot
    content: Hi
  - role: tool
    content: Hi
tools: [{type: function, name: a}, {type: function, name: a}]
tool_choice: {name: b}
tests:
  - {name: t, variables: {tickt: a, wrong: b}, expect: [{matches: "("}]}
metadata: {api_key: x}
"""

    def test_sorted_by_place(self) -> None:
        assert said(self.SOURCE) == [
            ("unknown-key", 2, 1),
            ("tag-duplicate", 4, 11),
            ("not-allowed-value", 5, 9),
            ("variable-limits", 7, 53),
            ("wrong-type", 8, 10),
            ("filter-unknown", 12, 23),
            ("tag-not-allowed", 13, 9),
            ("not-allowed-value", 14, 11),
            ("role-content", 17, 14),
            ("tool-name", 18, 59),
            ("tool-choice", 19, 21),
            ("test-variable", 21, 27),
            ("test-pattern", 21, 67),
            ("forbidden-field", 22, 12),
        ]

    def test_no_template_where_there_is_an_error(self) -> None:
        file = read(self.SOURCE)
        assert file.template is None
        assert file.document is not None

    def test_warnings_leave_the_template(self) -> None:
        file = read(text("Hello", "model: {id: '{{ x }}'}\n"))
        assert [d.severity for d in file.diagnostics] == [Severity.WARNING]
        assert file.template is not None

    def test_duplicate_keys_do_not_hide_other_faults(self) -> None:
        assert said("schema: prompt/v1\ntype: text\ntext: a\ntext: b\nfoo: 1\n") == [
            ("yaml-duplicate-key", 4, 1), ("unknown-key", 5, 1),
        ]  # fmt: skip

    def test_a_schema_finding_yields_to_a_better_one_at_its_place(self) -> None:
        assert said(text("Hello", "model: {base_url: 'x'}\n")) == [("forbidden-field", 3, 9)]
        assert said(text("Hello", "api_key: x\n")) == [("forbidden-field", 3, 1)]
        assert said(text("Hello", "description: 99999999999999999999\n")) == [("yaml-number", 3, 14)]

    def test_findings_are_bounded_and_say_so(self) -> None:
        found = read(text("a", "".join(f"k{i}: 1\n" for i in range(500)))).diagnostics
        assert len(found) == MAX_SHOWN
        assert found[-1].rule == "too-many-findings"
        assert "there are more" in found[-1].message


class TestPlacesInStrings:
    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ("|\n  Hello\n    {{ a|nope }}\n", (5, 10)),
            ("|-\n\n  {{ a|nope }}\n", (5, 8)),
            (">\n  Hello\n  you {{ a|nope }}\n", (5, 12)),
            ('"Hello {{ a|nope }}"\n', (3, 19)),
            ('"He said \\"{{ a|nope }}\\""\n', (3, 23)),
            ("'It''s {{ a|nope }}'\n", (3, 19)),
            ("Hello {{ a|nope }}\n", (3, 18)),
            ("Hello\n  {{ a|nope }}\n", (4, 8)),
            ('"한글 {{ a|nope }}"\n', (3, 16)),
        ],
    )
    def test_a_language_issue_stands_where_it_is_written(self, body: str, place: tuple[int, int]) -> None:
        found = said(f"schema: prompt/v1\ntype: text\ntext: {body}")
        assert ("filter-unknown", *place) in found

    def test_crlf_blocks(self) -> None:
        data = b"schema: prompt/v1\r\ntype: text\r\ntext: |\r\n  a\r\n  {{ b|nope }}\r\n"
        assert [d.place for d in read_template(data, PATH).diagnostics] == [Place(5, 6), Place(5, 8)]


class TestIncludes:
    @pytest.mark.parametrize(
        "body", ['"{\\x25 include \\"a/b\\" %}"', '"{% include \\"a/b\\" %}"', "\"{% incl\\\n  ude 'a/b' %}\""]
    )
    def test_an_include_that_the_bytes_hide_is_refused(self, body: str) -> None:
        assert ("include-hidden", 3, 8) in said(text(body))

    @pytest.mark.parametrize(
        "body",
        [
            "\"{% include 'a/b' %}\"",
            "'{% include \"a/b\" %}'",
            '|\n  {%- include "a/b" -%}',
            ">\n  {%\n  include 'a/b' %}",
        ],
    )
    def test_an_include_that_the_bytes_show_is_fine(self, body: str) -> None:
        file = read(text(body))
        assert file.diagnostics == ()
        assert file.raw_includes == {"a/b"}

    def test_a_broken_file_still_tells_its_includes(self) -> None:
        assert read('a: [\n{% include "a/b" %}').raw_includes == {"a/b"}
        assert read('{% include "a/b" %}\n' + "#" * 300_000).raw_includes == {"a/b"}

    def test_an_include_in_a_comment_is_no_use_but_counts_in_the_bytes(self) -> None:
        file = read(text('Hello # {% include "a/b" %}'))
        assert file.diagnostics == ()
        assert file.raw_includes == {"a/b"}


class TestRules:
    """What the pages' examples do not show."""

    @pytest.mark.parametrize("name", ["class-x", "1st", "a b", "loop", "true", "range", "a.b", "", "x" * 101])
    def test_names_that_no_variable_can_have(self, name: str) -> None:
        assert ("variable-name", 3, 13) in said(text("a", f"variables: {{{json.dumps(name)}: {{type: string}}}}\n"))

    @pytest.mark.parametrize("name", ["a", "_x", "고객", "größe", "x1"])
    def test_names_that_variables_can_have(self, name: str) -> None:
        assert read(text("a", f"variables: {{{name}: {{type: string}}}}\n")).diagnostics == ()

    @pytest.mark.parametrize(
        ("declaration", "code"),
        [
            ("type: integer, default: 1.5", "variable-default"),
            ("type: integer, default: true", "variable-default"),
            ("type: number, default: '1'", "variable-default"),
            ("type: boolean, default: 'yes'", "variable-default"),
            ("type: integer, minimum: 3, default: 2", "variable-default"),
            ("type: string, pattern: '^a+$', default: b", "variable-default"),
            ("type: array, items: {type: integer}, default: [1, a]", "variable-default"),
            ("type: object, properties: {a: {type: string}}, default: {}", "variable-default"),
            ("type: messages, default: [{role: robot, content: x}]", "variable-default"),
            ("type: image, default: {url: 'file:///x'}", "variable-default"),
            ("type: string, enum: [a, a]", "variable-enum"),
            ("type: integer, enum: [1, x]", "variable-enum"),
            ("type: number, minimum: 3, maximum: 2", "variable-limits"),
            ("type: array, items: {type: string, pattern: '('}", "variable-pattern"),
            ("type: object, properties: {a: {type: integer, minimum: 2, maximum: 1}}", "variable-limits"),
            ("type: string, default: a, required: true", "variable-required"),
        ],
    )
    def test_declarations_that_contradict_themselves(self, declaration: str, code: str) -> None:
        assert [rule for rule, _, _ in said(text("a", f"variables: {{v: {{{declaration}}}}}\n"))] == [code]

    @pytest.mark.parametrize(
        "declaration",
        [
            "type: integer, default: 2.0",
            "type: number, default: 1",
            "type: string, default: null",
            "type: messages, default: []",
            "type: messages, default: [{role: user, content: x}]",
            "type: image, default: {url: 'https://example.com/a.png'}",
            "type: string, default: a, required: false",
            "type: string, enum: ['no', '1'], default: 'no'",
            "type: array, items: {type: object, properties: {a: {type: string, required: false}}}, default: [{}]",
        ],
    )
    def test_declarations_that_fit(self, declaration: str) -> None:
        assert read(text("a", f"variables: {{v: {{{declaration}}}}}\n")).diagnostics == ()

    def test_a_hostile_pattern_takes_no_time(self) -> None:
        started = time.process_time()
        read(text("a", f"variables: {{v: {{type: string, pattern: '^(a+)+$', default: {'a' * 60}!}}}}\n"))
        assert time.process_time() - started < 10

    def test_a_foreign_meta_schema_is_not_fetched(self, unasked: str) -> None:
        schema = f'{{$schema: "{unasked}", type: object, properties: {{a: {{$schema: "{unasked}"}}}}}}'
        assert read(text("a", f"output: {{format: json_schema, name: a, schema: {schema}}}\n")).diagnostics == ()

    @pytest.mark.parametrize(
        ("schema", "found"),
        [
            ('{type: object, properties: {a: {$ref: "#/$defs/a"}}, $defs: {a: {type: string}}}', None),
            ('{properties: {a: {$ref: "#"}}}', None),
            ('{properties: {a: {$ref: "#/$defs/b"}}}', (3, 74)),
            ('{properties: {a: {$ref: "http://192.0.2.1/a"}}}', (3, 74)),
            ("{type: array}", (3, 57)),
            ("{type: [object, nothing]}", (3, 57)),
            ("{properties: {a: {minLength: -1}}}", (3, 79)),
        ],
    )
    def test_schemas_within(self, schema: str, found: tuple[int, int] | None) -> None:
        output = f"output: {{format: json_schema, name: abc, schema: {schema}}}\n"
        assert said(text("a", output)) == ([] if found is None else [("json-schema", *found)])

    @pytest.mark.parametrize("key", ["api_key", "apiKey", "API-KEY", "password", "client_secret", "authorization"])
    def test_credentials_at_any_depth(self, key: str) -> None:
        assert [r for r, _, _ in said(text("a", f"metadata: {{deep: [{{{key}: x}}]}}\n"))] == ["forbidden-field"]

    def test_a_schema_may_ask_for_a_password(self) -> None:
        tool = (
            "tools: [{type: function, name: a, parameters: {type: object, properties: {password: {type: string}}}}]\n"
        )
        assert read(text("a", tool)).diagnostics == ()

    @pytest.mark.parametrize(
        "value", ["${OPENAI_MODEL}", "${env:MODEL}", "$MODEL", "${{ secrets.MODEL }}", "env:MODEL"]
    )
    def test_environment_lookups(self, value: str) -> None:
        assert "environment-lookup" in {r for r, _, _ in said(text("a", f"model: {{id: '{value}'}}\n"))}

    def test_prose_about_the_environment_is_fine(self) -> None:
        assert read(text("Write ${HOME}/bin into $PATH, os.environ and ${env:X}.")).diagnostics == ()

    def test_a_template_cannot_replace_itself(self) -> None:
        more = "status: deprecated\nreplaced_by: support/triage\n"
        assert said(text("a", more)) == [("replaced-by", 4, 14)]

    def test_a_test_may_try_an_unknown_variable_where_it_expects_an_error(self) -> None:
        more = "tests: [{name: a, variables: {nope: 1}, expect: [{error: nope}]}]\n"
        assert read(text("a", more)).diagnostics == ()

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "/logo.png", "ftp://example.com/a"])
    def test_addresses_that_no_provider_fetches(self, url: str) -> None:
        message = f"messages: [{{role: user, content: [{{type: image, url: '{url}'}}]}}]\n"
        assert said(f"schema: prompt/v1\ntype: chat\n{message}") == [("media-source", 3, 54)]


class TestLimits:
    def test_the_repository_can_lower_the_size(self) -> None:
        data = text("Hello").encode()
        assert read_template(data, PATH, Limits(file_bytes=len(data))).template is not None
        assert read_template(data, PATH, Limits(file_bytes=len(data) - 1)).diagnostics[0].rule == "file-size"

    @pytest.mark.parametrize("filler", [b"[", b"{{ x }} ", "한".encode(), b"a: &a [*a]\n", b"\xff"])
    def test_two_mebibytes_are_refused_at_once(self, filler: bytes) -> None:
        started = time.process_time()
        file = read_template(filler * (2_097_152 // len(filler)), PATH)
        assert time.process_time() - started < 10
        assert [d.rule for d in file.diagnostics] == ["file-size"]
        assert (file.template, file.document) == (None, None)

    def test_an_alias_bomb_gives_diagnostics(self) -> None:
        levels = "".join(f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        file = read(text("x", "a: &a [lol, lol]\n" + levels))
        assert file.template is None
        assert {"yaml-anchor", "yaml-alias"} <= {d.rule for d in file.diagnostics}

    def test_the_largest_file_that_is_taken(self) -> None:
        started = time.process_time()
        body = "".join(f"  Line {i} of {{{{ a }}}}.\n" for i in range(12_000))
        file = read(
            f"schema: prompt/v1\ntype: text\nvariables: {{a: {{type: string}}}}\ntext: |\n{body}"[:262_140] + "\n"
        )
        assert time.process_time() - started < 10
        assert [d.rule for d in file.diagnostics if d.rule.startswith("yaml")] == []


DOCUMENT = json.loads(json.dumps(read(WHOLE).document))
ODD = st.sampled_from([
    None, True, 0, -1, 1.5, "", "x", "{{ x }}", "{% include 'a' %}", "(", "text", "chat", "한글", "a/b", 2**63 - 1,
    [], [None], [[]], ["text"], {}, {"type": "text"}, {"a": {"b": "c"}}, {"x-y": 1}, {"": ""}, {"~": {"/": []}},
])  # fmt: skip


def _mutate(value: object, choose: st.DataObject) -> object:
    """The document with one node replaced, removed or doubled."""
    steps: list[object] = []
    node = value
    while isinstance(node, dict | list) and node and (not steps or choose.draw(st.integers(0, 3))):
        step = choose.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        steps.append(step)
        node = node[step]
    parent = value
    for step in steps[:-1]:
        parent = parent[step]  # type: ignore[index]
    action = choose.draw(st.sampled_from(["replace", "remove", "rename"]))
    if action == "replace":
        parent[steps[-1]] = copy.deepcopy(choose.draw(ODD))  # type: ignore[index]
    elif action == "remove":
        del parent[steps[-1]]  # type: ignore[attr-defined]
    elif isinstance(parent, dict):
        parent[choose.draw(st.sampled_from(["type", "x", "~/", "variable", "content", "url"]))] = parent.pop(steps[-1])
    return value


class TestFuzz:
    @given(st.data())
    @settings(max_examples=200, deadline=None)
    def test_mutated_documents(self, choose: st.DataObject) -> None:
        document = copy.deepcopy(DOCUMENT)
        for _ in range(choose.draw(st.integers(1, 4))):
            if document:
                document = _mutate(document, choose)
        self._holds(json.dumps(document, ensure_ascii=False).encode())

    @given(st.integers(0, len(WHOLE.encode()) - 1), st.integers(0, 40), st.binary(max_size=8))
    @settings(max_examples=300, deadline=None)
    def test_mutated_bytes(self, at: int, removed: int, put: bytes) -> None:
        data = WHOLE.encode()
        self._holds(data[:at] + put + data[at + removed :])

    @given(st.lists(st.sampled_from(re.split(r"(\W)", WHOLE)), max_size=60).map("".join))
    @settings(max_examples=200, deadline=None)
    def test_pieces_of_a_template(self, source: str) -> None:
        self._holds(source.encode())

    @staticmethod
    def _holds(data: bytes) -> None:
        file = read_template(data, PATH)
        lines = data.decode("utf-8", "replace").split("\n")
        assert (file.template is None) == has_errors(file.diagnostics)
        assert list(file.diagnostics) == sorted(file.diagnostics, key=lambda d: d.place)
        for finding in file.diagnostics:
            assert finding.rule in RULES
            assert finding.path == PATH
            assert 1 <= finding.place.line <= len(lines)
            assert 1 <= finding.place.column <= len(lines[finding.place.line - 1]) + 1
        if file.template is not None:
            template_facts(file.template)


class TestHostileText:
    """Texts that end the process of a compiler without limits: each is a finding, and the process lives."""

    @pytest.mark.parametrize(
        "source",
        [
            "{{ " + "not " * 60_000 + "a }}",
            "{{ " + "-" * 100_000 + "a }}",
            "{{ a" + "+a" * 60_000 + " }}",
            "{{ a" + "|upper" * 40_000 + " }}",
            "{{ a" + ".a" * 60_000 + " }}",
            "{{ a" + "[0]" * 60_000 + " }}",
            "{{ a" + " is odd" * 30_000 + " }}",
            "{% set " + "(" * 60_000 + "a" + ")" * 60_000 + " = c %}",
            "{% if a %}" + "{% elif a %}" * 15_000 + "{% endif %}",
            "{{ § }}{{ " + "not " * 60_000 + "a }}",
            "{{ a§ }}{{ " + "-" * 100_000 + "a }}",
            "{{ (" * 50_000,
        ],
        ids=lambda source: source[:12],
    )
    def test_is_refused_in_bounded_time(self, source: str) -> None:
        started = time.process_time()
        found = read(f"schema: prompt/v1\ntype: text\ntext: |\n  {source}\n").diagnostics
        assert time.process_time() - started < 10
        assert {d.rule for d in found} & {"template-syntax", "function-unknown"}

    @pytest.mark.parametrize(
        "source",
        ["{{ a|nope }}\n  ", "{% import 'x' %}\n  ", "{{ a ~ b }}\n  "],
    )
    def test_thousands_of_faults_are_told_in_bounded_time(self, source: str) -> None:
        started = time.process_time()
        file = read(f"schema: prompt/v1\ntype: text\ntext: >\n  {source * 10_000}\n")
        assert time.process_time() - started < 10
        assert len(file.diagnostics) == MAX_SHOWN

    def test_thousands_of_wrong_entries_are_told_in_bounded_time(self) -> None:
        started = time.process_time()
        file = read("schema: prompt/v1\ntype: chat\nmessages:\n" + "- x\n" * 40_000)
        assert time.process_time() - started < 10
        assert len(file.diagnostics) == MAX_SHOWN
