"""MLflow: a registered model for each template, and model versions, as MLflow's own client makes them."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping

from registry.domain.exporting.forms import Form
from registry.domain.exporting.partials import take_in
from registry.domain.exporting.renditions import Capability
from registry.domain.exporting.states import ExportedState, Rendition
from registry.domain.exporting.target_texts import Language
from registry.domain.importing.imported import Imported, Slot, SourceUnreadable, Syntax
from registry.domain.importing.mlflow import IS_PROMPT, KIND, MODEL, OUTPUT, TEXT, gather
from registry.domain.importing.remainders import KEY, texts_in
from registry.domain.template import Json

NAME = f"{KEY}.name"
REFERENCE = f"{KEY}.reference"
"""Tags of ours: the template's name, and which version of it this is."""
LONGEST_TAG = 100_000
LONGEST_NAME = 200
_JINJA = Capability(Language("MLflow", Syntax.JINJA))
_BRACES = Capability(Language("MLflow", Syntax.BRACES, paths=True))
_PARAMETERS = frozenset({
    "provider", "temperature", "max_tokens", "top_p", "top_k", "frequency_penalty", "presence_penalty",
})  # fmt: skip
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
_TAG = re.compile(r"[/\w.\- :]+")
_RESERVED = re.compile(r"latest|v[0-9]+", re.IGNORECASE)


def mlflow_can(state: ExportedState) -> Capability:
    """MLflow renders with Jinja where a block stands in a text; else it fills in names in two braces."""
    document = take_in(state, bool).document
    said = [document.get("text"), *document.get("messages", ())]
    blocks = any("{%" in text for each in said for text in texts_in(each))
    return _JINJA if blocks else _BRACES


def name_models(names: Collection[str]) -> dict[str, str]:
    """A name for each template that MLflow takes: ``support/triage`` is ``support.triage``. No two are the same."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names, key=lambda each: (_UNFIT.search(each) is not None, each)):
        plain = _UNFIT.sub("-", name.replace("/", ".")).strip("-.")
        mark = hashlib.sha256(name.encode()).hexdigest()[:8]
        fits = plain == name.replace("/", ".") and plain not in taken and len(plain) <= LONGEST_NAME
        called = plain if fits else "-".join(filter(None, [plain[:LONGEST_NAME].strip("-."), mark]))
        given[name] = called
        taken.add(called)
    return given


def is_alias(label: str) -> bool:
    """Whether a label can be an alias."""
    return _RESERVED.fullmatch(label) is None


def write_version(rendition: Rendition, more: Mapping[str, Json]) -> dict[str, Json]:
    """A version as the API takes it: its description and tags, and those of the prompt as a whole.

    Raises SourceUnreadable where a tag is too long.
    """
    state, call = rendition.state, rendition.call
    tags = {IS_PROMPT: "true", KIND: "text" if state.is_text else "chat", TEXT: _text(rendition)}
    if "response_format" in call:
        output = call["response_format"]
        tags[OUTPUT] = _json(output.get("json_schema", {}).get("schema") or output)
    model = _model(call)
    if model:
        tags[MODEL] = _json(model)
    tags[REFERENCE] = state.reference or f"{state.name}#{hashlib.sha256(state.source.encode()).hexdigest()[:8]}"
    tags |= {key: _json(value) for key, value in more.items()}
    for key, value in tags.items():
        if len(value) > LONGEST_TAG:
            raise SourceUnreadable(f"its tag {key} would be longer than {LONGEST_TAG:,} characters")
    whole = {IS_PROMPT: "true", NAME: state.name, **{tag: "true" for tag in rendition.tags if _TAG.fullmatch(tag)}}
    number = str(max(1, state.number))
    return {"name": rendition.name, "version": number, "description": state.message, "tags": tags, "model_tags": whole}


def read_version(said: Mapping[str, Json], name: str) -> Imported:
    """The version as an import reads it."""
    entry = {**said, "tags": _pairs(said["tags"])}
    found = gather([{"name": said["name"], "tags": _pairs(said["model_tags"])}], [entry], name)
    if not found.prompts:
        raise SourceUnreadable(found.left_out[0].why if found.left_out else f"{name} is no prompt")
    return found.prompts[0]


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _text(rendition: Rendition) -> str:
    if rendition.state.is_text:
        return rendition.text
    return _json([
        {"role": turn.role, "content": turn.text} for turn in rendition.shown if not isinstance(turn, Slot)
    ])  # fmt: skip


def _model(call: Mapping[str, Json]) -> dict[str, Json]:
    """MLflow's own words, and under ``extra_params`` what it has none for."""
    known = {key: value for key, value in call.items() if key in _PARAMETERS}
    if "model" in call:
        known["model_name"] = call["model"]
    stop = call.get("stop")
    if stop is not None:
        known["stop_sequences"] = stop if isinstance(stop, list) else [stop]
    extra = {key: value for key, value in call.items() if key not in {*_PARAMETERS, "model", "stop", "response_format"}}
    return known | ({"extra_params": extra} if extra else {})


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


MLFLOW = Form(mlflow_can, write_version, read_version)
