"""Files with front matter: Prompty, Dotprompt and Markdown, and GitHub's, which is all YAML."""

import json
from collections.abc import Iterable, Mapping

from registry.domain.exporting.renditions import Capability, Placeholders
from registry.domain.exporting.states import ExportedState, Rendition
from registry.domain.exporting.target_texts import Language
from registry.domain.importing.imported import Slot, Speech, Syntax
from registry.domain.template import Json
from registry.domain.template_text import write_document

_SPEAKERS = frozenset({"system", "developer", "user", "assistant"})
_PROMPTY = Capability(Language("Prompty", Syntax.JINJA), roles=_SPEAKERS)
_DOTPROMPT = Capability(
    Language("Dotprompt", Syntax.HANDLEBARS, paths=True), Placeholders.ONE, frozenset({"system", "user", "assistant"})
)
_GITHUB = Capability(Language("GitHub Models", Syntax.MUSTACHE), roles=_SPEAKERS)
_MARKDOWN = Capability(Language("a text file", Syntax.MUSTACHE), roles=_SPEAKERS)
_GEMINI_WORDS = {"max_tokens": "maxOutputTokens", "top_p": "topP", "top_k": "topK", "stop": "stopSequences"}
_PICO_TYPES = frozenset({"string", "integer", "number", "boolean"})
_CALL = ("model", "provider", "tools", "tool_choice", "response_format")


def prompty_can(_state: ExportedState) -> Capability:
    """Jinja2, and messages of the usual roles."""
    return _PROMPTY


def dotprompt_can(_state: ExportedState) -> Capability:
    """Handlebars, and one place for the conversation so far."""
    return _DOTPROMPT


def github_can(_state: ExportedState) -> Capability:
    """Plain variables only."""
    return _GITHUB


def text_can(_state: ExportedState) -> Capability:
    """Plain variables only; messages stand after lines with their role."""
    return _MARKDOWN


def write_prompty(rendition: Rendition, more: Mapping[str, Json]) -> bytes:
    """A ``.prompty`` file."""
    model: dict[str, Json] = {"api": "chat"}
    if "model" in rendition.call:
        model["id"] = "/".join(filter(None, [rendition.call.get("provider"), rendition.call["model"]]))
    parameters = {key: value for key, value in rendition.call.items() if key not in {"model", "provider"}}
    front = {
        "name": rendition.name,
        "description": rendition.said("description"),
        "tags": list(rendition.tags),
        "model": (model | {"parameters": parameters}) if parameters else model if "id" in model else None,
        "inputs": _inputs(rendition),
        "template": "jinja2",
        **more,
    }
    return _file(front, _marked(rendition))


def write_dotprompt(rendition: Rendition, more: Mapping[str, Json]) -> bytes:
    """A ``.prompt`` file."""
    config = {_GEMINI_WORDS.get(key, key): value for key, value in rendition.call.items() if key not in _CALL}
    defaults = {name: said["default"] for name, said in _variables(rendition) if "default" in said}
    model = "/".join(filter(None, [rendition.call.get("provider"), rendition.call.get("model")]))
    schema = _picoschema(each for each in _variables(rendition) if each[1]["type"] != "messages")
    front = {
        "model": model,
        "description": rendition.said("description"),
        "config": config,
        "tools": [tool["name"] for tool in rendition.said("tools") or ()],
        "input": {key: value for key, value in {"schema": schema, "default": defaults}.items() if value},
        "output": _dotprompt_output(rendition),
        **more,
    }
    tags: list[str] = []
    for turn in rendition.shown:
        if isinstance(turn, Slot):
            tags.append("{{history}}")
        elif not turn.role:
            tags.append(turn.text)
        else:
            role = "model" if turn.role == "assistant" else turn.role
            tags.append(f'{{{{role "{role}"}}}}\n{turn.text}')
    return _file(front, "\n".join(tags))


def write_github(rendition: Rendition, more: Mapping[str, Json]) -> bytes:
    """A ``.prompt.yml`` file."""
    model = "/".join(filter(None, [rendition.call.get("provider"), rendition.call.get("model")]))
    output = rendition.call.get("response_format") or {}
    schema = output.get("json_schema")
    front = {
        "name": rendition.name,
        "description": rendition.said("description"),
        "model": model,
        "modelParameters": {key: value for key, value in rendition.call.items() if key not in _CALL},
        "responseFormat": output.get("type"),
        "jsonSchema": json.dumps(schema, ensure_ascii=False) if schema else None,
    }
    messages = [
        {"role": turn.role or "user", "content": turn.text} for turn in rendition.shown if isinstance(turn, Speech)
    ]
    return write_document(None, {**_without_nothing(front), "messages": messages, **more})


def write_text_file(rendition: Rendition, more: Mapping[str, Json]) -> bytes:
    """A Markdown file; front matter only where there is something to say."""
    front = {"description": rendition.said("description"), "tags": list(rendition.tags), **more}
    return _file(front, rendition.text if rendition.state.is_text else _marked(rendition))


def _file(front: Mapping[str, Json], body: str) -> bytes:
    kept = _without_nothing(front)
    head = b"---\n" + write_document(None, kept) + b"---\n" if kept or body.startswith("---") else b""
    return head + body.encode("utf-8", "replace")


def _without_nothing(said: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in said.items() if value not in (None, "", [], {})}


def _marked(rendition: Rendition) -> str:
    """Messages after lines that name their role."""
    if rendition.state.is_text:
        return rendition.text
    turns = [turn for turn in rendition.shown if not isinstance(turn, Slot)]
    return "\n".join(f"{turn.role}:\n{turn.text}{'' if turn.text.endswith(chr(10)) else chr(10)}" for turn in turns)


def _variables(rendition: Rendition) -> list[tuple[str, Mapping[str, Json]]]:
    return list((rendition.said("variables") or {}).items())


def _inputs(rendition: Rendition) -> dict[str, Json]:
    return {
        name: {key: said[key] for key in ("type", "description", "default") if key in said}
        for name, said in _variables(rendition)
        if said["type"] != "messages"
    }


def _picoschema(variables: Iterable[tuple[str, Mapping[str, Json]]]) -> dict[str, Json]:
    """Declarations as Picoschema: ``name?`` where it may be left out, then a type, and after a comma what it is for."""
    found: dict[str, Json] = {}
    for name, said in variables:
        mark = "?" if "default" in said or said.get("required") is False else ""
        words = " ".join(str(said.get("description", "")).split())
        kind = said["type"]
        if kind == "object" and said.get("properties"):
            found[f"{name}{mark}(object{', ' if words else ''}{words})"] = _picoschema(said["properties"].items())
        elif kind == "array":
            item = (said.get("items") or {}).get("type", "any")
            found[f"{name}{mark}(array{', ' if words else ''}{words})"] = item if item in _PICO_TYPES else "any"
        else:
            shown = kind if kind in _PICO_TYPES else "any"
            found[f"{name}{mark}"] = f"{shown}, {words}" if words else shown
    return found


def _dotprompt_output(rendition: Rendition) -> dict[str, Json]:
    output = rendition.said("output") or {}
    if output.get("format") in {None, "text"}:
        return {key: value for key, value in output.items() if key == "format"}
    return {"format": "json"} | ({"schema": output["schema"]} if "schema" in output else {})
