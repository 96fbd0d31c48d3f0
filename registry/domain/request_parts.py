"""Content parts in the shapes of providers."""

import base64
import binascii
from collections.abc import Mapping, Sequence

from registry.domain.errors import RenderFailed
from registry.domain.template import Json

_Part = Mapping[str, Json]
_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


def split_tool_results(content: Json) -> tuple[list[_Part], Json]:
    """The tool_result parts, and the content without them."""
    return _split(content, "tool_result")


def split_tool_calls(content: Json) -> tuple[list[_Part], Json]:
    """The tool_call parts, and the content without them."""
    return _split(content, "tool_call")


def _split(content: Json, kind: str) -> tuple[list[_Part], Json]:
    if isinstance(content, str):
        return [], content
    return [p for p in content if p["type"] == kind], [p for p in content if p["type"] != kind]


def plain_text(content: Json, where: str) -> str:
    """Content that may only be text. Raises RenderFailed for other parts."""
    if isinstance(content, str):
        return content
    for part in content:
        if part["type"] != "text":
            raise RenderFailed(f"{where} takes text only, not a part of type {part['type']}")
    return "\n".join(part["text"] for part in content)


def openai_content(content: str | Sequence[_Part], role: str) -> Json:
    """Content of a message for OpenAI: text alone in any role, media in user messages."""
    if isinstance(content, str):
        return content
    made = [_openai_part(part) for part in content]
    if role != "user":
        plain_text(content, f"a {role} message")
    return made


def _openai_part(part: _Part) -> dict[str, Json]:
    kind = part["type"]
    if kind == "text":
        return {"type": "text", "text": part["text"]}
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _address(part)}}
    data, media_type = _data(part, f"OpenAI takes {kind} parts as data, not by address: pass data and media_type")
    if kind == "audio":
        if media_type not in _AUDIO_FORMATS:
            raise RenderFailed(f"OpenAI takes audio as audio/wav or audio/mpeg, not {media_type}")
        return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMATS[media_type]}}
    name = f"file.{media_type.rpartition('/')[2]}"
    return {"type": "file", "file": {"filename": name, "file_data": f"data:{media_type};base64,{data}"}}


def anthropic_content(content: Json) -> Json:
    """Content of a message for Anthropic."""
    return content if isinstance(content, str) else [_anthropic_part(part) for part in content]


def _anthropic_part(part: _Part) -> dict[str, Json]:
    kind = part["type"]
    if kind == "text":
        return {"type": "text", "text": part["text"]}
    if kind == "tool_call":
        return {"type": "tool_use", "id": part["id"], "name": part["name"], "input": part["arguments"]}
    if kind == "tool_result":
        return {"type": "tool_result", "tool_use_id": part["id"], "content": part["content"]}
    if kind == "audio":
        raise RenderFailed("Anthropic takes no audio parts: render for another provider, or send a transcript")
    if "url" in part and read_data_address(part["url"]) is None:
        source: dict[str, Json] = {"type": "url", "url": part["url"]}
    else:
        data, media_type = _data(part, "")
        source = {"type": "base64", "media_type": media_type, "data": data}
    if kind == "image":
        return {"type": "image", "source": source}
    return {"type": "document", "source": _document(source)}


def _document(source: dict[str, Json]) -> dict[str, Json]:
    """A document is a PDF (by address or data) or plain text."""
    if source["type"] == "url" or source["media_type"] == "application/pdf":
        return source
    if source["media_type"] != "text/plain":
        raise RenderFailed(f"Anthropic takes files as application/pdf or text/plain, not {source['media_type']}")
    try:
        text = base64.b64decode(source["data"], validate=False).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise RenderFailed("the file's data is no UTF-8 text in Base64") from error
    return {"type": "text", "media_type": "text/plain", "data": text}


def _address(part: _Part) -> str:
    return str(part["url"]) if "url" in part else f"data:{part['media_type']};base64,{part['data']}"


def _data(part: _Part, refusal: str) -> tuple[str, str]:
    """Base64 data and media type, out of a data address where need be."""
    if "data" in part:
        return part["data"], part["media_type"]
    found = read_data_address(part["url"])
    if found is None:
        raise RenderFailed(refusal)
    return found


def read_data_address(url: str) -> tuple[str, str] | None:
    """Data and media type of ``data:<type>;base64,<data>``; None for every other address."""
    head, comma, data = url.partition(",")
    if not comma or head[:5].lower() != "data:" or not head.endswith(";base64"):
        return None
    return data, head[5:].partition(";")[0]
