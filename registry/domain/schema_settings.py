"""The part of the schema beside the text: model, tools, output and offline tests."""

from enum import StrEnum

from registry.domain.schema_messages import Role
from registry.domain.schema_words import (
    Schema,
    boolean,
    both,
    choice,
    closed,
    count,
    given,
    listing,
    opened,
    ref,
    string,
    when,
)
from registry.domain.schema_words import without as no

NAME_FORM = "^[A-Za-z0-9_-]{1,64}$"
"""The names that providers accept for tools and output formats."""


class OutputFormat(StrEnum):
    """What the model is asked to answer with."""

    TEXT = "text"
    JSON = "json"
    JSON_SCHEMA = "json_schema"


class ToolChoice(StrEnum):
    """Whether the model must call a tool."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


TEXT_CHECKS = {
    "contains": "The text stands in it.",
    "not_contains": "The text does not stand in it.",
    "equals": "It is exactly this text.",
    "matches": "The regular expression matches somewhere in it.",
    "starts_with": "It begins with the text.",
    "ends_with": "It ends with the text.",
}
COUNT_CHECKS = {
    "max_tokens": "It has at most so many tokens (an estimate).",
    "min_tokens": "It has at least so many tokens (an estimate).",
    "max_length": "It has at most so many characters.",
}

_PARAMETERS: dict[str, Schema] = {
    "temperature": {"type": "number", "minimum": 0, "description": "How free the choice of words is."},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1, "description": "Share of the likeliest words considered."},
    "top_k": count("How many of the likeliest words are considered."),
    "max_tokens": count("The longest answer.", 1),
    "seed": {"type": "integer", "description": "For repeatable answers."},
    "frequency_penalty": {"type": "number", "description": "Makes words rarer that were used often."},
    "presence_penalty": {"type": "number", "description": "Makes words rarer that were used at all."},
    "stop": {"type": ["string", "array"], "items": {"type": "string"}, "description": "Where the answer ends."},
}

_SCHEMA = opened("A JSON Schema (draft 2020-12).")
_STRICT = boolean("Whether the provider must hold the model to the schema exactly.")

SETTING_DEFINITIONS: dict[str, Schema] = {
    "model": closed(
        "Model",
        "Which model the template was written for. No address and no credential stands here.",
        {
            "provider": string("Who serves it, such as openai.", pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
            "id": string("The provider's name of the model.", minLength=1, maxLength=200),
            "parameters": opened(
                "Passed to the provider as they are; the usual ones are checked.", properties=_PARAMETERS
            ),
        },
    ),
    "tool": closed(
        "Tool",
        "A function that the model may call.",
        {
            "type": {"const": "function", "description": "The only kind."},
            "name": string("What the model calls it.", pattern=NAME_FORM),
            "description": string("When and how the model should use it."),
            "parameters": {**_SCHEMA, "description": "A JSON Schema of the arguments."},
            "strict": _STRICT,
        },
        ("type", "name"),
    ),
    "tool_choice": {
        "title": "Tool choice",
        "description": "auto, none, required, or {name: tool}.",
        "type": ["string", "object"],
        "properties": {"name": string("The tool that must be called.", pattern=NAME_FORM)},
        "required": ["name"],
        "additionalProperties": False,
        "if": {"type": "string"},
        "then": choice(ToolChoice, "Whether the model must call a tool."),
    },
    "output": {
        **closed(
            "Output",
            "What the answer looks like.",
            {
                "format": choice(OutputFormat, "text, any JSON, or JSON that fits the schema."),
                "name": string("The schema's name.", pattern=NAME_FORM),
                "description": string("What the answer is."),
                "schema": _SCHEMA,
                "strict": _STRICT,
            },
            ("format",),
        ),
        "allOf": [
            when("format", ("json_schema",), {"required": ["name", "schema"]}),
            when("format", ("text", "json"), no(("name", "schema", "strict"), "belongs to the format json_schema")),
        ],
    },
    "test": closed(
        "Offline test",
        "Renders the template with these variables and checks the result; no model is called.",
        {
            "name": string("What is shown when it fails.", minLength=1, maxLength=200),
            "description": string("Why it must hold."),
            "variables": opened("The values to render with."),
            "expect": listing(ref("expectation"), "What must hold, all of it.", minItems=1, maxItems=50),
        },
        ("name", "expect"),
    ),
    "expectation": {
        **closed(
            "Expectation",
            "One check of the rendered text, or of the message that `in` names.",
            {
                **{key: string(words, minLength=1) for key, words in TEXT_CHECKS.items()},
                "matches": string(TEXT_CHECKS["matches"], minLength=1, maxLength=1000),
                **{key: count(words) for key, words in COUNT_CHECKS.items()},
                "error": string("Rendering must fail with a message that holds this text.", minLength=1),
                "in": {
                    "type": ["integer", "string"],
                    "minimum": 0,
                    "description": "The message that is meant: its index from 0, or a role (all messages of it).",
                    "if": {"type": "string"},
                    "then": {"enum": [role.value for role in Role]},
                },
            },
        ),
        **given(
            "in",
            both(
                {"minProperties": 2, "maxProperties": 2, "$comment": "beside `in` stands one check, such as contains"},
                no(("error",), "cannot stand beside `in`: a failed rendering has no messages"),
            ),
            {"minProperties": 1, "maxProperties": 1, "$comment": "each entry holds one check: write an entry for each"},
        ),
    },
}
