"""The part of the schema that says what is sent: messages and their parts."""

from enum import StrEnum

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


class Role(StrEnum):
    """Who a message speaks for."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class PartType(StrEnum):
    """What a content part is."""

    TEXT = "text"
    IMAGE = "image"
    FILE = "file"
    AUDIO = "audio"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"


MEDIA = (PartType.IMAGE, PartType.FILE, PartType.AUDIO)
"""The parts that show something by url, data or variable."""

_TEXT = "Template text."
_ID = string("The call's id, the same in tool_call and tool_result.", minLength=1, maxLength=200)
_SOURCE = "give url, or data with media_type, or variable"


def _media_type(kind: PartType) -> Schema:
    family = {"image": "image/", "audio": "audio/"}.get(kind, "[a-z]+/")
    example = {"image": "image/png", "audio": "audio/wav"}.get(kind, "application/pdf")
    return string(f"What the data is, such as {example}.", pattern=f"^{family}[A-Za-z0-9][A-Za-z0-9.+-]*$")


def _media(kind: PartType) -> Schema:
    keys: dict[str, Schema] = {
        "type": {"const": kind.value},
        "url": string("Where it lies: an https, http or data address; template text.", minLength=1),
        "data": string("The content itself in Base64.", minLength=1, contentEncoding="base64"),
        "media_type": _media_type(kind),
        "variable": string(f"The variable of type {kind} that stands here.", minLength=1),
    }
    by_data = given(
        "data",
        both({"required": ["media_type"]}, without(("url",), f"cannot stand beside data: {_SOURCE}")),
        {"required": ["url"], "$comment": _SOURCE},
    )
    by_variable = without(("url", "data", "media_type"), f"cannot stand beside variable: {_SOURCE}")
    part = closed(f"Part: {kind}", f"Shows an {kind}." if kind != "file" else "Shows a file.", keys, ("type",))
    return {**part, **given("variable", by_variable, by_data)}


MESSAGE_DEFINITIONS: dict[str, Schema] = {
    "part": {
        "title": "Content part",
        "description": "One piece of a message.",
        "type": "object",
        "properties": {"type": choice(PartType, "What the part is.")},
        "required": ["type"],
        "allOf": [when("type", (kind.value,), ref(f"{kind}_part")) for kind in PartType],
    },
    "text_part": closed(
        "Part: text", "A piece of text.", {"type": {"const": "text"}, "text": string(_TEXT)}, ("type", "text")
    ),
    "image_part": _media(PartType.IMAGE),
    "file_part": _media(PartType.FILE),
    "audio_part": _media(PartType.AUDIO),
    "tool_call_part": closed(
        "Part: tool_call",
        "A call that the assistant made.",
        {
            "type": {"const": "tool_call"},
            "id": _ID,
            "name": string("The tool's name.", minLength=1, maxLength=64),
            "arguments": opened("What the tool was called with."),
        },
        ("type", "id", "name", "arguments"),
    ),
    "tool_result_part": closed(
        "Part: tool_result",
        "What a tool answered.",
        {"type": {"const": "tool_result"}, "id": _ID, "content": string(_TEXT)},
        ("type", "id", "content"),
    ),
    "message": {
        **closed(
            "Message",
            "A message, or a placeholder for the messages of a variable.",
            {
                "role": choice(Role, "Who speaks."),
                "content": {
                    "type": ["string", "array"],
                    "items": ref("part"),
                    "minItems": 1,
                    "maxItems": 200,
                    "description": "Template text, or a list of parts.",
                },
                "name": string("Tells speakers of one role apart.", pattern="^[A-Za-z0-9_-]{1,64}$"),
                "placeholder": string("The variable of type messages whose messages stand here.", minLength=1),
            },
        ),
        **given(
            "placeholder",
            without(("role", "content", "name"), "cannot stand beside placeholder, which stands for whole messages"),
            {"required": ["role", "content"]},
        ),
    },
}

MESSAGES: Schema = listing(ref("message"), "What is sent, in order (type chat).", minItems=1, maxItems=500)
