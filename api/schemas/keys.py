"""API keys over HTTP: never the key itself."""

from pydantic import Field

from api.schemas.fields import Answered, example
from registry.domain.access import Actor


class CallersKey(Answered):
    """The key of a request."""

    model_config = example(id="3f9ac1d2b4e5", user="ci", name="ci", scope="write")

    id: str | None = Field(description="As promptuary key list shows it.")
    user: str
    name: str = Field(description="The user's name for people; commits carry it.")
    scope: str = Field(pattern="^(read|write|maintain|admin)$", description="Each includes those before it.")

    @classmethod
    def from_domain(cls, caller: Actor) -> "CallersKey":
        """The body for the caller."""
        return cls(id=caller.key_id, user=caller.user, name=caller.name, scope=caller.scope.value)
