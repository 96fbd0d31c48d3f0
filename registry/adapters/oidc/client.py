"""Which protocol a provider speaks. What speaks it is imported with the first sign-in, as few commands need it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from registry.domain.identity_providers import PendingSignIn, Provider, ProviderAnswer, ProviderFindings, ProviderKind
from registry.ports.identity_providers import ProviderClient

ANSWER_SECONDS = 10.0
"""How long a provider's answer may take, from looking its host up to the last byte."""


class HttpProviderClient:
    """Every kind of provider. Implements ``ports.identity_providers.ProviderClient``."""

    def __init__(self) -> None:
        self._clients: dict[bool, ProviderClient] = {}

    async def address(self, provider: Provider, pending: PendingSignIn) -> str:
        """Where the browser goes, to come back with an answer."""
        return await self._of(provider).address(provider, pending)

    async def claims(
        self, provider: Provider, secret: str | None, pending: PendingSignIn, answer: ProviderAnswer, now: datetime
    ) -> Mapping[str, Any]:
        """What the provider says of who came back."""
        return await self._of(provider).claims(provider, secret, pending, answer, now)

    async def examine(self, provider: Provider) -> ProviderFindings:
        """What it says of itself, without anybody signing in."""
        return await self._of(provider).examine(provider)

    def _of(self, provider: Provider) -> ProviderClient:
        is_github = provider.kind is ProviderKind.GITHUB
        if is_github not in self._clients:
            from registry.adapters.oidc.fetching import Fetching  # noqa: PLC0415
            from registry.adapters.oidc.github import GitHubClient  # noqa: PLC0415
            from registry.adapters.oidc.openid import OpenIdClient  # noqa: PLC0415

            fetching = Fetching(seconds=ANSWER_SECONDS)
            self._clients = {True: GitHubClient(fetching), False: OpenIdClient(fetching)}
        return self._clients[is_github]
