"""Invitations, forgotten passwords and links over HTTP."""

from typing import Literal

from pydantic import Field

from api.schemas.access import Folder
from api.schemas.fields import TIME, Answered, Body, Time, example
from api.schemas.sign_in import Password
from registry.domain.account_names import place_at
from registry.domain.rights import Place
from registry.domain.roles import Role
from registry.services.links import HandedOver

_BY_LINK = {"link": "pml_…", "password": "…"}
_LINK = "https://prompts.example.com/join#pml_…"


class InvitationRequest(Body):
    """Whom to invite, and what he may do."""

    model_config = Body.model_config | example(
        user="kim", name="김민지", email="kim@example.com", role="author", repository="default", folder="support"
    )

    user: str
    email: str = Field(max_length=200)
    name: str | None = Field(None, max_length=200, description="For people; commits carry it.")
    groups: list[str] = Field([], max_length=100, description="Groups to put him into; they are there already.")
    role: Literal["reader", "author", "maintainer", "administrator"] | None = None
    repository: str | None = Field(None, description="Where the role counts; absent: on the whole server.")
    folder: Folder = ""
    mail: bool = Field(True, strict=True, description="Whether to mail the link; else the answer has it.")

    @property
    def wanted(self) -> Role | None:
        """The domain's role."""
        return Role(self.role) if self.role is not None else None

    @property
    def place(self) -> Place:
        """Where it counts. Raises BadRequest."""
        return place_at(self.repository, self.folder)


class LinkRequest(Body):
    """How a link is handed over."""

    model_config = Body.model_config | example(mail=False)

    mail: bool = Field(False, strict=True, description="Whether to mail it to the user; else the answer has it.")


class LinkBody(Answered):
    """A link that was made: mailed, or told in this answer and nowhere else."""

    model_config = example(
        user="kim", kind="invitation", mailed=False, link=_LINK, expires_at=TIME, not_mailed_because=None
    )

    user: str
    kind: Literal["invitation", "reset"]
    mailed: bool
    link: str | None = Field(description="Null where it was mailed. For who signs in with a provider: where to.")
    expires_at: Time | None = Field(description="Null where no link is needed, but an identity provider.")
    not_mailed_because: str | None = Field(description="Why it could not be mailed, where that was asked for.")

    @classmethod
    def from_domain(cls, handed: HandedOver) -> "LinkBody":
        """The body for a link."""
        return cls(
            user=handed.user.user,
            kind=handed.kind.value,
            mailed=handed.mailed,
            link=handed.address,
            expires_at=handed.expires_at,
            not_mailed_because=handed.why,
        )


class ResetRequest(Body):
    """Who forgot his password."""

    model_config = Body.model_config | example(user="kim@example.com")

    user: str = Field(min_length=1, max_length=200, description="The user's name or e-mail address.")


class ResetAsked(Answered):
    """What happens now: the same for everybody."""

    model_config = example(sends_mail=True)

    sends_mail: bool = Field(description="Whether this server mails links; else an administrator gives them.")


class JoinRequest(Body):
    """A link, and the password to set."""

    model_config = Body.model_config | example(**_BY_LINK)

    link: str = Field(min_length=1, max_length=1_024, description="What stands behind # in it, or all of it.")
    password: Password = Field(description="10 to 256 letters, and not easily guessed.")
