"""The part of the schema that declares variables."""

from registry.domain.schema_words import Schema, boolean, choice, closed, count, opened, ref, string, when, without
from registry.domain.template import VariableType

T = VariableType
ALL_TYPES = tuple(t.value for t in VariableType)
NESTED_TYPES = (T.STRING, T.INTEGER, T.NUMBER, T.BOOLEAN, T.ARRAY, T.OBJECT)
"""The types of items and properties: those that plain JSON has."""

_MEASURED = (T.STRING, T.ARRAY, T.MESSAGES)
_NUMERIC = (T.INTEGER, T.NUMBER)
_ENUMERABLE = (T.STRING, T.INTEGER, T.NUMBER)


def _others(types: tuple[VariableType, ...], among: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(t for t in among if t not in types)


def _fitting(among: tuple[str, ...]) -> list[Schema]:
    """Which attributes go with which types, for declarations whose type is one of ``among``."""
    kinds = (
        (_MEASURED, ("min_length", "max_length"), "belongs to variables of type string, array or messages"),
        ((T.STRING,), ("pattern",), "belongs to variables of type string"),
        (_NUMERIC, ("minimum", "maximum"), "belongs to variables of type integer or number"),
        (_ENUMERABLE, ("enum",), "belongs to variables of type string, integer or number"),
        ((T.ARRAY,), ("items",), "belongs to variables of type array"),
        ((T.OBJECT,), ("properties",), "belongs to variables of type object"),
    )
    return [when("type", _others(types, among), without(keys, comment)) for types, keys, comment in kinds]


def _attributes(types: tuple[str, ...]) -> dict[str, Schema]:
    return {
        "type": choice(types, "What values it takes."),
        "description": string("What it is for, for whoever fills it in."),
        "enum": {
            "type": "array",
            "minItems": 1,
            "maxItems": 500,
            "description": "The only values allowed, all of the type.",
        },
        "examples": {"type": "array", "maxItems": 100, "description": "Values to try, all of the type."},
        "min_length": count("The least number of characters, items or messages."),
        "max_length": count("The greatest number of characters, items or messages."),
        "pattern": string(
            "A regular expression that the text must match somewhere; anchor it with ^ and $.", maxLength=500
        ),
        "minimum": {"type": "number", "description": "The least value."},
        "maximum": {"type": "number", "description": "The greatest value."},
        "items": ref("item", description="What each item of an array is."),
        "properties": {
            "type": "object",
            "additionalProperties": ref("property"),
            "description": "What the keys of an object hold.",
        },
    }


def _declaration(title: str, description: str, types: tuple[str, ...], more: dict[str, Schema]) -> Schema:
    return {**closed(title, description, {**_attributes(types), **more}, ("type",)), "allOf": _fitting(types)}


_REQUIRED = boolean("Whether callers must pass it. True unless there is a default.", default=True)

VARIABLE_DEFINITIONS: dict[str, Schema] = {
    "variable": _declaration(
        "Variable",
        "A typed input of the template.",
        ALL_TYPES,
        {
            "required": _REQUIRED,
            "default": {
                "description": "The value where none is passed; it makes the variable optional. Null is a value."
            },
            "untrusted": boolean("Its values come from outsiders: it may stand in user and tool messages only."),
            "sensitive": boolean("Its values are never logged, stored or sent in events."),
        },
    ),
    "item": _declaration("Item", "What each item of an array is.", NESTED_TYPES, {}),
    "property": _declaration("Property", "What a key of an object holds.", NESTED_TYPES, {"required": _REQUIRED}),
}

MAX_VARIABLES = 200
"""So many a template may declare."""

VARIABLES: Schema = opened(
    "The template's inputs, name to declaration; everything that the template uses must be declared.",
    additionalProperties=ref("variable"),
    maxProperties=MAX_VARIABLES,
)
