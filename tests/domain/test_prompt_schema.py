"""The JSON Schema of prompt/v1: well formed, documented, and exactly what is enforced."""

import json

import jsonschema_rs
import pytest

from registry.domain.prompt_schema import json_schema
from registry.domain.template import Status, TemplateType, VariableType
from registry.domain.template_file import read_template
from registry.domain.yaml_reader import read_yaml

TEXT = {"schema": "prompt/v1", "type": "text", "text": "Hello"}
CHAT = {"schema": "prompt/v1", "type": "chat", "messages": [{"role": "user", "content": "Hello"}]}
IMAGE = "https://example.com/a.png"


def parts(*given: object) -> dict[str, object]:
    return {**CHAT, "messages": [{"role": "user", "content": list(given)}]}


def variable(**given: object) -> dict[str, object]:
    return {**TEXT, "variables": {"name": given}}


VALID = [
    TEXT,
    CHAT,
    {**TEXT, "text": ""},
    {**TEXT, "x-team": [1, {"a": None}], "x-": 1, "metadata": {"anything": [True]}},
    {**TEXT, "status": "deprecated", "replaced_by": "a/b"},
    {**CHAT, "messages": [{"placeholder": "history"}]},
    {**CHAT, "messages": [{"role": "user", "name": "ada", "content": "x"}]},
    parts({"type": "text", "text": "x"}, {"type": "image", "url": IMAGE}),
    parts({"type": "image", "variable": "photo"}, {"type": "file", "data": "QQ==", "media_type": "application/pdf"}),
    parts({"type": "audio", "data": "QQ==", "media_type": "audio/wav"}),
    {**CHAT, "messages": [{"role": "tool", "content": [{"type": "tool_result", "id": "1", "content": "x"}]}]},
    variable(type="string", min_length=1, max_length=2, pattern="a", enum=["ab"], default="ab", examples=["ab"]),
    variable(type="number", minimum=0.5, maximum=2, default=1),
    variable(type="array", items={"type": "object", "properties": {"a": {"type": "string", "required": False}}}),
    variable(type="messages", required=False, max_length=9, untrusted=True, sensitive=True),
    {**TEXT, "model": {"provider": "openai", "id": "a/b:c", "parameters": {"temperature": 1, "logit_bias": {}}}},
    {**TEXT, "tools": [{"type": "function", "name": "a", "parameters": {}}], "tool_choice": {"name": "a"}},
    {**TEXT, "output": {"format": "json_schema", "name": "a", "schema": {}, "strict": True}},
    {**TEXT, "output": {"format": "json"}},
    {**TEXT, "tests": [{"name": "a", "variables": {"x": None}, "expect": [{"contains": "x"}, {"max_tokens": 1}]}]},
    {**CHAT, "tests": [{"name": "a", "expect": [{"equals": "x", "in": 0}, {"matches": "x", "in": "user"}]}]},
]

INVALID = [
    ([], "wrong-type"),
    ({}, "missing-key"),
    ({**TEXT, "schema": "prompt/v2"}, "not-allowed-value"),
    ({**TEXT, "type": "completion"}, "not-allowed-value"),
    ({"schema": "prompt/v1", "type": "chat", "text": "x"}, "misplaced-key"),
    ({**TEXT, "messages": CHAT["messages"]}, "misplaced-key"),
    ({"schema": "prompt/v1", "type": "chat"}, "missing-key"),
    ({**CHAT, "messages": []}, "wrong-size"),
    ({**TEXT, "version": 3}, "unknown-key"),
    ({**TEXT, "label": "production"}, "unknown-key"),
    ({**TEXT, "Description": "x"}, "unknown-key"),
    ({**TEXT, "description": 1.1}, "wrong-type"),
    ({**TEXT, "description": "x" * 4001}, "wrong-size"),
    ({**TEXT, "tags": [1]}, "wrong-type"),
    ({**TEXT, "tags": ["x" * 65]}, "wrong-size"),
    ({**TEXT, "status": "retired"}, "not-allowed-value"),
    ({**TEXT, "status": "active", "replaced_by": "a"}, "not-allowed-value"),
    ({**TEXT, "replaced_by": "a"}, "missing-key"),
    ({**TEXT, "variables": {"a": "string"}}, "wrong-type"),
    ({**TEXT, "variables": {"a": {}}}, "missing-key"),
    (variable(type="str"), "not-allowed-value"),
    (variable(type="string", minimum=1), "misplaced-key"),
    (variable(type="integer", pattern="a"), "misplaced-key"),
    (variable(type="integer", max_length=1), "misplaced-key"),
    (variable(type="boolean", enum=[True]), "misplaced-key"),
    (variable(type="string", items={"type": "string"}), "misplaced-key"),
    (variable(type="array", properties={}), "misplaced-key"),
    (variable(type="array", items={"type": "image"}), "not-allowed-value"),
    (variable(type="array", items={"type": "string", "default": "a"}), "unknown-key"),
    (variable(type="object", properties={"a": {"type": "string", "untrusted": True}}), "unknown-key"),
    (variable(type="string", min_length=-1), "out-of-range"),
    (variable(type="string", enum=[]), "wrong-size"),
    (variable(type="string", required="yes"), "wrong-type"),
    (variable(type="string", secret=True), "unknown-key"),
    ({**CHAT, "messages": [{"role": "user"}]}, "missing-key"),
    ({**CHAT, "messages": [{"content": "x"}]}, "missing-key"),
    ({**CHAT, "messages": [{"role": "user", "content": 5}]}, "wrong-type"),
    ({**CHAT, "messages": [{"role": "user", "content": []}]}, "wrong-size"),
    ({**CHAT, "messages": [{"role": "user", "content": "x", "text": "x"}]}, "unknown-key"),
    ({**CHAT, "messages": [{"placeholder": "a", "role": "user"}]}, "misplaced-key"),
    ({**CHAT, "messages": ["x"]}, "wrong-type"),
    (parts("x"), "wrong-type"),
    (parts({"text": "x"}), "missing-key"),
    (parts({"type": "video", "url": IMAGE}), "not-allowed-value"),
    (parts({"type": "text", "url": IMAGE}), "unknown-key"),
    (parts({"type": "image"}), "missing-key"),
    (parts({"type": "image", "url": IMAGE, "variable": "a"}), "misplaced-key"),
    (parts({"type": "image", "url": IMAGE, "data": "QQ==", "media_type": "image/png"}), "misplaced-key"),
    (parts({"type": "image", "data": "QQ=="}), "missing-key"),
    (parts({"type": "image", "data": "QQ==", "media_type": "audio/wav"}), "wrong-form"),
    (parts({"type": "tool_result", "id": "1"}), "missing-key"),
    (parts({"type": "tool_call", "id": "1", "name": "a", "arguments": "{}"}), "wrong-type"),
    ({**TEXT, "model": "gpt-4o-mini"}, "wrong-type"),
    ({**TEXT, "model": {"provider": "a/b"}}, "wrong-form"),
    ({**TEXT, "model": {"parameters": {"temperature": "0.2"}}}, "wrong-type"),
    ({**TEXT, "model": {"parameters": {"temperature": -1}}}, "out-of-range"),
    ({**TEXT, "tools": [{"name": "a"}]}, "missing-key"),
    ({**TEXT, "tools": [{"type": "function", "name": "look up"}]}, "wrong-form"),
    ({**TEXT, "tool_choice": "any"}, "not-allowed-value"),
    ({**TEXT, "tool_choice": {"function": "a"}}, "unknown-key"),
    ({**TEXT, "output": {"format": "yaml"}}, "not-allowed-value"),
    ({**TEXT, "output": {"format": "json_schema"}}, "missing-key"),
    ({**TEXT, "output": {"format": "text", "schema": {}}}, "misplaced-key"),
    ({**TEXT, "tests": [{"name": "a"}]}, "missing-key"),
    ({**TEXT, "tests": [{"name": "a", "expect": []}]}, "wrong-size"),
    ({**TEXT, "tests": [{"name": "a", "expect": [{}]}]}, "wrong-size"),
    ({**TEXT, "tests": [{"name": "a", "expect": [{"in": 0}]}]}, "wrong-size"),
    ({**TEXT, "tests": [{"name": "a", "expect": [{"contains": "a", "equals": "b"}]}]}, "wrong-size"),
    ({**TEXT, "tests": [{"name": "a", "expect": [{"error": "a", "in": 0}]}]}, "misplaced-key"),
    ({**TEXT, "tests": [{"name": "a", "expect": [{"includes": "a"}]}]}, "unknown-key"),
    ({**TEXT, "tests": [{"name": "a", "expect": [{"max_tokens": "9"}]}]}, "wrong-type"),
    ({**TEXT, "tests": [{"name": "a", "expect": [{"equals": "b", "in": "bot"}]}]}, "not-allowed-value"),
    ({**TEXT, "metadata": []}, "wrong-type"),
]  # fmt: skip

SCHEMA_RULES = {"unknown-key", "missing-key", "misplaced-key", "wrong-type", "not-allowed-value", "wrong-form"}
SCHEMA_RULES |= {"wrong-size", "out-of-range"}


def codes(document: object) -> set[str]:
    return {d.rule for d in read_template(json.dumps(document).encode(), "prompts/a.prompt.yaml").diagnostics}


def published_accepts(document: object) -> bool:
    return jsonschema_rs.Draft202012Validator(json_schema()).is_valid(document)


class TestPublishedSchema:
    def test_is_a_json_schema(self) -> None:
        schema = json_schema()
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$id"].endswith("/schemas/prompt-v1.json")
        jsonschema_rs.meta.validate(schema)
        json.dumps(schema)

    def test_each_caller_gets_a_copy(self) -> None:
        json_schema()["properties"].clear()
        assert json_schema()["properties"]

    def test_editors_find_a_description_of_every_key(self) -> None:
        missing: list[str] = []

        def walk(schema: object, where: str) -> None:
            if isinstance(schema, dict):
                named = schema.get("properties", {})
                for key, inner in named.items() if schema.get("type") == "object" else ():
                    told = isinstance(inner, dict) and ("description" in inner or "$ref" in inner or key == "type")
                    if isinstance(inner, dict) and not told:
                        missing.append(f"{where}/{key}")
                for key, inner in schema.items():
                    walk(inner, f"{where}/{key}")
            elif isinstance(schema, list):
                for inner in schema:
                    walk(inner, where)

        walk(json_schema(), "")
        assert missing == []

    def test_enums_are_those_of_the_domain(self) -> None:
        schema = json_schema()
        assert schema["properties"]["type"]["enum"] == [t.value for t in TemplateType]
        assert schema["properties"]["status"]["enum"] == [s.value for s in Status]
        assert schema["$defs"]["variable"]["properties"]["type"]["enum"] == [t.value for t in VariableType]


class TestEnforcement:
    @pytest.mark.parametrize("document", VALID, ids=str)
    def test_valid_documents_pass_both(self, document: object) -> None:
        assert published_accepts(document)
        assert codes(document) & SCHEMA_RULES == set()

    @pytest.mark.parametrize(("document", "code"), INVALID, ids=str)
    def test_invalid_documents_fail_both_with_the_code(self, document: object, code: str) -> None:
        assert not published_accepts(document)
        assert code in codes(document)

    @pytest.mark.parametrize(("document", "code"), INVALID, ids=str)
    def test_no_fault_is_told_in_the_validators_words(self, document: object, code: str) -> None:
        for finding in read_template(json.dumps(document).encode(), "prompts/a.prompt.yaml").diagnostics:
            assert "under any of the" not in finding.message
            assert "False schema" not in finding.message

    def test_an_empty_file_says_how_to_begin(self) -> None:
        (finding,) = read_template(b"", "prompts/a.prompt.yaml").diagnostics
        assert str(finding) == "prompts/a.prompt.yaml:1:1: [wrong-type] the file is empty: begin with schema: prompt/v1"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("descripton: x", 'did you mean "description"?'),
        ("foo: x", "your own keys begin with x-"),
        ("description: 1.10", 'put it into quotes: "1.10"'),
        ("description: true", 'put it into quotes: "true"'),
        ("description: 0x1F", 'put it into quotes: "0x1F"'),
        ("tags: support", "write [support]"),
        ("status: activ", "did you mean active?"),
        ("variables: {a: string}", "write {type: string}"),
        ("variables: {a: {type: str}}", "did you mean string?"),
        ("variables: {a: {type: bool}}", "did you mean boolean?"),
        ("variables: {a: {type: string, required: no}}", "write true or false, without quotes"),
        ("variables: {a: {type: integer, minimum: '3'}}", "remove the quotes"),
        ("variables: {a: {type: string, minimum: 3}}", "belongs to variables of type integer or number"),
        ("messages: []", "belongs to templates of type chat"),
        ("model: {provider: a b}", "^[A-Za-z0-9]"),
    ],
)
def test_messages_say_the_way_out(line: str, said: str) -> None:
    source = f"schema: prompt/v1\ntype: text\ntext: Hello\n{line}\n"
    assert read_yaml(source.encode(), "p").diagnostics == ()
    found = read_template(source.encode(), "p").diagnostics
    assert [d for d in found if said in d.message], [str(d) for d in found]
    assert all(d.place.line == 4 for d in found)
