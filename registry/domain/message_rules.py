"""Rules for messages that a schema cannot say: which parts go with which role, and where media come from."""

import base64
import binascii
import re

from registry.domain.rule_check import Check
from registry.domain.schema_messages import PartType, Role
from registry.domain.template import Message, Part, Placeholder, Text, VariableType

_PARTS = {
    Role.SYSTEM: (PartType.TEXT,),
    Role.DEVELOPER: (PartType.TEXT,),
    Role.USER: (PartType.TEXT, PartType.IMAGE, PartType.FILE, PartType.AUDIO),
    Role.ASSISTANT: (PartType.TEXT, PartType.IMAGE, PartType.AUDIO, PartType.TOOL_CALL),
    Role.TOOL: (PartType.TOOL_RESULT,),
}
"""What each role's messages may hold."""

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_SCHEMES = frozenset({"https", "http", "data"})


def check_messages(check: Check) -> None:
    """Codes: role-content, placeholder-variable, part-variable, media-source, tool-call-id, empty-content."""
    calls: set[str] = set()
    guessed = False
    for index, message in _placed(check):
        pointer = f"/messages/{index}"
        if isinstance(message, Placeholder):
            guessed = True  # its messages may hold calls that later results answer
            _check_placeholder(check, message, pointer)
        elif isinstance(message.content, Text):
            _check_text(check, message, message.content, pointer)
        else:
            for position, part in enumerate(message.content):
                below = f"{pointer}/content/{position}"
                _check_part(check, message, part, below)
                _check_call(check, part, calls, f"{below}/id", guessed=guessed)


def _placed(check: Check) -> list[tuple[int, Message | Placeholder]]:
    """The sound messages with their index in the file."""
    said = check.said.get("messages")
    count = len(said) if isinstance(said, list) and check.sound("messages") else 0
    return list(zip((i for i in range(count) if check.sound("messages", i)), check.template.messages, strict=False))


def _check_placeholder(check: Check, message: Placeholder, pointer: str) -> None:
    declared = check.template.variables.get(message.variable)
    if declared is not None and declared.type is not VariableType.MESSAGES:
        text = f"{message.variable} is of type {declared.type}: a placeholder takes a variable of type messages"
        check.say("placeholder-variable", text, f"{pointer}/placeholder")


def _check_text(check: Check, message: Message, text: Text, pointer: str) -> None:
    if message.role == Role.TOOL:
        advice = "a tool message holds parts of type tool_result, which say which call they answer"
        check.say("role-content", f"{advice}: write content: [{{type: tool_result, id: …, content: …}}]", text.pointer)
    elif not text.source.strip():
        check.warn("empty-content", "the message is empty: write its text, or take it out", f"{pointer}/content")


def _check_part(check: Check, message: Message, part: Part, pointer: str) -> None:
    allowed = _PARTS[Role(message.role)]
    if part.type not in allowed:
        text = f"a {message.role} message cannot hold a part of type {part.type}: it may hold {', '.join(allowed)}"
        check.say("role-content", text, f"{pointer}/type")
    if part.variable is not None:
        declared = check.template.variables.get(part.variable)
        if declared is not None and declared.type != part.type:
            text = f"{part.variable} is of type {declared.type}: this part takes a variable of type {part.type}"
            check.say("part-variable", text, f"{pointer}/variable")
    if "url" in part.texts:
        _check_url(check, part.texts["url"])
    data = part.fields.get("data")
    if isinstance(data, str) and not _is_base64(data):
        check.say("media-source", "data is no Base64 text: encode the file, or give its url", f"{pointer}/data")


def _check_url(check: Check, url: Text) -> None:
    scheme = _SCHEME.match(url.source)
    if scheme is None and "{{" in url.source:
        return
    if scheme is None or scheme[1].lower() not in _SCHEMES:
        text = "an address begins with https:, http: or data:; another one cannot be fetched by a model's provider"
        check.say("media-source", text, url.pointer)


def _is_base64(data: str) -> bool:
    try:
        base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _check_call(check: Check, part: Part, calls: set[str], pointer: str, *, guessed: bool) -> None:
    if part.type == PartType.TOOL_CALL:
        if part.fields["id"] in calls:
            check.say("tool-call-id", "another tool_call has the same id: give each its own", pointer)
        calls.add(part.fields["id"])
    elif part.type == PartType.TOOL_RESULT and not guessed and part.fields["id"] not in calls:
        text = f'no tool_call with the id "{part.fields["id"]}" stands before this result: correct the id'
        check.say("tool-call-id", text, pointer)
