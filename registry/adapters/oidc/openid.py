"""OpenID Connect: the authorization code flow with PKCE, state and nonce."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from registry.adapters.oidc.discovery import Discovery, Metadata
from registry.adapters.oidc.fetching import Fetching, object_of
from registry.adapters.oidc.id_tokens import IdTokens
from registry.adapters.oidc.tokens import CodeFlow
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.identity_providers import PendingSignIn, Provider, ProviderAnswer, ProviderFindings


class OpenIdClient:
    """Providers that speak OpenID Connect. Implements ``ports.identity_providers.ProviderClient``."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching
        self._discovery = Discovery(fetching)
        self._id_tokens = IdTokens(self._discovery)

    async def address(self, provider: Provider, pending: PendingSignIn) -> str:
        """Where the browser goes."""
        metadata = await self._discovery.metadata(provider)
        flow = CodeFlow(provider, None, self._fetching, None)
        return flow.address(metadata.authorization_endpoint, pending, nonce=True)

    async def claims(
        self, provider: Provider, secret: str | None, pending: PendingSignIn, answer: ProviderAnswer, now: datetime
    ) -> Mapping[str, Any]:
        """What the ID token says, and where that says nothing, the provider itself (its ``userinfo``)."""
        metadata = await self._discovery.metadata(provider)
        _check_issuer(provider, metadata, answer)
        flow = CodeFlow(provider, secret, self._fetching, _auth_method(metadata, secret))
        tokens = await flow.tokens(metadata.token_endpoint, pending, answer)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise Unauthenticated(f"{provider.name} answers without an ID token: is the scope openid allowed there?")
        claims = await self._id_tokens.claims(provider, pending, id_token, access_token, now)
        if metadata.userinfo_endpoint is None:
            return claims
        return merged(claims, await self._userinfo(provider, metadata.userinfo_endpoint, access_token))

    async def examine(self, provider: Provider) -> ProviderFindings:
        """Its metadata and keys."""
        metadata = await self._discovery.metadata(provider)
        keys = await self._discovery.keys(provider)
        return ProviderFindings(
            (
                ("issuer", metadata.issuer),
                ("authorization endpoint", metadata.authorization_endpoint),
                ("token endpoint", metadata.token_endpoint),
                ("userinfo endpoint", metadata.userinfo_endpoint or "none"),
                ("keys", f"{len(keys)} at {metadata.jwks_uri}"),
                ("algorithms", ", ".join(metadata.algorithms)),
                ("client authentication", ", ".join(metadata.auth_methods)),
            )
        )

    async def _userinfo(self, provider: Provider, endpoint: str, access_token: str) -> Mapping[str, Any]:
        answer = await self._fetching.ask(
            "GET",
            endpoint,
            allow_private=provider.settings.allow_private,
            headers={"Authorization": f"Bearer {access_token}", "Accept": "application/json"},
        )
        return object_of(answer, endpoint)


def merged(claims: Mapping[str, Any], told: Mapping[str, Any]) -> Mapping[str, Any]:
    """The claims of a signed token, and of what was told besides those that it lacks.

    Raises Unauthenticated where the two are of different people.
    """
    if not hmac.compare_digest(str(told.get("sub")).encode(), str(claims["sub"]).encode()):
        raise Unauthenticated("The provider's ID token and its userinfo are of different people.")
    if "email" in claims and claims["email"] != told.get("email"):
        told = {name: value for name, value in told.items() if name != "email_verified"}  # it is another address's
    return {**told, **claims}


def _check_issuer(provider: Provider, metadata: Metadata, answer: ProviderAnswer) -> None:
    """Raises Unauthenticated for an answer that came from another provider (RFC 9207)."""
    if answer.issuer is None and metadata.sends_issuer:
        raise Unauthenticated(f"The answer does not say that it comes from {provider.name}, which always says so.")
    if answer.issuer is not None and answer.issuer != metadata.issuer:
        raise Unauthenticated(f"The answer comes from another provider than {provider.name}.")


def _auth_method(metadata: Metadata, secret: str | None) -> str | None:
    """How the secret is shown. Raises Unavailable where the provider wants what is not known here."""
    if secret is None:
        return None
    for method in ("client_secret_post", "client_secret_basic"):
        if method in metadata.auth_methods:
            return method
    raise Unavailable(f"{metadata.issuer} takes secrets by {', '.join(metadata.auth_methods)}, none of which is known.")
