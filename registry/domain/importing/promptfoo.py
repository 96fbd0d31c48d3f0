"""promptfoo's configuration: its prompts, with the model of its first provider and the values of its tests."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.domain.importing.imported import (
    Imported,
    ImportedVersion,
    LeftOut,
    Slot,
    SourceUnreadable,
    Speech,
    Syntax,
)
from registry.domain.importing.model_settings import read_settings
from registry.domain.importing.promptfoo_prompts import Prompt, read_prompts
from registry.domain.importing.promptfoo_tests import Tests, examples_of, read_tests
from registry.domain.importing.referred_files import ReferredFiles
from registry.domain.importing.source_values import mapping_of, read_message, shapes_in, text_of, yaml_value
from registry.domain.wording import listed, shown

SOURCE = "promptfoo"
_ECHO = "echo"
_MODES = frozenset({"chat", "completion", "messages", "responses", "realtime", "assistant", "agents"})
_NO_MODEL = re.compile(
    r"(?:file|exec|https?|wss?|python|javascript|webhook|package|golang|ruby)(?::|\Z)|.*\.(?:js|py)\Z"
)


@dataclass(slots=True)
class FileRead:
    """What came of one configuration; ``used`` names the files that belong to its prompts and tests."""

    prompts: list[Imported] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    used: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Model:
    settings: Mapping[str, Any]
    rest: Mapping[str, Any]
    notes: tuple[str, ...]
    echoes: bool


def read_promptfoo(data: bytes, name: str, where: str, files: Mapping[str, bytes]) -> FileRead:
    """The prompts of the configuration at ``name``, which may refer to ``files`` by their paths, and to no others.

    Raises SourceUnreadable where it is no configuration at all.
    """
    said = yaml_value(data, where)
    if not isinstance(said, Mapping) or "prompts" not in said:
        raise SourceUnreadable(f"{where} is no configuration of promptfoo's: it needs prompts")
    referred = ReferredFiles(files, name)
    reading = FileRead()
    model = _model(said.get("providers", said.get("targets")))
    tests = read_tests(said.get("tests"), said.get("defaultTest"), referred, echoes=model.echoes)
    names: defaultdict[str, int] = defaultdict(int)
    for prompt in read_prompts(said["prompts"], referred):
        if prompt.problem:
            reading.left_out.append(LeftOut(f"{where}: {prompt.name}", prompt.problem))
            continue
        names[prompt.name] += 1
        count = names[prompt.name]
        called = f"{prompt.name}-{count}" if count > 1 else prompt.name
        reading.prompts.append(
            Imported(SOURCE, called, (_version(prompt, model, tests, text_of(said.get("description"))),))
        )
    reading.used = referred.used
    return reading


def _version(prompt: Prompt, model: _Model, tests: Tests, description: str) -> ImportedVersion:
    notes = [*prompt.notes, *model.notes, *tests.notes]
    body = _body(prompt.text, notes)
    own, more = read_settings(prompt.config)
    settings = {**model.settings, **own}
    if "model" in own and "model" in model.settings:
        parameters = {**model.settings["model"].get("parameters", {}), **own["model"].get("parameters", {})}
        settings["model"] = {**model.settings["model"], **own["model"], "parameters": parameters}
    text = body if isinstance(body, str) else "".join(each.text for each in body if isinstance(each, Speech))
    shapes = shapes_in(text)
    examples = examples_of(tests, shapes, notes)
    return ImportedVersion(
        1,
        body,
        Syntax.JINJA,
        description,
        settings,
        {**model.rest, **more},
        samples={**shapes, **{key: values[0] for key, values in examples.items()}},
        examples=examples,
        tests=tuple(tests.tests),
        notes=tuple(dict.fromkeys(notes)),
    )


def _body(text: str, notes: list[str]) -> str | tuple[Speech | Slot, ...]:
    """Messages where a text is a list of them in JSON or YAML; variables stand within their contents."""
    for said in _documents(text):
        if isinstance(said, list) and said and all(isinstance(each, Mapping) and "role" in each for each in said):
            try:
                return tuple(read_message(each, "a message", notes) for each in said)
            except SourceUnreadable as error:
                notes.append(f"{error}, so the messages are one text")
                return text
    if text.lstrip().startswith(("[{", "[\n")) and '"role"' in text:
        notes.append("the messages are one text: what they are is decided by the tags around them")
    return text


def _documents(text: str) -> Iterator[Any]:
    if text.lstrip()[:1] == "[":
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            return
    elif re.match(r"\s*- +[\"']?role[\"']?\s*:", text):
        try:
            yield yaml_value(text.encode(), "the prompt")
        except SourceUnreadable:
            return


def _model(said: Any) -> _Model:
    """The model of the first provider that has one."""
    providers = [_provider(each) for each in (said if isinstance(said, list) else [said] if said else [])]
    known = [(name, config) for name, config in providers if name and name != _ECHO and not _NO_MODEL.match(name)]
    unknown = [name for name, _ in providers if _NO_MODEL.match(name)]
    notes = (
        [f"the provider {listed([shown(name) for name in unknown])} is left out: it names no model"] if unknown else []
    )
    if len(known) > 1:
        others = listed([shown(name) for name, _ in known[1:]])
        notes.append(f"a template has one model, so of the providers {others} is left out")
    echoes = bool(providers) and all(name == _ECHO for name, _ in providers)
    if not known:
        return _Model({}, {}, tuple(notes), echoes)
    provider, *parts = known[0][0].split(":")
    if len(parts) > 1 and parts[0] in _MODES:
        parts = parts[1:]
    config = {key: value for key, value in known[0][1].items() if key not in {"apiKey", "apiHost", "apiBaseUrl"}}
    settings, rest = read_settings(config)
    identity = {"provider": provider, "id": ":".join(parts)} if parts else {"id": provider}
    return _Model(settings | {"model": identity | settings.get("model", {})}, rest, tuple(notes), echoes)


def _provider(said: Any) -> tuple[str, dict[str, Any]]:
    """The words that name a provider, and its settings."""
    if isinstance(said, Mapping) and "id" not in said and len(said) == 1:
        ((name, more),) = said.items()
        return name, mapping_of(mapping_of(more).get("config"))
    if isinstance(said, Mapping):
        return text_of(said.get("id")), mapping_of(said.get("config"))
    return text_of(said), {}
