"""A template's values as plain JSON, in the shapes that differences are taken of."""

import json
from collections.abc import Mapping
from typing import Any

from registry.domain.template import MISSING, Json, Message, Part, Placeholder, Template, Text, Variable


def template_fields(template: Template | None) -> dict[str, Json]:
    """Everything but variables and messages, by field; the model's parts by path (``model.parameters.temperature``).

    Fields that say nothing are left out. None gives no field at all.
    """
    if template is None:
        return {}
    model = template.model
    fields: dict[str, Json] = {
        "type": template.type.value,
        "description": template.description or None,
        "tags": list(template.tags) or None,
        "status": template.status.value,
        "replaced_by": template.replaced_by,
        "model.provider": model.provider if model else None,
        "model.id": model.id if model else None,
        **{f"model.parameters.{key}": value for key, value in (model.parameters if model else {}).items()},
        "tools": [dict(tool) for tool in template.tools] or None,
        "tool_choice": template.tool_choice,
        "output": dict(template.output) if template.output is not None else None,
        "tests": [
            {"name": test.name, "variables": dict(test.variables), "expect": [dict(each) for each in test.expect]}
            for test in template.tests
        ]
        or None,
        "metadata": dict(template.metadata) or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def template_variables(template: Template | None) -> dict[str, dict[str, Json]]:
    """Name → attributes of each variable, those left out that say nothing."""
    return {name: _variable(variable) for name, variable in (template.variables if template else {}).items()}


def template_messages(template: Template | None) -> list[dict[str, Json]]:
    """Messages as ``role, name, parts`` or ``placeholder``; a text template is one message without a role."""
    if template is None:
        return []
    if template.text is not None:
        return [{"parts": [_text_part(template.text)]}]
    return [_message(message) for message in template.messages]


def message_key(value: Mapping[str, Json]) -> str:
    """Equal for two messages or parts that say the same."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _message(message: Message | Placeholder) -> dict[str, Json]:
    if isinstance(message, Placeholder):
        return {"placeholder": message.variable}
    content = message.content
    parts = [_text_part(content)] if isinstance(content, Text) else [_part(part) for part in content]
    found: dict[str, Json] = {"role": message.role, "name": message.name, "parts": parts}
    return {key: value for key, value in found.items() if value is not None}


def _text_part(text: Text) -> dict[str, Json]:
    return {"type": "text", "texts": {"text": text.source}, "fields": {}}


def _part(part: Part) -> dict[str, Json]:
    fields: dict[str, Json] = {key: value for key, value in part.fields.items() if key not in part.texts}
    if part.variable is not None:
        fields["variable"] = part.variable
    fields.pop("type", None)
    return {"type": part.type, "texts": {key: text.source for key, text in part.texts.items()}, "fields": fields}


def _variable(variable: Variable) -> dict[str, Json]:
    attributes: dict[str, Any] = {
        "type": variable.type.value,
        "description": variable.description or None,
        "required": variable.required,
        "enum": list(variable.enum) if variable.enum is not None else None,
        "examples": list(variable.examples) or None,
        "min_length": variable.min_length,
        "max_length": variable.max_length,
        "pattern": variable.pattern,
        "minimum": variable.minimum,
        "maximum": variable.maximum,
        "items": _variable(variable.items) if variable.items is not None else None,
        "properties": {name: _variable(each) for name, each in variable.properties.items()} or None,
        "untrusted": variable.untrusted or None,
        "sensitive": variable.sensitive or None,
    }
    found = {key: value for key, value in attributes.items() if value is not None}
    if variable.default is not MISSING:
        found["default"] = variable.default
    return found
