"""Rendering over HTTP."""

import json
from enum import StrEnum
from typing import Any

from pydantic import Field, field_validator

from api.schemas.fields import COMMIT, DIGEST, NAME, REFERENCE, Answered, Body, SelectorQuery, example
from registry.domain.rendering import Rendered
from registry.services.templates import TemplateRead


class Format(StrEnum):
    """The ready request bodies that a rendering can be asked for as."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class RenderQuery(SelectorQuery):
    """Which state, and how it is answered."""

    format: Format | None = Field(None, description="Answer a ready request body for this provider's API instead.")
    strict: bool = Field(False, description="Refuse (422) values that the template does not declare.")


class RenderRequest(Body):
    """The values of the template's variables."""

    model_config = example(variables={"ticket": "My card was charged twice", "language": "en"})

    variables: dict[str, Any] = Field(default_factory=dict)

    @field_validator("variables")
    @classmethod
    def _sendable(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Python's JSON reader takes half surrogate pairs, and 1e999 for infinity, which no JSON can carry on."""
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                "text holds half of a surrogate pair (\\ud800 to \\udfff): it is no Unicode text"
            ) from error
        except ValueError as error:
            raise ValueError("a number is too large: at most about 1.8e308 can be sent") from error
        return value


RENDERING_EXAMPLE = {
    "name": NAME,
    "version": 12,
    "commit": COMMIT,
    "digest": DIGEST,
    "reference": "support/triage@12#3f9ac1d2",
    "messages": [
        {"role": "system", "content": "You sort support tickets. Answer in en.\n"},
        {"role": "user", "content": "<ticket>My card was charged twice</ticket>"},
    ],
    "text": None,
    "ignored_variables": [],
}


class Rendering(Answered):
    """A rendered template: messages for a chat template, text for a text template."""

    model_config = example(**RENDERING_EXAMPLE)

    name: str
    version: int | None
    commit: str
    digest: str
    reference: str = Field(description=REFERENCE)
    messages: list[dict[str, Any]] | None = Field(description="Of a chat template; null for a text template.")
    text: str | None = Field(description="Of a text template; null for a chat template.")
    ignored_variables: list[str] = Field(description="Values that were sent but are not declared.")

    @classmethod
    def from_domain(cls, read: TemplateRead, rendered: Rendered) -> "Rendering":
        """The body for a rendering of the state that was read."""
        return cls(
            name=read.name,
            version=read.version,
            commit=read.commit,
            digest=read.digest,
            reference=read.reference,
            messages=list(rendered.messages) if rendered.messages is not None else None,
            text=rendered.text,
            ignored_variables=list(rendered.ignored_variables),
        )
