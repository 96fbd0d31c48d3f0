"""A client of Promptuary: prompts by label, from memory while they are fresh, and from somewhere when all else fails.

``Client`` for threads, ``AsyncClient`` for asyncio. Nothing but the standard library is needed; rendering in the own
process needs the extra ``render``.
"""

from promptuary_client.async_client import AsyncClient
from promptuary_client.client import Client
from promptuary_client.errors import (
    BadRequest,
    Conflict,
    Denied,
    Gone,
    Moved,
    NotFound,
    PreconditionFailed,
    PromptuaryError,
    Refused,
    RenderFailed,
    Unauthorized,
    Unavailable,
    Untrustworthy,
    VariablesInvalid,
)
from promptuary_client.provider_bodies import anthropic_body, langchain_messages, openai_body, sdk_arguments
from promptuary_client.rendering import Rendered, RenderMissing, can_render, render_prompt
from promptuary_client.values import Label, LabelMoved, Move, Prompt, Version

__all__ = [
    "AsyncClient",
    "BadRequest",
    "Client",
    "Conflict",
    "Denied",
    "Gone",
    "Label",
    "LabelMoved",
    "Move",
    "Moved",
    "NotFound",
    "PreconditionFailed",
    "Prompt",
    "PromptuaryError",
    "Refused",
    "RenderFailed",
    "RenderMissing",
    "Rendered",
    "Unauthorized",
    "Unavailable",
    "Untrustworthy",
    "VariablesInvalid",
    "Version",
    "anthropic_body",
    "can_render",
    "langchain_messages",
    "openai_body",
    "render_prompt",
    "sdk_arguments",
]
