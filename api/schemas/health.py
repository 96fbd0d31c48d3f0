"""Health over HTTP."""

from datetime import datetime

from pydantic import Field

from api.schemas.fields import Answered, example
from registry.domain.dependencies import Circuit, Condition


class Alive(Answered):
    """The process answers."""

    model_config = example(status="alive", version="0.1.0")

    status: str
    version: str = Field(description="Promptuary's version on the server.")


class Service(Answered):
    """A service that this process uses: PostgreSQL, Elasticsearch, Redis, the Git node."""

    model_config = example(name="Elasticsearch", state="closed", since="2026-11-28T20:15:00Z", reason="")

    name: str
    state: Circuit = Field(
        description="`closed`: it is asked. `open`: it was away and rests for a moment. `half_open`: it is being tried."
    )
    since: datetime
    reason: str = Field(description="What went wrong last; empty while it is asked.")

    @classmethod
    def from_domain(cls, condition: Condition) -> "Service":
        """The condition as it is shown."""
        return cls(name=condition.name, state=condition.circuit, since=condition.since, reason=condition.reason)


class Ready(Answered):
    """Whether everything that was there at the start has been projected, and how the services are that are used."""

    model_config = example(status="ready", reasons=[], dependencies=[])

    status: str = Field(pattern="^(ready|starting)$")
    reasons: list[str] = Field(description="What is still to be done; empty when ready.")
    dependencies: list[Service] = Field(description="One that is away takes no process out of service.")
