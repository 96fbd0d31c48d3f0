"""What asks identity providers (``OpenIdClient``, ``GitHubClient``, ``HttpProviderClient``), against ones that lie."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwk
from joserfc.jws import JWSRegistry

from registry.adapters.oidc import discovery
from registry.adapters.oidc.client import HttpProviderClient
from registry.adapters.oidc.fetching import Fetching
from registry.adapters.oidc.openid import OpenIdClient
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.identity_providers import (
    PendingSignIn,
    Provider,
    ProviderAnswer,
    ProviderKind,
    ProviderSettings,
)
from registry.domain.ids import ProviderName
from tests.made_up_provider import (
    CLIENT,
    SECRET,
    MadeUpProvider,
    drip,
    hang,
    made_up_provider,
    new_key,
    pour,
    saying,
)

NOW = datetime.now(UTC)
WELL_KNOWN = "/.well-known/openid-configuration"
PENDING = PendingSignIn(
    ProviderName("corp"),
    state="the state",
    nonce="the nonce",
    verifier="v" * 64,
    redirect_uri="http://127.0.0.1/sign-in/corp/callback",
    going_to="/",
    ends_at=NOW + timedelta(minutes=10),
)


@pytest.fixture
async def made_up() -> AsyncIterator[MadeUpProvider]:
    async with made_up_provider() as provider:
        yield provider


def provider_at(issuer: str, **settings: Any) -> Provider:
    wanted = ProviderSettings(**({"allow_private": True} | settings))
    return Provider(ProviderName("corp"), "Corp", ProviderKind.OIDC, issuer, CLIENT, NOW, wanted)


async def signed_in(made_up: MadeUpProvider, client: Any = None, **answer: Any) -> dict[str, Any]:
    """The claims of somebody who went there and back."""
    client, provider = client or OpenIdClient(Fetching(seconds=1.5)), provider_at(made_up.issuer)
    address = await client.address(provider, PENDING)
    said = ProviderAnswer(**({"code": made_up.code(address), "state": PENDING.state} | answer))
    return dict(await client.claims(provider, SECRET, PENDING, said, datetime.now(UTC)))


async def test_the_browser_is_sent_with_state_nonce_and_a_challenge(made_up: MadeUpProvider) -> None:
    address = await HttpProviderClient().address(provider_at(made_up.issuer), PENDING)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith(f"{made_up.issuer}/auth?")
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT, "openid profile email")
    assert (asked["state"], asked["nonce"]) == (PENDING.state, PENDING.nonce)
    assert asked["code_challenge_method"] == "S256"
    assert PENDING.verifier not in address
    assert asked["redirect_uri"] == PENDING.redirect_uri


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # EdDSA has got another name
@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("EC", "ES256"), ("RSA", "RS256"), ("RSA", "PS256"), ("OKP", "EdDSA"), ("OKP", "Ed25519")],
)
async def test_claims_are_those_that_the_provider_signed(made_up: MadeUpProvider, kind: str, algorithm: str) -> None:
    made_up.keys, made_up.algorithm = [new_key("k", kind), new_key("other", kind)], algorithm
    made_up.userinfo = {"email": "kim@example.com", "email_verified": True, "groups": ["a"]}
    claims = await signed_in(made_up)
    assert (claims["sub"], claims["email"], claims["groups"]) == ("s-1", "kim@example.com", ["a"])


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"], None])
async def test_the_secret_is_shown_as_the_provider_wants_it(made_up: MadeUpProvider, methods: list[str] | None) -> None:
    made_up.metadata["token_endpoint_auth_methods_supported"] = methods
    await signed_in(made_up)
    shown = [base64.b64decode(each.removeprefix("Basic ")).decode() for each in made_up.authorization]
    assert shown == ([] if methods == ["client_secret_post"] else [f"{CLIENT}:the%2Fsecret%2Bof%20the%20client"])


async def test_a_code_counts_once(made_up: MadeUpProvider) -> None:
    client, provider = OpenIdClient(Fetching()), provider_at(made_up.issuer)
    said = ProviderAnswer(code=made_up.code(await client.address(provider, PENDING)), state=PENDING.state)
    await client.claims(provider, SECRET, PENDING, said, datetime.now(UTC))
    with pytest.raises(Unauthenticated, match="invalid_grant"):
        await client.claims(provider, SECRET, PENDING, said, datetime.now(UTC))


async def test_a_stolen_code_is_worth_nothing_without_the_verifier(made_up: MadeUpProvider) -> None:
    client, provider = OpenIdClient(Fetching()), provider_at(made_up.issuer)
    said = ProviderAnswer(code=made_up.code(await client.address(provider, PENDING)), state=PENDING.state)
    with pytest.raises(Unauthenticated, match="invalid_grant"):
        await client.claims(provider, SECRET, replace(PENDING, verifier="w" * 64), said, datetime.now(UTC))


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another client"},
        {"aud": ["promptuary", "another client"]},  # without azp
        {"aud": ["promptuary", "another client"], "azp": "another client"},
        {"aud": None},
        {"azp": "another client"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": int(time.time()) + 600},
        {"iat": None},
        {"nbf": int(time.time()) + 600},
        {"sub": None},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids="-".join,
)
async def test_a_token_for_others_or_of_others_or_of_another_time_is_refused(
    made_up: MadeUpProvider, claims: dict[str, Any]
) -> None:
    made_up.claims = claims
    made_up.userinfo = {"sub": "s-1"}
    with pytest.raises(Unauthenticated, match="does not hold"):
        await signed_in(made_up)


async def test_two_audiences_are_fine_where_the_token_was_made_for_us(made_up: MadeUpProvider) -> None:
    made_up.claims = {"aud": [CLIENT, "another client"], "azp": CLIENT}
    assert (await signed_in(made_up))["sub"] == "s-1"


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(made_up: MadeUpProvider, header: dict[str, Any]) -> Callable[[dict[str, Any]], str]:
    return lambda claims: f"{encoded(header)}.{encoded(claims)}."


def by_hmac(made_up: MadeUpProvider, header: dict[str, Any]) -> Callable[[dict[str, Any]], str]:
    """The public key as the secret of an HMAC."""

    def sign(claims: dict[str, Any]) -> str:
        said = f"{encoded(header)}.{encoded(claims)}"
        mac = hmac.digest(made_up.keys[0].as_pem(private=False), said.encode(), "sha256")
        return f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    return sign


@pytest.mark.parametrize(
    ("forge", "header"),
    [
        (unsigned, {"alg": "none"}),
        (unsigned, {"alg": "NONE", "kid": "one"}),
        (unsigned, {"alg": "ES256", "kid": "one"}),
        (unsigned, {"alg": ["ES256"], "kid": "one"}),
        (unsigned, {}),
        (by_hmac, {"alg": "HS256", "kid": "one"}),
        (by_hmac, {"alg": "HS256"}),
        (by_hmac, {"alg": "ES256", "kid": "one"}),
        (by_hmac, {"alg": "RS256", "kid": "one"}),
    ],
)
async def test_a_token_that_the_provider_did_not_sign_is_refused(
    made_up: MadeUpProvider, forge: Any, header: dict[str, Any]
) -> None:
    made_up.sign = forge(made_up, header)
    with pytest.raises(Unauthenticated):
        await signed_in(made_up)


@pytest.mark.parametrize("extra", [{}, {"jku": "http://127.0.0.1:1/jwks"}, {"crit": ["x"], "x": 1}])
@pytest.mark.parametrize("shows_key", [False, True])
async def test_a_token_brings_no_key_of_its_own(
    made_up: MadeUpProvider, extra: dict[str, Any], *, shows_key: bool
) -> None:
    own = new_key("one")
    shown = {"jwk": own.as_dict(private=False)} if shows_key else {}

    def sign(claims: dict[str, Any]) -> str:
        said = f"{encoded({'alg': 'ES256', 'kid': 'one', **shown, **extra})}.{encoded(claims)}"
        signature = JWSRegistry.algorithms["ES256"].sign(said.encode(), own)
        return f"{said}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    made_up.sign = sign
    with pytest.raises(Unauthenticated):
        await signed_in(made_up)
    made_up.keys = [own]
    if not extra:
        assert (await signed_in(made_up))["sub"] == "s-1", "the forgery is a good one"


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "e30.e30.e30", "x" * 100_000, "[" * 5_000 + ".a.b", 7, None, {}])
async def test_what_is_no_token_is_refused(made_up: MadeUpProvider, token: Any) -> None:
    made_up.answers["/token"] = saying({"access_token": "at", "token_type": "Bearer", "id_token": token})
    with pytest.raises(Unauthenticated):
        await signed_in(made_up)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_a_small_rsa_key_is_not_believed(made_up: MadeUpProvider) -> None:
    made_up.keys, made_up.algorithm = [jwk.RSAKey.generate_key(1024, {"kid": "one"}, auto_kid=False)], "RS256"
    with pytest.raises(Unauthenticated, match="2048"):
        await signed_in(made_up)


async def test_a_new_key_is_found_as_soon_as_it_signs(made_up: MadeUpProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "KEYS_AGAIN_SECONDS", 0.0)
    client = OpenIdClient(Fetching())
    await signed_in(made_up, client)
    made_up.keys = [new_key("two"), *made_up.keys]
    assert (await signed_in(made_up, client))["sub"] == "s-1"
    assert made_up.asked.count("/jwks") == 2
    made_up.keys = [new_key("three")]
    assert (await signed_in(made_up, client))["sub"] == "s-1"


async def test_forged_ids_of_keys_do_not_have_the_keys_fetched_each_time(made_up: MadeUpProvider) -> None:
    client = OpenIdClient(Fetching())
    made_up.sign = lambda claims: made_up.signed(claims, kid="nobody's")
    for _ in range(5):
        with pytest.raises(Unauthenticated, match="key"):
            await signed_in(made_up, client)
    assert made_up.asked.count("/jwks") == 1


async def test_the_answer_says_which_provider_it_comes_from(made_up: MadeUpProvider) -> None:
    """RFC 9207: else one provider's answer could be passed off as another's."""
    with pytest.raises(Unauthenticated, match="another provider"):
        await signed_in(made_up, issuer="https://evil.example")
    made_up.metadata["authorization_response_iss_parameter_supported"] = True
    with pytest.raises(Unauthenticated, match="does not say"):
        await signed_in(made_up)
    assert await signed_in(made_up, issuer=made_up.issuer)


async def test_userinfo_of_somebody_else_is_refused(made_up: MadeUpProvider) -> None:
    made_up.userinfo = {"sub": "s-2", "email": "admin@example.com", "email_verified": True}
    with pytest.raises(Unauthenticated, match="different people"):
        await signed_in(made_up)


async def test_what_was_verified_is_one_address_and_not_another(made_up: MadeUpProvider) -> None:
    made_up.claims = {"email": "admin@example.com"}
    made_up.userinfo = {"email": "me@example.com", "email_verified": True}
    claims = await signed_in(made_up)
    assert (claims["email"], "email_verified" in claims) == ("admin@example.com", False)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "gopher://127.0.0.1/"},
        {"jwks_uri": ["https://a"]},
        {"userinfo_endpoint": "http://user:pw@127.0.0.1/"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"id_token_signing_alg_values_supported": ["HS256", "none"]},
        {"id_token_signing_alg_values_supported": None},
    ],
    ids=str,
)
async def test_metadata_that_will_not_do_is_refused(made_up: MadeUpProvider, metadata: dict[str, Any]) -> None:
    made_up.metadata = metadata
    with pytest.raises(Unavailable):
        await OpenIdClient(Fetching()).address(provider_at(made_up.issuer), PENDING)
    assert made_up.asked == [WELL_KNOWN]


@pytest.mark.parametrize("path", [WELL_KNOWN, "/jwks", "/token", "/userinfo"])
@pytest.mark.parametrize(
    "answer",
    [
        hang,
        drip,
        pour,
        saying(b"not json"),
        saying(b"[" * 100_000),
        saying([1]),
        saying(b"\xff\xfe"),
        saying({}, 500),
        saying(b"<html>", 502),
        saying(b"", 302, [(b"location", b"http://127.0.0.1:1/")]),
        saying(b"x", 200, [(b"content-encoding", b"gzip")]),
    ],
    ids=["hangs", "drips", "pours", "garbage", "depth", "list", "bytes", "500", "502", "redirect", "packed"],
)
async def test_a_provider_that_hangs_pours_or_babbles_is_away(made_up: MadeUpProvider, path: str, answer: Any) -> None:
    made_up.answers[path] = answer
    began = time.monotonic()
    with pytest.raises((Unavailable, Unauthenticated)):
        await signed_in(made_up)
    assert time.monotonic() - began < 10


async def test_a_provider_that_is_away_is_not_asked_again_at_once(made_up: MadeUpProvider) -> None:
    client = OpenIdClient(Fetching())
    made_up.answers[WELL_KNOWN] = saying({}, 500)
    for _ in range(5):
        with pytest.raises(Unavailable, match="500"):
            await client.address(provider_at(made_up.issuer), PENDING)
    assert len(made_up.asked) == 1


def resolving(*addresses: str) -> Fetching:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return Fetching(seconds=1.0, resolve=resolve)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.9.9",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "::1",
        "::",
        "fd00::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "224.0.0.1",
    ],
)
async def test_no_provider_is_asked_at_a_private_address(address: str) -> None:
    for found in ([address], ["93.184.215.14", address]):
        with pytest.raises(Unavailable, match="is at"):
            await OpenIdClient(resolving(*found)).address(
                provider_at("https://id.example.com", allow_private=False), PENDING
            )


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "0.0.0.0", "::"])
async def test_what_tells_a_cloud_its_secrets_is_asked_in_no_case(address: str) -> None:
    with pytest.raises(Unavailable, match="where no provider can be"):
        await OpenIdClient(resolving(address)).address(provider_at("https://id.example.com"), PENDING)


@pytest.mark.parametrize(
    "issuer",
    [
        "http://127.0.0.1:1",
        "http://localhost:1",
        "https://127.0.0.1:1",
        "https://2130706433:1",
        "https://0x7f000001:1",
        "https://127.1:1",
        "https://[::1]:1",
        "https://[::ffff:7f00:1]:1",
    ],
)
async def test_this_machine_is_no_provider_unless_an_administrator_says_so(issuer: str) -> None:
    with pytest.raises(Unavailable) as refused:
        await OpenIdClient(Fetching(seconds=2)).address(provider_at(issuer, allow_private=False), PENDING)
    assert "cannot be asked" not in refused.value.message, "it was"


async def test_the_address_that_was_looked_at_is_the_one_that_is_asked(made_up: MadeUpProvider) -> None:
    """DNS rebinding: who is asked a second time would give another address."""
    port = urlsplit(made_up.issuer).port
    given: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        given.append(host)
        return ["127.0.0.1"] if len(given) == 1 else ["169.254.169.254"]

    made_up.issuer = f"http://localhost:{port}"
    client = OpenIdClient(Fetching(seconds=1.5, resolve=resolve))
    assert await client.address(provider_at(made_up.issuer), PENDING)
    assert given == ["localhost"]
    with pytest.raises(Unavailable, match=r"169\.254"):
        await client.examine(provider_at(made_up.issuer))


@pytest.mark.parametrize("issuer", ["https://xn--a.b", "https://xn--ls8h.la", "https://[::zz]", "https://1.2.3.999"])
async def test_a_host_that_cannot_be_is_told(issuer: str) -> None:
    with pytest.raises(Unavailable):
        await OpenIdClient(Fetching(seconds=2)).address(provider_at(issuer, allow_private=False), PENDING)


async def test_an_unknown_host_and_a_closed_port_are_told() -> None:
    with pytest.raises(Unavailable, match="not known"):
        await OpenIdClient(Fetching(seconds=5)).address(provider_at("https://nosuch.invalid"), PENDING)
    with pytest.raises(Unavailable, match="cannot be asked"):
        await OpenIdClient(Fetching(seconds=5)).address(provider_at("http://127.0.0.1:1"), PENDING)


async def test_a_provider_tells_of_itself(made_up: MadeUpProvider) -> None:
    told = dict((await HttpProviderClient().examine(provider_at(made_up.issuer))).told)
    assert told["issuer"] == made_up.issuer
    assert told["algorithms"] == "RS256, ES256, EdDSA, Ed25519, PS256"
    assert told["keys"] == f"1 at {made_up.issuer}/jwks"
