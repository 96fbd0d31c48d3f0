"""Prompts that are files: Prompty, Dotprompt, GitHub Models, and plain text. Each file is a prompt of one version."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from registry.domain.importing.imported import Imported, ImportedVersion, Slot, SourceUnreadable, Speech, Syntax
from registry.domain.importing.model_settings import read_settings
from registry.domain.importing.source_values import decoded, mapping_of, shapes_in, text_of, words_of, yaml_mapping

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
_MARKER = re.compile(
    r"^[ \t]*(?:#[ \t]*)?(system|developer|user|assistant)[ \t]*:[ \t]*\r?$\n?", re.MULTILINE | re.IGNORECASE
)
_DOT_TAG = re.compile(r"""\{\{\s*(?:role\s+["'](\w+)["']|(history)(?:\s*\(\s*\))?)\s*\}\}""")


def read_prompty(data: bytes, name: str, where: str) -> Imported:
    """Prompty: front matter, then messages after lines such as ``system:``, in Jinja's or Mustache's syntax.

    Raises SourceUnreadable, as all readers here.
    """
    front, body = _front_matter(decoded(data, where), where)
    template = front.get("template", "jinja2")
    format_ = template.get("format") if isinstance(template, Mapping) else template
    syntax = Syntax.MUSTACHE if format_ == "mustache" else Syntax.JINJA
    model = mapping_of(front.get("model"))
    connection = mapping_of(model.get("configuration")) | mapping_of(model.get("connection"))
    parameters = mapping_of(model.get("parameters")) | mapping_of(model.get("options"))
    deployment = model.get("id") or connection.get("azure_deployment") or connection.get("model")
    settings, rest = read_settings({**parameters, **({"model": deployment} if isinstance(deployment, str) else {})})
    notes = ["where the model is reached (model.configuration) is left out"] if connection else []
    defaults, samples = _inputs(front)
    version = ImportedVersion(
        1,
        tuple(read_marked(body)),
        syntax,
        text_of(front.get("description")),
        settings,
        _left(front, "name", "description", "tags", "template", "model", "inputs", "sample") | rest,
        defaults,
        {**(shapes_in(body) if syntax is Syntax.JINJA else {}), **samples},
        notes=tuple(notes),
    )
    return Imported("prompty", name, (version,), words_of(front.get("tags")))


def read_dotprompt(data: bytes, name: str, where: str) -> Imported:
    """Dotprompt: front matter, then Handlebars with ``{{role "system"}}`` and ``{{history}}``."""
    front, body = _front_matter(decoded(data, where), where)
    model = {"model": front["model"]} if isinstance(front.get("model"), str) else {}
    settings, rest = read_settings({**mapping_of(front.get("config")), **model})
    given = mapping_of(front.get("input"))
    version = ImportedVersion(
        1,
        tuple(_tagged(body)),
        Syntax.HANDLEBARS,
        text_of(front.get("description")),
        settings,
        _left(front, "model", "config", "description", "input") | rest,
        mapping_of(given.get("default")),
        notes=("the types of the inputs are left out",) if "schema" in given else (),
    )
    return Imported("dotprompt", name, (version,))


def read_github(data: bytes, name: str, where: str) -> Imported:
    """GitHub Models: a YAML file with ``messages``, whose texts hold ``{{variable}}``."""
    said = yaml_mapping(data, where)
    messages = said.get("messages")
    if not isinstance(messages, list) or not all(_is_message(each) for each in messages):
        raise SourceUnreadable(f"{where}: messages is a list of role and content")
    model = {"model": said["model"]} if isinstance(said.get("model"), str) else {}
    settings, rest = read_settings({**mapping_of(said.get("modelParameters")), **model})
    version = ImportedVersion(
        1,
        tuple(Speech(each["role"], each["content"]) for each in messages),
        Syntax.MUSTACHE,
        text_of(said.get("description")),
        settings,
        _left(said, "name", "description", "model", "modelParameters", "messages") | rest,
    )
    return Imported("github", name, (version,))


def read_text(data: bytes, name: str, where: str) -> Imported:
    """A text with ``{{variable}}``; front matter before it may say description and tags."""
    text = decoded(data, where)
    front, body = _front_matter(text, where) if _FRONT.match(text) else ({}, text)
    rest = _left(front, "description", "tags")
    version = ImportedVersion(1, body, Syntax.MUSTACHE, text_of(front.get("description")), metadata=rest)
    return Imported("text", name, (version,), words_of(front.get("tags")))


def _front_matter(text: str, where: str) -> tuple[dict[str, Any], str]:
    found = _FRONT.match(text)
    if found is None:
        return {}, text
    return (yaml_mapping(found[1].encode(), where) if found[1].strip() else {}), text[found.end() :]


def read_marked(body: str) -> Iterator[Speech]:
    """Messages after lines that name a role; what stands before the first is the system's."""
    parts = _MARKER.split(body)
    for role, text in zip(["system", *parts[1::2]], parts[0::2], strict=True):
        if text.strip() or len(parts) == 1:
            yield Speech(role.lower(), text.strip())


def _tagged(body: str) -> Iterator[Speech | Slot]:
    """Messages after tags that name a role; what stands before the first, or after the history, is the user's."""
    role, at = "user", 0
    several = _DOT_TAG.search(body) is not None
    for found in _DOT_TAG.finditer(body):
        yield from _speech(role, body[at : found.start()], several=several)
        if found[2]:
            yield Slot("history")
        role, at = found[1] or "user", found.end()
    yield from _speech(role, body[at:], several=several)


def _speech(role: str, text: str, *, several: bool) -> Iterator[Speech]:
    if text.strip() or not several:
        yield Speech(role, text.strip())


def _inputs(front: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Defaults, and values that show of what type a variable is."""
    defaults: dict[str, Any] = {}
    shapes: Mapping[str, Any] = {"array": [], "list": [], "object": {}, "number": 0.5, "integer": 1, "boolean": True}
    samples: dict[str, Any] = dict(mapping_of(front.get("sample")))
    for name, said in mapping_of(front.get("inputs")).items():
        if isinstance(said, Mapping):
            if said.get("type") in shapes:
                samples[name] = shapes[said["type"]]
            if "default" in said:
                defaults[name] = said["default"]
    return defaults, samples


def _is_message(said: Any) -> bool:
    return isinstance(said, Mapping) and isinstance(said.get("role"), str) and isinstance(said.get("content"), str)


def _left(said: Mapping[str, Any], *taken: str) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in taken}
