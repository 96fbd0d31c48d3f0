# A copy of registry/domain/request_bodies.py: change that one, then run python -m scripts.copies
"""Ready request bodies for providers: a rendered template as OpenAI or Anthropic take it.

The shapes are those that the providers document for ``POST /v1/chat/completions`` and ``POST /v1/messages``. What a
provider has no shape for (audio for Anthropic, a file by address for OpenAI) raises RenderFailed, which names it. Left
out is what a provider does not have: some sampling parameters, the model of another provider, and for Anthropic the
output format json and the names of schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from promptuary_client.canonical import canonical_json
from promptuary_client.errors import RenderFailed
from promptuary_client.rendering import Rendered
from promptuary_client.request_parts import (
    anthropic_content,
    openai_content,
    plain_text,
    split_tool_calls,
    split_tool_results,
)
from promptuary_client.template import Json, Template

ANTHROPIC_MAX_TOKENS = 4096
"""Anthropic asks for ``max_tokens``; this stands where the template's parameters have none."""

_NOT_OPENAI = frozenset({"top_k"})
_NOT_ANTHROPIC = frozenset({"seed", "frequency_penalty", "presence_penalty"})


def openai_body(template: Template, rendered: Rendered) -> dict[str, Json]:
    """A body for OpenAI's chat completions. Raises RenderFailed for what it cannot say.

    A text template becomes one user message; ``max_tokens`` becomes ``max_completion_tokens``.
    """
    parameters = dict(template.model.parameters) if template.model else {}
    body = _model(template, "openai")
    body["messages"] = [made for message in rendered_messages(rendered) for made in openai_messages(message)]
    if template.tools:
        body["tools"] = [_openai_tool(tool) for tool in template.tools]
    if template.tool_choice is not None:
        choice = template.tool_choice
        named = isinstance(choice, Mapping)
        body["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}} if named else choice
    output = template.output or {}
    if output.get("format") == "json_schema":
        schema = {key: output[key] for key in ("name", "description", "schema", "strict") if key in output}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif output.get("format") == "json":
        body["response_format"] = {"type": "json_object"}
    if "max_tokens" in parameters:
        body["max_completion_tokens"] = parameters.pop("max_tokens")
    return body | {key: value for key, value in parameters.items() if key not in _NOT_OPENAI and key not in body}


def anthropic_body(template: Template, rendered: Rendered) -> dict[str, Json]:
    """A body for Anthropic's messages. Raises RenderFailed for what it cannot say.

    System and developer messages become ``system``, in their order; tool results become blocks of a user message;
    ``stop`` becomes ``stop_sequences``. A text template becomes one user message.
    """
    parameters = dict(template.model.parameters) if template.model else {}
    body = _model(template, "anthropic")
    body["max_tokens"] = parameters.pop("max_tokens", ANTHROPIC_MAX_TOKENS)
    messages = rendered_messages(rendered)
    system = [plain_text(m["content"], "a system message") for m in messages if m["role"] in {"system", "developer"}]
    if system:
        body["system"] = "\n\n".join(text.strip("\n") for text in system)
    body["messages"] = _anthropic_messages(m for m in messages if m["role"] not in {"system", "developer"})
    if not body["messages"]:
        raise RenderFailed("Anthropic needs at least one user message beside the system prompt: add one")
    if template.tools:
        body["tools"] = [_anthropic_tool(tool) for tool in template.tools]
    if template.tool_choice is not None:
        body["tool_choice"] = _anthropic_choice(template.tool_choice)
    output = template.output or {}
    if output.get("format") == "json_schema":
        body["output_config"] = {"format": {"type": "json_schema", "schema": output["schema"]}}
    if "stop" in parameters:
        stop = parameters.pop("stop")
        body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    return body | {key: value for key, value in parameters.items() if key not in _NOT_ANTHROPIC and key not in body}


def _model(template: Template, provider: str) -> dict[str, Json]:
    """The field ``model``; without it where the template's model is another provider's, who would not know it."""
    model = template.model
    if model is None or not model.id or (model.provider or provider).lower() != provider:
        return {}
    return {"model": model.id}


def rendered_messages(rendered: Rendered) -> Sequence[Mapping[str, Json]]:
    """The messages of a chat template; a text template's text as one user message."""
    if rendered.messages is None:
        return [{"role": "user", "content": rendered.text}]
    return rendered.messages


def openai_messages(message: Mapping[str, Json]) -> list[dict[str, Json]]:
    """One message in OpenAI's form; more where it holds tool results, each of which is a message of its own there.

    Raises RenderFailed for what that form cannot say.
    """
    results, rest = split_tool_results(message["content"])
    made: list[dict[str, Json]] = [
        {"role": "tool", "tool_call_id": result["id"], "content": result["content"]} for result in results
    ]
    role = message["role"]
    if role == "tool" and (rest or not results):
        raise RenderFailed("a tool message holds tool_result parts and nothing else: give each the id of its call")
    if results and not rest:
        return made
    calls, rest = split_tool_calls(rest)
    if calls and role != "assistant":
        raise RenderFailed(f"tool_call parts stand in assistant messages only, not in a {role} message")
    own: dict[str, Json] = {"role": role, "content": openai_content(rest, role) if rest or not calls else None}
    if calls:
        own["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": canonical_json(call["arguments"])},
            }
            for call in calls
        ]
    if "name" in message:
        own["name"] = message["name"]
    return [*made, own]


def _openai_tool(tool: Mapping[str, Json]) -> dict[str, Json]:
    function = {key: tool[key] for key in ("name", "description", "parameters", "strict") if key in tool}
    return {"type": "function", "function": function}


def _anthropic_messages(messages: Iterable[Mapping[str, Json]]) -> list[dict[str, Json]]:
    made: list[dict[str, Json]] = []
    after_result = False
    for message in messages:
        is_result = message["role"] == "tool"
        if is_result and isinstance(message["content"], str):
            raise RenderFailed("a tool message holds tool_result parts and nothing else: give each the id of its call")
        content = anthropic_content(message["content"])
        if is_result and after_result:
            made[-1]["content"].extend(content)  # answers to calls of one turn go back together
        else:
            made.append({"role": "user" if is_result else message["role"], "content": content})
        after_result = is_result
    return made


def _anthropic_tool(tool: Mapping[str, Json]) -> dict[str, Json]:
    made: dict[str, Json] = {"name": tool["name"]}
    if "description" in tool:
        made["description"] = tool["description"]
    made["input_schema"] = tool.get("parameters") or {"type": "object", "properties": {}}
    if "strict" in tool:
        made["strict"] = tool["strict"]
    return made


def _anthropic_choice(choice: Json) -> dict[str, Json]:
    if isinstance(choice, Mapping):
        return {"type": "tool", "name": choice["name"]}
    return {"type": {"required": "any"}.get(choice, choice)}
