"""GitHub, which speaks OAuth 2.0 alone: who somebody is, its API says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from registry.adapters.oidc.fetching import Fetching, json_of, object_of
from registry.adapters.oidc.tokens import CodeFlow
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.identity_providers import PendingSignIn, Provider, ProviderAnswer, ProviderFindings

MOST_PAGES = 10
"""Pages of a hundred teams each."""


class GitHubClient:
    """github.com and servers of GitHub Enterprise. Implements ``ports.identity_providers.ProviderClient``."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching

    async def address(self, provider: Provider, pending: PendingSignIn) -> str:
        """Where the browser goes."""
        flow = CodeFlow(provider, None, self._fetching, None)
        return flow.address(f"{_base(provider)}/login/oauth/authorize", pending, nonce=False)

    async def claims(
        self,
        provider: Provider,
        secret: str | None,
        pending: PendingSignIn,
        answer: ProviderAnswer,
        now: datetime,  # noqa: ARG002  (nothing that GitHub says has a time)
    ) -> Mapping[str, Any]:
        """What the API says, by the names that OpenID Connect has for it; groups are organisations and teams."""
        flow = CodeFlow(provider, secret, self._fetching, "client_secret_post" if secret is not None else None)
        tokens = await flow.tokens(f"{_base(provider)}/login/oauth/access_token", pending, answer)
        access_token = tokens.get("access_token")
        if not isinstance(access_token, str) or not access_token.isprintable() or not access_token.isascii():
            raise Unauthenticated(f"{provider.name} answers without a token.")
        user = object_of(await self._ask(provider, "/user", access_token), "GitHub's /user")
        number = user.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise Unavailable("GitHub's /user has no number of the user.")
        emails = await self._list(provider, "/user/emails?per_page=100", access_token)
        groups = await self._groups(provider, access_token) if provider.settings.needs_groups else []
        verified = (each.get("email") for each in emails if each.get("primary") and each.get("verified") is True)
        email = next(verified, None)
        return {
            "sub": str(number),
            "preferred_username": user.get("login"),
            "name": user.get("name"),
            "email": email,
            "email_verified": email is not None,
            provider.groups_claim or "groups": groups,
        }

    async def examine(self, provider: Provider) -> ProviderFindings:
        """Its addresses, where its API answers."""
        api = _api(provider)
        answer = await self._fetching.ask("GET", f"{api}/meta", allow_private=provider.settings.allow_private)
        if answer.status_code >= 500 or answer.is_redirect:
            raise Unavailable(f"{api} answers with status {answer.status_code}.")
        return ProviderFindings((("authorization endpoint", f"{_base(provider)}/login/oauth/authorize"), ("API", api)))

    async def _groups(self, provider: Provider, access_token: str) -> list[str]:
        """``org`` for organisations and ``org/team`` for teams."""
        found: list[str] = []
        for team in await self._list(provider, "/user/teams?per_page=100", access_token):
            organization = team.get("organization")
            if isinstance(organization, dict) and team.get("slug"):
                found.append(f"{organization.get('login')}/{team['slug']}")
        orgs = await self._list(provider, "/user/orgs?per_page=100", access_token)
        return [str(each["login"]) for each in orgs if each.get("login")] + found

    async def _list(self, provider: Provider, path: str, access_token: str) -> list[dict[str, Any]]:
        """All pages; where the next one is, is counted, not read from the answer."""
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            piece = json_of(await self._ask(provider, f"{path}&page={page}", access_token), f"GitHub's {path}")
            if not isinstance(piece, list):
                raise Unavailable(f"GitHub's {path} is no list.")
            found += [each for each in piece if isinstance(each, dict)]
            if len(piece) < 100:
                break
        return found

    async def _ask(self, provider: Provider, path: str, access_token: str) -> Any:
        return await self._fetching.ask(
            "GET",
            f"{_api(provider)}{path}",
            allow_private=provider.settings.allow_private,
            headers={
                "Authorization": f"Bearer {access_token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )


def _base(provider: Provider) -> str:
    return provider.issuer.rstrip("/")


def _api(provider: Provider) -> str:
    return "https://api.github.com" if _base(provider) == "https://github.com" else f"{_base(provider)}/api/v3"
