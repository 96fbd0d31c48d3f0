"""What is passed on to a model: bodies for OpenAI and Anthropic, arguments of their packages, LangChain's messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from promptuary_client import request_bodies
from promptuary_client.errors import BadRequest, RenderFailed
from promptuary_client.rendering import Rendered
from promptuary_client.request_parts import openai_content, read_data_address
from promptuary_client.template import Json, read_template
from promptuary_client.values import Prompt

_T = TypeVar("_T")
_ARGUMENTS = frozenset({"model", "messages", "max_tokens"})
"""What every version of the packages has as arguments."""


def openai_body(prompt: Prompt, rendered: Rendered) -> dict[str, Json]:
    """A body for OpenAI's chat completions, equal to the server's. Raises RenderFailed for what it cannot say.

    A text template becomes one user message; ``max_tokens`` becomes ``max_completion_tokens``.
    """
    return _of_known_form(prompt, lambda: request_bodies.openai_body(read_template(prompt.document), rendered))


def anthropic_body(prompt: Prompt, rendered: Rendered) -> dict[str, Json]:
    """A body for Anthropic's messages, equal to the server's. Raises RenderFailed for what it cannot say.

    System and developer messages become ``system``, in their order; tool results become blocks of a user message;
    ``stop`` becomes ``stop_sequences``. A text template becomes one user message.
    """
    return _of_known_form(prompt, lambda: request_bodies.anthropic_body(read_template(prompt.document), rendered))


def find_body(provider: str) -> Callable[[Prompt, Rendered], dict[str, Json]]:
    """The function for a provider, in the words of the server's ``?format=``. Raises BadRequest."""
    known = {"openai": openai_body, "anthropic": anthropic_body}
    if provider not in known:
        raise BadRequest(f"provider= is one of {', '.join(known)}, not {provider!r}")
    return known[provider]


def sdk_arguments(body: Mapping[str, Json]) -> dict[str, Json]:
    """A body as keyword arguments of the packages' ``create`` functions, OpenAI's as well as Anthropic's.

    A template's parameters are passed on as they are, and a package refuses arguments that its version does not know
    (Anthropic's has none for ``temperature`` since 1.0). They are sent all the same as ``extra_body``.
    """
    arguments = {key: value for key, value in body.items() if key in _ARGUMENTS}
    return {**arguments, "extra_body": {key: value for key, value in body.items() if key not in _ARGUMENTS}}


def langchain_messages(rendered: Rendered) -> list[tuple[str, str] | dict[str, Json]]:
    """Messages as LangChain's chat models take them in ``invoke``: (role, text), and dicts for all else.

    The dicts have OpenAI's form, which LangChain converts for other providers; a file has LangChain's own. They are for
    models, not for ``ChatPromptTemplate``, which would read braces in them as variables again.
    Raises RenderFailed for what these forms cannot say.
    """
    made: list[tuple[str, str] | dict[str, Json]] = []
    for message in request_bodies.rendered_messages(rendered):
        content, role = message["content"], message["role"]
        if isinstance(content, str) and "name" not in message and role != "tool":
            made.append((role, content))
        elif role == "user" and any(part["type"] == "file" for part in content if isinstance(content, list)):
            made.append({**message, "content": [_langchain_part(part) for part in content]})
        else:
            made.extend(request_bodies.openai_messages(message))
    return made


def _langchain_part(part: Mapping[str, Json]) -> Json:
    if part["type"] in {"tool_call", "tool_result"}:
        raise RenderFailed(f"a user message with files holds no part of type {part['type']}")
    if part["type"] != "file":
        return openai_content([part], "user")[0]
    if "data" in part:
        data, media_type = part["data"], part["media_type"]
    else:
        found = read_data_address(part["url"])
        if found is None:
            return {"type": "file", "source_type": "url", "url": part["url"]}
        data, media_type = found
    name = f"file.{media_type.rpartition('/')[2]}"
    return {"type": "file", "source_type": "base64", "data": data, "mime_type": media_type, "filename": name}


def _of_known_form(prompt: Prompt, make: Callable[[], _T]) -> _T:
    try:
        return make()
    except (KeyError, TypeError, AttributeError) as error:
        kind = type(error).__name__  # its words may show values
        raise RenderFailed(f"{prompt.name}: its document has no form that a body can be made of ({kind})") from None
