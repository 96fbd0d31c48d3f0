"""What a provider says of somebody, whatever it is: only what has a form that can be used counts."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.account_names import user_name
from registry.domain.errors import BadRequest, Denied
from registry.domain.identity_providers import Provider, ProviderKind, ProviderSettings
from registry.domain.ids import ProviderName
from registry.domain.provider_claims import (
    ProviderClaims,
    check_admission,
    display_name,
    groups_here,
    names_for,
    read_claims,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CORP = Provider(ProviderName("corp"), "Corp", ProviderKind.OIDC, "https://id.example.com", "x", NOW)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = ("sub", "email", "email_verified", "name", "preferred_username", "nickname", "groups")


@given(st.dictionaries(st.sampled_from(WORDS), JSON | st.just(True)))
def test_any_claims_are_read_or_refused(claims: dict[str, Any]) -> None:
    try:
        read = read_claims(claims, CORP)
    except BadRequest:
        assert (
            not isinstance(claims.get("sub"), str)
            or not claims["sub"].isprintable()
            or not claims["sub"]
            or len(claims["sub"]) > 255
        )
        return
    for name in islice(names_for(read, CORP), 3):
        assert user_name(name) == name
    shown = display_name(read)
    assert shown is None or (shown.isprintable() and not set("<>") & set(shown) and 0 < len(shown) <= 100)
    assert read.email is None or (claims["email_verified"] is True and read.email.count("@") == 1)
    assert all(isinstance(each, str) for each in read.groups)


@given(st.text(), st.text())
def test_the_names_that_a_user_may_get_are_names_and_many(username: str, email: str) -> None:
    names = list(islice(names_for(ProviderClaims("s", username=username, email=email), CORP), 20))
    assert len(set(names)) == 20
    assert [user_name(name) for name in names] == names


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("groups", ("a", "b")),
        ("realm_access.roles", ("r",)),
        ("https://corp.example/groups", ("named by an address",)),
        ("one", ("alone",)),
        ("realm_access", ()),
        ("realm_access.roles.deeper", ()),
        ("nosuch", ()),
        ("number", ()),
    ],
)
def test_groups_are_found_by_a_dotted_path(path: str, found: tuple[str, ...]) -> None:
    claims = {
        "sub": "1",
        "groups": ["a", "b", "a", 7, None],
        "realm_access": {"roles": ["r"]},
        "https://corp.example/groups": ["named by an address"],
        "one": "alone",
        "number": 7,
    }
    provider = replace(CORP, settings=ProviderSettings(groups_claim=path))
    assert read_claims(claims, provider).groups == found


def test_google_tells_no_groups() -> None:
    provider = replace(CORP, kind=ProviderKind.GOOGLE)
    assert read_claims({"sub": "1", "groups": ["admins"]}, provider).groups == ()


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "a@example.com"},
        {"email": "a@example.com", "email_verified": "true"},
        {"email": "a@example.com", "email_verified": 1},
        {"email": "a@b@example.com", "email_verified": True},
        {"email": "a b@example.com", "email_verified": True},
        {"email": "a@example.com\n", "email_verified": True},
        {"email": "<a@example.com>", "email_verified": True},
        {"email": "\u212aim@example.com", "email_verified": True},
        {"email": ["a@example.com"], "email_verified": True},
        {"email": "a@.example.com", "email_verified": True},
        {"email": "@example.com", "email_verified": True},
    ],
)
def test_an_address_counts_only_where_it_is_one_and_verified(claims: dict[str, Any]) -> None:
    assert read_claims({"sub": "1", **claims}, CORP).email is None


def test_groups_here_are_those_that_were_mapped() -> None:
    claims = ProviderClaims("s", groups=("acme/a", "acme/b", "/admins", "writers"))
    assert groups_here(claims, ProviderSettings()) == []
    mapped = ProviderSettings(groups={"acme/a": "authors", "acme/b": "authors", "writers": "readers"})
    assert groups_here(claims, mapped) == ["authors", "readers"]
    assert groups_here(claims, replace(mapped, same_groups=True)) == ["authors", "readers", "admins"]


@pytest.mark.parametrize("email", [None, "a@evil.example", "a@example.com.evil.example", "example.com@evil.example"])
def test_only_the_domains_that_are_named_come_in(email: str | None) -> None:
    settings = ProviderSettings(domains=("example.com",))
    check_admission(ProviderClaims("s", email="a@EXAMPLE.com"), settings)
    with pytest.raises(Denied, match=r"example\.com"):
        check_admission(ProviderClaims("s", email=email), settings)
