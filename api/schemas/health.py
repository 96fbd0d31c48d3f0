"""Health over HTTP."""

from pydantic import Field

from api.schemas.fields import Answered, example


class Alive(Answered):
    """The process answers."""

    model_config = example(status="alive", version="0.1.0")

    status: str
    version: str = Field(description="Promptuary's version on the server.")


class Ready(Answered):
    """Whether everything that was there at the start has been projected."""

    model_config = example(status="ready", reasons=[])

    status: str = Field(pattern="^(ready|starting)$")
    reasons: list[str] = Field(description="What is still to be done; empty when ready.")
