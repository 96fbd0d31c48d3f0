"""promptfoo: a configuration for each template, so that its tests are its own."""

import json
import re
from collections.abc import Mapping

from registry.domain.exporting.renditions import Capability
from registry.domain.exporting.states import ExportedState, Rendition
from registry.domain.exporting.target_texts import Language
from registry.domain.importing.imported import Imported, Slot, SourceUnreadable, Syntax
from registry.domain.importing.promptfoo import read_promptfoo
from registry.domain.template import Json
from registry.domain.template_text import write_document

ENDING = ".promptfooconfig.yaml"
ECHO = "echo"
"""The provider that answers with the prompt: what our tests look at."""
_CAN = Capability(Language("promptfoo", Syntax.JINJA), roles=frozenset({"system", "developer", "user", "assistant"}))
_CHECKS = {
    "contains": "contains", "not_contains": "not-contains", "equals": "equals", "starts_with": "starts-with",
    "matches": "regex",
}  # fmt: skip
_FILE_LIKE = re.compile(r"[^\n]*(?:\.\w+(?::[\w.]+)?|\*)|\w+:[^\n]*")


def promptfoo_can(_state: ExportedState) -> Capability:
    """Nunjucks, which knows most of Jinja."""
    return _CAN


def write_promptfoo(rendition: Rendition, more: Mapping[str, Json]) -> bytes:
    """A configuration. With a model it asks that; without one it looks at the prompt itself, as our tests do."""
    config = {key: value for key, value in rendition.call.items() if key not in {"model", "provider"}}
    model = ":".join(filter(None, [rendition.call.get("provider"), rendition.call.get("model")]))
    asks = "model" in rendition.call
    provider: Json = {"id": model, "config": config} if asks and config else model if asks else ECHO
    prompt: dict[str, Json] = {"label": rendition.name.rpartition("/")[2], "raw": _raw(rendition)}
    kept = (config if not asks else {}) | dict(more)
    said: dict[str, Json] = {
        "description": rendition.said("description"),
        "prompts": [prompt | ({"config": kept} if kept else {})],
        "providers": [provider],
        "tests": [_test(test, checked=not asks) for test in rendition.said("tests") or ()],
    }
    return write_document(None, {key: value for key, value in said.items() if value})


def read_config(data: bytes, name: str) -> Imported:
    """The configuration as an import reads it."""
    reading = read_promptfoo(data, f"{name}{ENDING}", name, {})
    if len(reading.prompts) != 1:
        raise SourceUnreadable(reading.left_out[0].why if reading.left_out else f"{name} holds no prompt")
    return reading.prompts[0]


def _raw(rendition: Rendition) -> str:
    if not rendition.state.is_text:
        turns = [turn for turn in rendition.shown if not isinstance(turn, Slot)]
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        return json.dumps(messages, ensure_ascii=False, indent=2) + "\n"
    text = rendition.text
    return f"{text}\n" if _FILE_LIKE.fullmatch(text) else text  # else it would name a file or a place


def _test(test: Mapping[str, Json], *, checked: bool) -> dict[str, Json]:
    """The values of an offline test; what it expects where the answer is the prompt."""
    said: dict[str, Json] = {"description": test["name"], "vars": dict(test.get("variables") or {})}
    checks = [
        {"type": _CHECKS[key], "value": value}
        for expect in test["expect"]
        if "in" not in expect
        for key, value in expect.items()
        if key in _CHECKS
    ]
    return said | ({"assert": checks} if checked and checks else {})
