"""Settings of a model call, as most tools keep them: in one object, named after OpenAI's parameters."""

import re
from collections.abc import Mapping

from registry.domain.template import Json

_PARAMETERS = frozenset({
    "temperature", "top_p", "top_k", "max_tokens", "seed", "stop", "frequency_penalty", "presence_penalty",
})  # fmt: skip
_OTHER_NAMES = {
    "max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "maxOutputTokens": "max_tokens",
    "maxTokens": "max_tokens", "topP": "top_p", "topK": "top_k", "stopSequences": "stop", "stop_sequences": "stop",
    "frequencyPenalty": "frequency_penalty", "presencePenalty": "presence_penalty",
}  # fmt: skip
_FAMILIES = {
    "openai": "(?:ft:)?(?:chat)?gpt-|(?:ft:)?o[1345](?:-|$)",
    "anthropic": "claude-",
    "google": "gemini-|gemma",
    "mistral": "(?:open-)?(?:mistral|mixtral)-|codestral|ministral|pixtral|magistral|devstral",
    "cohere": "command(?:-|$)",
    "deepseek": "deepseek-",
    "meta": "(?:meta-)?llama",
    "xai": "grok-",
    "qwen": "qwen|qwq",
}
"""The makers of models, and how the names begin that are theirs wherever such a model is called."""
_MODEL_KEYS = ("model", "model_name", "modelId")


def read_settings(config: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """``model``, ``tools``, ``tool_choice`` and ``output`` as a template says them, and what is none of them."""
    rest = dict(config)
    settings: dict[str, Json] = {}
    model = _model(rest)
    if model:
        settings["model"] = model
    tools = rest.get("tools")
    read = [_tool(each) for each in tools] if isinstance(tools, list) else []
    if read and None not in read:
        settings["tools"] = read
        del rest["tools"]
        choice = rest.get("tool_choice")
        if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
            choice = {"name": choice["function"].get("name")}
        if choice is not None:
            settings["tool_choice"] = choice
            del rest["tool_choice"]
    output = _output(rest.get("response_format"))
    if output is not None:
        settings["output"] = output
        del rest["response_format"]
    return settings, rest


def maker_of(model: Mapping[str, Json]) -> str | None:
    """Whose a model is that names no provider, by how its name begins; None where nobody can say, or need not."""
    if "provider" in model:
        return None
    name = str(model.get("id", ""))
    return next((maker for maker, begin in _FAMILIES.items() if re.match(begin, name, re.IGNORECASE)), None)


def _model(rest: dict[str, Json]) -> dict[str, Json]:
    """What says which model, taken out of ``rest``."""
    model: dict[str, Json] = {}
    key = next((key for key in _MODEL_KEYS if isinstance(rest.get(key), str) and rest[key]), None)
    if key is not None:
        provider, slash, name = rest.pop(key).partition("/")
        model = {"provider": provider, "id": name} if slash and provider and name else {"id": provider or name}
        if "provider" not in model and isinstance(rest.get("provider"), str) and rest["provider"]:
            model = {"provider": rest.pop("provider"), **model}
    parameters: dict[str, Json] = {}
    for key in list(rest):
        name = _OTHER_NAMES.get(key, key)
        if name in _PARAMETERS and name not in parameters and rest[key] is not None:
            parameters[name] = rest.pop(key)
    return model | ({"parameters": parameters} if parameters else {})


def _tool(tool: Json) -> Json:
    """A tool in OpenAI's shape, or already in ours; None where it is neither."""
    inner = tool.get("function", tool) if isinstance(tool, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        return None
    kept = {key: inner[key] for key in ("name", "description", "parameters", "strict") if inner.get(key) is not None}
    return {"type": "function", **kept}


def _output(said: Json) -> Json:
    if not isinstance(said, Mapping):
        return None
    if said.get("type") == "json_object":
        return {"format": "json"}
    inner = said.get("json_schema")
    if said.get("type") != "json_schema" or not isinstance(inner, Mapping):
        return None
    kept = {key: inner[key] for key in ("name", "description", "schema", "strict") if inner.get(key) is not None}
    return {"format": "json_schema", **kept}
