"""OAuth's answers: their fields are those of RFC 6749, 7517, 8414 and 8628."""

from typing import Literal

from pydantic import Field

from api.schemas.fields import Answered, example
from registry.domain.access_tokens import IssuedTokens, OAuthFault
from registry.domain.roles import Scope

_ADDRESS = "https://prompts.example.com"
_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "alg": "EdDSA",
    "use": "sig",
    "kid": "3f9ac1d2b4e5",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
_TOKENS = {
    "access_token": "eyJ…",
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": "pmr_…",
    "scope": "write",
    "user": "kim",
}


class TokenBody(Answered):
    """An access token, and the refresh token for the next one. Neither is shown again."""

    model_config = example(**_TOKENS)

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds that the access token lasts.")
    refresh_token: str = Field(description="For one use: it gives the next pair.")
    scope: Literal[*Scope]  # type: ignore[valid-type]
    user: str = Field(description="Whose they are.")

    @classmethod
    def from_domain(cls, issued: IssuedTokens) -> "TokenBody":
        """The body for tokens that were just made."""
        return cls(
            access_token=issued.access_token,
            token_type="Bearer",  # noqa: S106  (no password)
            expires_in=issued.access_seconds,
            refresh_token=issued.refresh_token,
            scope=issued.scope.value,
            user=issued.user,
        )


class DeviceBody(Answered):
    """What a device shows to a person, and what it asks for the tokens with."""

    model_config = example(
        device_code="pmd_…",
        user_code="BDFG-HJKL",
        verification_uri=f"{_ADDRESS}/device",
        verification_uri_complete=f"{_ADDRESS}/device?user_code=BDFG-HJKL",
        expires_in=600,
        interval=5,
    )

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int = Field(description="Seconds that the codes hold.")
    interval: int = Field(description="Seconds between two questions for the tokens.")


class OAuthProblem(Answered):
    """Why there is no token."""

    model_config = example(error="authorization_pending", error_description="Nobody has decided yet.")

    error: Literal[*OAuthFault]  # type: ignore[valid-type]
    error_description: str


class Jwk(Answered):
    """The public half of a key (RFC 8037)."""

    model_config = example(**_KEY)

    kty: str
    crv: str
    alg: str
    use: str
    kid: str
    x: str


class JwkSet(Answered):
    """The keys that access tokens are checked with: the present one, a prepared one, and former ones for an hour."""

    model_config = example(keys=[_KEY])

    keys: list[Jwk]


class AuthorizationServer(Answered):
    """What an OAuth client has to know of this server."""

    model_config = example(
        issuer=_ADDRESS,
        token_endpoint=f"{_ADDRESS}/oauth/token",
        device_authorization_endpoint=f"{_ADDRESS}/oauth/device",
        revocation_endpoint=f"{_ADDRESS}/oauth/revoke",
        jwks_uri=f"{_ADDRESS}/.well-known/jwks.json",
        response_types_supported=[],
        grant_types_supported=["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        scopes_supported=["read", "write", "maintain", "admin"],
        token_endpoint_auth_methods_supported=["none"],
        revocation_endpoint_auth_methods_supported=["none"],
    )

    issuer: str
    token_endpoint: str
    device_authorization_endpoint: str
    revocation_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
