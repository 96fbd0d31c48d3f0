"""Digests over HTTP."""

from pydantic import Field

from api.schemas.fields import DIGEST, Answered, example
from api.schemas.versions import VERSION_EXAMPLE, Version
from registry.services.digests import Resolved


class DigestAnswer(Answered):
    """What a digest stands for."""

    model_config = example(digest=DIGEST, versions=[VERSION_EXAMPLE])

    digest: str = Field(description="The whole digest.")
    versions: list[Version] = Field(
        description="The versions that have it, newest first, at most 100: a change that was taken back has it again."
    )

    @classmethod
    def from_domain(cls, resolved: Resolved) -> "DigestAnswer":
        """The body for what was found."""
        return cls(digest=resolved.digest, versions=[Version.from_domain(entry) for entry in resolved.versions])
