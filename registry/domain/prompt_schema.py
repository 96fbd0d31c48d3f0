"""The JSON Schema of ``prompt/v1``: what is published is what is enforced.

It is put together from the enums of the domain. What a schema cannot say stands in ``template_rules``.
"""

import copy
from functools import lru_cache

import jsonschema_rs

from registry.domain.schema_messages import MESSAGE_DEFINITIONS, MESSAGES
from registry.domain.schema_settings import SETTING_DEFINITIONS
from registry.domain.schema_variables import VARIABLE_DEFINITIONS, VARIABLES
from registry.domain.schema_words import (
    Schema,
    both,
    choice,
    closed,
    given,
    listing,
    opened,
    ref,
    string,
    when,
    without,
)
from registry.domain.template import Status, TemplateType

SCHEMA_WORD = "prompt/v1"
SCHEMA_PATH = "/schemas/prompt-v1.json"
"""Where the server publishes the schema; also its ``$id``, so that it holds on every server."""

_PROPERTIES: dict[str, Schema] = {
    "schema": {"const": SCHEMA_WORD, "description": "The version of this format."},
    "description": string("What the template is for, in a sentence or two.", maxLength=4000),
    "type": choice(TemplateType, "chat has messages; text has text, and only text can be included."),
    "tags": listing(string("One tag.", minLength=1, maxLength=64), "Words to find it by.", maxItems=32),
    "status": choice(Status, "Where it is in its life; a draft cannot carry a protected label.", default="active"),
    "replaced_by": string("The name of the template to use instead (status deprecated).", minLength=1),
    "variables": VARIABLES,
    "messages": MESSAGES,
    "text": string("Template text (type text)."),
    "model": ref("model"),
    "tools": listing(ref("tool"), "Functions that the model may call.", maxItems=128),
    "tool_choice": ref("tool_choice"),
    "output": ref("output"),
    "tests": listing(ref("test"), "Offline tests: rendered and checked, no model is called.", maxItems=100),
    "metadata": opened("Whatever else you want to keep; never credentials or addresses."),
}

SCHEMA: Schema = {  # read only: json_schema() gives copies away
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": SCHEMA_PATH,
    **closed(
        "Prompt template (prompt/v1)",
        "One prompt template of a Promptuary repository.",
        _PROPERTIES,
        ("schema", "type"),
    ),
    "patternProperties": {"^x-": {"description": "Your own keys."}},
    "allOf": [
        when(
            "type", ("chat",), both({"required": ["messages"]}, without(("text",), "belongs to templates of type text"))
        ),
        when(
            "type", ("text",), both({"required": ["text"]}, without(("messages",), "belongs to templates of type chat"))
        ),
        given(
            "replaced_by",
            {
                "required": ["status"],
                "properties": {"status": {"const": Status.DEPRECATED.value}},
                "$comment": "replaced_by belongs to the status deprecated",
            },
        ),
    ],
    "$defs": {**VARIABLE_DEFINITIONS, **MESSAGE_DEFINITIONS, **SETTING_DEFINITIONS},
}


def json_schema() -> Schema:
    """The schema, a copy of its own for each caller."""
    return copy.deepcopy(SCHEMA)


@lru_cache(maxsize=1)
def validator() -> jsonschema_rs.Draft202012Validator:
    """The compiled schema."""
    return jsonschema_rs.Draft202012Validator(SCHEMA)
