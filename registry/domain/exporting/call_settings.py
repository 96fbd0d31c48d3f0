"""Settings of a model call in the words of OpenAI's API, as most tools keep them."""

from collections.abc import Mapping

from registry.domain.template import Json


def write_call(document: Mapping[str, Json]) -> dict[str, Json]:
    """``model``, ``provider``, parameters, ``tools``, ``tool_choice`` and ``response_format`` of a template."""
    said = document.get("model") or {}
    call: dict[str, Json] = {}
    if said.get("id"):
        call["model"] = said["id"]
    if said.get("provider"):
        call["provider"] = said["provider"]
    call |= {key: value for key, value in (said.get("parameters") or {}).items() if key not in call}
    tools = document.get("tools")
    if tools:
        call["tools"] = [
            {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}
            for tool in tools
        ]
    choice = document.get("tool_choice")
    if choice is not None:
        call["tool_choice"] = choice if isinstance(choice, str) else {"type": "function", "function": dict(choice)}
    output = document.get("output")
    if output is not None:
        call["response_format"] = _response_format(output)
    return call


def _response_format(output: Mapping[str, Json]) -> dict[str, Json]:
    if output["format"] == "json_schema":
        return {"type": "json_schema", "json_schema": {key: value for key, value in output.items() if key != "format"}}
    return {"type": "json_object" if output["format"] == "json" else "text"}
