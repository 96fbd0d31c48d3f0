"""Identity providers over HTTP. A secret goes in and never comes out."""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.fields import TIME, Answered, Body, Time, example
from registry.domain.identity_providers import MOST, Provider, ProviderKind, ProviderSettings

KIND = f"^({'|'.join(ProviderKind)})$"
_SETTINGS = {
    "scopes": [],
    "groups_claim": None,
    "groups": {"acme/prompts": "writers"},
    "same_groups": False,
    "required_groups": ["acme"],
    "domains": ["example.com"],
    "sign_up": True,
    "link_by_email": False,
    "allow_private": False,
}
_PROVIDER = {"name": "GitLab", "kind": "gitlab", "issuer": "https://gitlab.com", "client_id": "5f0c9d1e2b3a"}
_HIDDEN = {"client_secret": "…"}

Flag = Annotated[bool, Field(strict=True)]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=253)]], Field(max_length=MOST)]


class ProviderSettingsBody(Body):
    """Whom a provider lets in, and what his groups there give him here."""

    model_config = Body.model_config | example(**_SETTINGS)

    scopes: Words = Field([], description="What is asked for; none: what its kind needs.")
    groups_claim: str | None = Field(
        None, min_length=1, max_length=200, description="The dotted path to somebody's groups; null: that of its kind."
    )
    groups: dict[str, str] = Field({}, max_length=MOST, description="Its groups, each with the group here.")
    same_groups: Flag = Field(False, description="Whether its groups are also those of the same name here.")
    required_groups: Words = Field([], description="Who is in none of them does not come in; none: everybody does.")
    domains: Words = Field([], description="Whose verified e-mail address is in none of them does not come in.")
    sign_up: Flag = Field(False, description="Whether who has no user here gets one.")
    link_by_email: Flag = Field(
        False,
        description="Whether who comes in first is the user with the e-mail address that the provider verified; who is "
        "new gets it.",
    )
    allow_private: Flag = Field(False, description="Whether it may be at an address of a private network.")

    @classmethod
    def from_domain(cls, settings: ProviderSettings) -> "ProviderSettingsBody":
        """The body for settings."""
        return cls(
            scopes=list(settings.scopes),
            groups_claim=settings.groups_claim,
            groups=dict(settings.groups),
            same_groups=settings.same_groups,
            required_groups=list(settings.required_groups),
            domains=list(settings.domains),
            sign_up=settings.sign_up,
            link_by_email=settings.link_by_email,
            allow_private=settings.allow_private,
        )

    def wanted(self) -> ProviderSettings:
        """The domain's settings."""
        return ProviderSettings(
            scopes=tuple(self.scopes),
            groups_claim=self.groups_claim,
            groups=self.groups,
            same_groups=self.same_groups,
            required_groups=tuple(self.required_groups),
            domains=tuple(domain.lower() for domain in self.domains),
            sign_up=self.sign_up,
            link_by_email=self.link_by_email,
            allow_private=self.allow_private,
        )


class ProviderBody(Answered):
    """An identity provider."""

    model_config = example(
        provider="gitlab", **_PROVIDER, has_secret=True, made_at=TIME, disabled_at=None, settings=_SETTINGS
    )

    provider: str
    name: str = Field(description="For people; it stands on the sign-in page.")
    kind: str = Field(pattern=KIND)
    issuer: str
    client_id: str
    has_secret: bool
    made_at: Time
    disabled_at: Time | None = Field(description="Since when nobody can sign in with it.")
    settings: ProviderSettingsBody

    @classmethod
    def from_domain(cls, provider: Provider) -> "ProviderBody":
        """The body for a provider."""
        return cls(
            provider=provider.provider,
            name=provider.name,
            kind=provider.kind.value,
            issuer=provider.issuer,
            client_id=provider.client_id,
            has_secret=provider.secret is not None,
            made_at=provider.made_at,
            disabled_at=provider.disabled_at,
            settings=ProviderSettingsBody.from_domain(provider.settings),
        )


class ProviderList(Answered):
    """All identity providers, by name."""

    model_config = example(
        providers=[
            {
                "provider": "gitlab",
                **_PROVIDER,
                "has_secret": True,
                "made_at": TIME,
                "disabled_at": None,
                "settings": _SETTINGS,
            }
        ]
    )

    providers: list[ProviderBody]


class ProviderRequest(Body):
    """What a provider shall be; settings that are absent are as they are by default."""

    model_config = Body.model_config | example(**_PROVIDER, **_HIDDEN, settings=_SETTINGS)

    kind: Literal["oidc", "gitlab", "github", "google", "keycloak"]
    client_id: str = Field(min_length=1, max_length=500)
    name: str | None = Field(None, min_length=1, max_length=100, description="For people; null: that of its kind.")
    issuer: str | None = Field(None, max_length=500, description="Null: that of its kind, where that has one.")
    client_secret: str | None = Field(
        None,
        max_length=4_096,
        description="Absent: as it is. Empty: none, for a public client.",
        json_schema_extra={"writeOnly": True},
    )
    disabled: Flag = Field(False, description="Whether nobody can sign in with it. Who has is signed out.")
    settings: ProviderSettingsBody = ProviderSettingsBody.from_domain(ProviderSettings())
