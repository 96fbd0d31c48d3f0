"""GitHub's OAuth 2.0 (``GitHubClient``), against a stand-in of its API: who somebody is, its API alone says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from registry.adapters.oidc.client import HttpProviderClient
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.identity_providers import Provider, ProviderAnswer, ProviderKind, ProviderSettings
from registry.domain.ids import ProviderName
from registry.domain.provider_claims import read_claims
from tests.contract.test_provider_clients import PENDING
from tests.made_up_provider import CLIENT, SECRET, MadeUpProvider, made_up_provider, saying

NOW = datetime.now(UTC)
USER = {"id": 583231, "login": "octocat", "name": "몬다", "email": "public@evil.example"}
EMAILS = [
    {"email": "other@example.com", "primary": False, "verified": True},
    {"email": "octo@example.com", "primary": True, "verified": True},
]


@pytest.fixture
async def github() -> AsyncIterator[MadeUpProvider]:
    async with made_up_provider() as server:
        server.answers |= {
            "/login/oauth/access_token": saying(
                {"access_token": "gho_x", "token_type": "bearer", "scope": "read:user"}
            ),
            "/api/v3/user": saying(USER),
            "/api/v3/user/emails": saying(EMAILS),
            "/api/v3/user/orgs": saying([{"login": "acme"}]),
            "/api/v3/user/teams": saying([{"slug": "prompts", "organization": {"login": "acme"}}]),
            "/api/v3/meta": saying({}),
        }
        yield server


def at(server: MadeUpProvider, **settings: Any) -> Provider:
    wanted = ProviderSettings(allow_private=True, **settings)
    return Provider(ProviderName("corp"), "GitHub", ProviderKind.GITHUB, server.issuer, CLIENT, NOW, wanted)


async def signed_in(provider: Provider) -> Any:
    answer = ProviderAnswer(code="code", state=PENDING.state)
    return read_claims(await HttpProviderClient().claims(provider, SECRET, PENDING, answer, NOW), provider)


async def test_somebody_is_his_number_with_his_verified_address(github: MadeUpProvider) -> None:
    claims = await signed_in(at(github))
    assert (claims.subject, claims.username, claims.name) == ("583231", "octocat", "몬다")
    assert (claims.email, claims.groups) == ("octo@example.com", ())
    assert "/api/v3/user/orgs" not in github.asked, "nobody wants to know"


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "boss@example.com", "primary": True, "verified": False}],
        [{"email": "boss@example.com", "primary": True, "verified": "true"}],
        [{"email": "boss@example.com", "primary": False, "verified": True}],
        ["boss@example.com"],
    ],
)
async def test_an_address_that_is_not_verified_does_not_count(github: MadeUpProvider, emails: Any) -> None:
    github.answers["/api/v3/user/emails"] = saying(emails)
    assert (await signed_in(at(github))).email is None


async def test_organisations_and_teams_are_groups(github: MadeUpProvider) -> None:
    provider = at(github, required_groups=("acme",))
    assert provider.scopes == ("read:user", "user:email", "read:org")
    assert (await signed_in(provider)).groups == ("acme", "acme/prompts")


async def test_the_browser_goes_to_github_with_a_challenge(github: MadeUpProvider) -> None:
    address = await HttpProviderClient().address(at(github), PENDING)
    asked = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{github.issuer}/login/oauth/authorize?")
    assert (asked["state"], asked["code_challenge_method"]) == ([PENDING.state], ["S256"])
    assert "nonce" not in asked
    public = replace(at(github), issuer="https://github.com")
    assert (await HttpProviderClient().address(public, PENDING)).startswith("https://github.com/login/oauth/authorize?")


async def test_errors_of_github_come_with_status_200(github: MadeUpProvider) -> None:
    github.answers["/login/oauth/access_token"] = saying({"error": "bad_verification_code", "error_description": "old"})
    with pytest.raises(Unauthenticated, match="bad_verification_code"):
        await signed_in(at(github))


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api/v3/user", {}),
        ("/api/v3/user", {"id": "583231"}),
        ("/api/v3/user", {"id": True}),
        ("/api/v3/user", []),
        ("/api/v3/user/emails", {}),
        ("/login/oauth/access_token", {"access_token": "a\r\nX: y", "token_type": "bearer"}),
        ("/login/oauth/access_token", {"access_token": 7}),
        ("/login/oauth/access_token", []),
    ],
)
async def test_answers_that_are_not_githubs_are_refused(github: MadeUpProvider, path: str, answer: Any) -> None:
    github.answers[path] = saying(answer)
    with pytest.raises((Unavailable, Unauthenticated)):
        await signed_in(at(github))


async def test_all_pages_are_read_but_not_for_ever(github: MadeUpProvider) -> None:
    page = [{"login": f"org{number}"} for number in range(100)]
    github.answers["/api/v3/user/orgs"] = saying(page)
    async with asyncio.timeout(60):
        assert len((await signed_in(at(github, same_groups=True))).groups) == 101
    assert github.asked.count("/api/v3/user/orgs") == 10


async def test_it_tells_where_it_is(github: MadeUpProvider) -> None:
    told = dict((await HttpProviderClient().examine(at(github))).told)
    assert told["API"] == f"{github.issuer}/api/v3"
