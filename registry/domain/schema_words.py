"""Small builders for JSON Schema as Python data: each subschema says in ``description`` what an editor shows."""

from enum import StrEnum
from typing import Any

Schema = dict[str, Any]


def string(description: str, **limits: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": description, **limits}


def boolean(description: str, *, default: bool = False) -> Schema:
    """A truth value."""
    return {"type": "boolean", "description": description, "default": default}


def count(description: str, minimum: int = 0) -> Schema:
    """An integer from ``minimum`` on."""
    return {"type": "integer", "minimum": minimum, "description": description}


def choice(words: type[StrEnum] | tuple[str, ...], description: str, **more: Any) -> Schema:
    """One of some words."""
    return {"enum": [str(w) for w in words], "description": description, **more}


def listing(items: Schema, description: str, **limits: Any) -> Schema:
    """A list of like items."""
    return {"type": "array", "items": items, "description": description, **limits}


def closed(title: str, description: str, properties: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    """A mapping with these keys and no others."""
    schema: Schema = {
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return {**schema, "required": list(required)} if required else schema


def opened(description: str, **limits: Any) -> Schema:
    """A mapping with any keys."""
    return {"type": "object", "description": description, **limits}


def ref(name: str, **more: Any) -> Schema:
    """One of the definitions."""
    return {"$ref": f"#/$defs/{name}", **more}


def when(key: str, words: tuple[str, ...], then: Schema) -> Schema:
    """A branch that holds where ``key`` is one of ``words``."""
    condition: Schema = {"const": words[0]} if len(words) == 1 else {"enum": list(words)}
    return {"if": {"properties": {key: condition}, "required": [key]}, "then": then}


def given(key: str, then: Schema, otherwise: Schema | None = None) -> Schema:
    """A branch that holds where ``key`` stands, and one where it does not."""
    branch: Schema = {"if": {"required": [key]}, "then": then}
    return branch if otherwise is None else {**branch, "else": otherwise}


def both(*schemas: Schema) -> Schema:
    """All of these hold; each keeps its own ``$comment``."""
    return {"allOf": list(schemas)}


def without(keys: tuple[str, ...], comment: str) -> Schema:
    """None of these keys; ``comment`` tells the writer where they belong."""
    return {"properties": dict.fromkeys(keys, False), "$comment": comment}
