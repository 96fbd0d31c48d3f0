from typing import Any

import pytest

from registry.domain.errors import RenderFailed
from registry.domain.rendering import Rendered
from registry.domain.request_bodies import ANTHROPIC_MAX_TOKENS, anthropic_body, openai_body
from registry.domain.template import Model, Template, TemplateType

TOOL = {
    "type": "function",
    "name": "find",
    "description": "Finds.",
    "parameters": {"type": "object", "properties": {}},
    "strict": True,
}
SCHEMA = {"type": "object", "properties": {"queue": {"type": "string"}}}


def template(**more: Any) -> Template:
    return Template(TemplateType.CHAT, **more)


def rendered(*messages: dict[str, Any]) -> Rendered:
    return Rendered(messages=messages)


CONVERSATION = rendered(
    {"role": "system", "content": "Be kind.\n"},
    {"role": "developer", "content": "Be short."},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Look"}, {"type": "image", "url": "https://a.example/b.png"}],
        "name": "kim",
    },
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Wait"},
            {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": "한", "n": 1.0}},
            {"type": "tool_call", "id": "c2", "name": "find", "arguments": {}},
        ],
    },
    {"role": "tool", "content": [{"type": "tool_result", "id": "c1", "content": "one"}]},
    {"role": "tool", "content": [{"type": "tool_result", "id": "c2", "content": "two"}]},
    {"role": "user", "content": "And?"},
)


def test_openai() -> None:
    body = openai_body(
        template(
            model=Model(
                "openai",
                "gpt-4o-mini",
                {"temperature": 0.2, "max_tokens": 600, "top_k": 3, "stop": ["x"], "reasoning_effort": "low"},
            ),
            tools=(TOOL,),
            tool_choice={"name": "find"},
            output={"format": "json_schema", "name": "triage", "schema": SCHEMA, "strict": True},
        ),
        CONVERSATION,
    )
    assert body == {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "Be kind.\n"},
            {"role": "developer", "content": "Be short."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
                ],
                "name": "kim",
            },
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "Wait"}],
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q":"한","n":1}'}},
                    {"id": "c2", "type": "function", "function": {"name": "find", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "user", "content": "And?"},
        ],
        "tools": [{"type": "function", "function": {key: TOOL[key] for key in TOOL if key != "type"}}],
        "tool_choice": {"type": "function", "function": {"name": "find"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "triage", "schema": SCHEMA, "strict": True}},
        "temperature": 0.2,
        "max_completion_tokens": 600,
        "stop": ["x"],
        "reasoning_effort": "low",
    }


def test_anthropic() -> None:
    body = anthropic_body(
        template(
            model=Model(
                "anthropic", "claude-x", {"temperature": 0.2, "max_tokens": 600, "top_k": 3, "stop": "x", "seed": 1}
            ),
            tools=(TOOL, {"type": "function", "name": "bare"}),
            tool_choice="required",
            output={"format": "json_schema", "name": "triage", "schema": SCHEMA},
        ),
        CONVERSATION,
    )
    assert body == {
        "model": "claude-x",
        "max_tokens": 600,
        "system": "Be kind.\n\nBe short.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Wait"},
                    {"type": "tool_use", "id": "c1", "name": "find", "input": {"q": "한", "n": 1.0}},
                    {"type": "tool_use", "id": "c2", "name": "find", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "two"},
                ],
            },
            {"role": "user", "content": "And?"},
        ],
        "tools": [
            {"name": "find", "description": "Finds.", "input_schema": TOOL["parameters"], "strict": True},
            {"name": "bare", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "any"},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "temperature": 0.2,
        "top_k": 3,
        "stop_sequences": ["x"],
    }


def test_a_text_template_is_one_user_message() -> None:
    assert openai_body(template(), Rendered(text="Hi")) == {"messages": [{"role": "user", "content": "Hi"}]}
    assert anthropic_body(template(), Rendered(text="Hi")) == {
        "max_tokens": ANTHROPIC_MAX_TOKENS,
        "messages": [{"role": "user", "content": "Hi"}],
    }


@pytest.mark.parametrize(
    ("choice", "openai", "anthropic"),
    [
        ("auto", "auto", {"type": "auto"}),
        ("none", "none", {"type": "none"}),
        ("required", "required", {"type": "any"}),
        ({"name": "f"}, {"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
    ],
)
def test_tool_choice(choice: Any, openai: Any, anthropic: Any) -> None:
    assert openai_body(template(tool_choice=choice), Rendered(text="x"))["tool_choice"] == openai
    assert anthropic_body(template(tool_choice=choice), Rendered(text="x"))["tool_choice"] == anthropic


def test_plain_json_output() -> None:
    made = template(output={"format": "json"})
    assert openai_body(made, Rendered(text="x"))["response_format"] == {"type": "json_object"}
    assert "output_config" not in anthropic_body(made, Rendered(text="x"))


def part(kind: str, **fields: str) -> Rendered:
    return rendered({"role": "user", "content": [{"type": kind, **fields}]})


PDF = {"data": "aGk=", "media_type": "application/pdf"}


@pytest.mark.parametrize(
    ("shown", "openai", "anthropic"),
    [
        (part("image", data="aGk=", media_type="image/png"), {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
         {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}),
        (part("image", url="data:image/png;base64,aGk="), {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
         {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}),
        (part("file", **PDF), {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,aGk="}},
         {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}),
        (part("file", url="https://a.example/b.pdf"), "by address", {"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}}),
        (part("file", data="aGk=", media_type="text/plain"), {"type": "file", "file": {"filename": "file.plain", "file_data": "data:text/plain;base64,aGk="}},
         {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}}),
        (part("file", data="/w==", media_type="text/plain"), {"type": "file", "file": {"filename": "file.plain", "file_data": "data:text/plain;base64,/w=="}}, "no UTF-8"),
        (part("file", data="aGk=", media_type="application/zip"), {"type": "file", "file": {"filename": "file.zip", "file_data": "data:application/zip;base64,aGk="}}, "application/zip"),
        (part("audio", data="aGk=", media_type="audio/wav"), {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}, "no audio"),
        (part("audio", data="aGk=", media_type="audio/ogg"), "audio/ogg", "no audio"),
        (part("audio", url="https://a.example/b.mp3"), "by address", "no audio"),
    ],
)  # fmt: skip
def test_media(shown: Rendered, openai: Any, anthropic: Any) -> None:
    for make, wanted in ((openai_body, openai), (anthropic_body, anthropic)):
        if isinstance(wanted, str):
            with pytest.raises(RenderFailed, match=wanted):
                make(template(), shown)
        else:
            assert make(template(), shown)["messages"][0]["content"] == [wanted]


@pytest.mark.parametrize("make", [openai_body, anthropic_body])
def test_what_a_provider_cannot_say_is_told(make: Any) -> None:
    with pytest.raises(RenderFailed, match="tool_result"):
        make(template(), rendered({"role": "user", "content": "x"}, {"role": "tool", "content": "bare"}))
    with pytest.raises(RenderFailed, match="system message takes text"):
        make(template(), rendered({"role": "system", "content": [{"type": "image", "url": "https://a"}]}))


def test_a_call_without_text_has_no_content_for_openai() -> None:
    call = {"type": "tool_call", "id": "1", "name": "f", "arguments": {}}
    (message,) = openai_body(template(), rendered({"role": "assistant", "content": [call]}))["messages"]
    assert message["content"] is None
    with pytest.raises(RenderFailed, match="assistant messages only"):
        openai_body(template(), rendered({"role": "user", "content": [call]}))


def test_anthropic_needs_a_user_message() -> None:
    with pytest.raises(RenderFailed, match="user message"):
        anthropic_body(template(), rendered({"role": "system", "content": "x"}))
