"""The shapes of values that are no plain JSON types: messages, images, files and audio."""

import re
from collections.abc import Iterator

from registry.domain.template import Json

ROLES = ("system", "developer", "user", "assistant", "tool")
UNTRUSTED_ROLES = ("user", "assistant", "tool")
"""The roles that messages of an untrusted variable may have: nobody outside speaks for the system."""

MEDIA_TYPES = ("image", "file", "audio")
_FAMILY = {"image": "image/", "audio": "audio/"}
_MEDIA_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9][A-Za-z0-9.+-]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]+={0,2}[\r\n]*")
_ADDRESS = re.compile(r"(?:https?://|data:)[^\s]+", re.IGNORECASE)
_MESSAGE_KEYS = frozenset({"role", "content", "name"})
_PART_KEYS = {
    "text": frozenset({"text"}),
    "tool_call": frozenset({"id", "name", "arguments"}),
    "tool_result": frozenset({"id", "content"}),
}


def check_media(kind: str, value: Json) -> str | None:
    """What is wrong with a value of type image, file or audio, or None: ``{url}`` or ``{data, media_type}``."""
    if not isinstance(value, dict) or set(value) not in ({"url"}, {"data", "media_type"}):
        return "must be an object {url} or {data, media_type} with no other keys"
    if "url" in value:
        if not isinstance(value["url"], str) or not _ADDRESS.fullmatch(value["url"]):
            return "has a url that is no http, https or data address"
        return None
    data, media_type = value["data"], value["media_type"]
    if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
        return "has a media_type that is none: write it as type/subtype"
    if not media_type.startswith(_FAMILY.get(kind, "")):
        return f"has the media_type {media_type}; {kind} takes {_FAMILY[kind]}…"
    return None if isinstance(data, str) and _BASE64.fullmatch(data) else "has data that is no Base64"


def check_messages(value: Json, *, untrusted: bool = False) -> Iterator[tuple[str, str]]:
    """What is wrong with a value of type messages, as (where below the variable, words)."""
    if not isinstance(value, list):
        yield "", "must be a list of messages, each {role, content}"
        return
    roles = UNTRUSTED_ROLES if untrusted else ROLES
    for index, message in enumerate(value):
        where = f"[{index}]"
        if not isinstance(message, dict) or not {"role", "content"} <= set(message) <= _MESSAGE_KEYS:
            yield where, "must be an object {role, content}, with name if need be, and no other keys"
            continue
        if message["role"] not in roles:
            because = " of an untrusted variable" if untrusted else ""
            yield f"{where}.role", f"must be one of {', '.join(roles)} in messages{because}"
        if not isinstance(message.get("name", ""), str):
            yield f"{where}.name", "must be a string"
        yield from _check_content(f"{where}.content", message["content"])


def _check_content(where: str, content: Json) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        yield where, "must be a string or a list of parts"
        return
    for index, part in enumerate(content):
        wrong = _check_part(part)
        if wrong:
            yield f"{where}[{index}]", wrong


def _check_part(part: Json) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(kind, str) and kind in MEDIA_TYPES:
        return check_media(kind, {key: item for key, item in part.items() if key != "type"})
    if not isinstance(kind, str) or kind not in _PART_KEYS:
        return f"must be a part with a type: {', '.join([*_PART_KEYS, *MEDIA_TYPES])}"
    required = _PART_KEYS[kind]
    if set(part) - {"type"} != required:
        return f"must have the keys type, {', '.join(sorted(required))} and no others"
    for key in sorted(required):
        wanted = dict if key == "arguments" else str
        if not isinstance(part[key], wanted):
            return f"has {key} that is no {'object' if wanted is dict else 'string'}"
    return None
