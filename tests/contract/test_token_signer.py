"""Access tokens (``ports.tokens.TokenSigner``): what this server signed holds, and nothing else, however it is made."""

import base64
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from registry.adapters.local import token_signer
from registry.adapters.local.keyring import FileKeyRing
from registry.adapters.local.token_signer import PURPOSE, JwtSigner
from registry.domain.access_tokens import CLIENT, TOKEN_PREFIX, AccessClaims
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.roles import Scope

ISSUER = "https://prompts.example.com"
LIFETIME = timedelta(minutes=10)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> FileKeyRing:
    return FileKeyRing(tmp_path_factory.mktemp("ring") / "keyring.json", makes=True)


@pytest.fixture(scope="module")
def signer(ring: FileKeyRing) -> JwtSigner:
    return JwtSigner(ring, issuer=ISSUER, lifetime=LIFETIME)


def claims(**changes: Any) -> AccessClaims:
    now = datetime.now(UTC).replace(microsecond=0)
    said = {"id": "jti1", "user": UserName("kim"), "session_id": "s1", "scope": Scope.WRITE, "issued_at": now}
    return AccessClaims(**{**said, "expires_at": now + LIFETIME, **changes})


def said(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, changed; ... leaves one out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "kim",
        "iat": now,
        "exp": now + 600,
        "jti": "jti1",
        "sid": "s1",
        "scope": "write",
        "client_id": CLIENT,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def signed(ring: FileKeyRing, payload: Any, head: dict[str, Any] | None = None, purpose: str = PURPOSE) -> str:
    """A token of the ring's own key: only what it says is wrong."""
    kid, key = ring.signing_key(purpose)
    text = json.dumps(payload) if not isinstance(payload, str) else payload
    return assembled({"alg": "EdDSA", "typ": "at+jwt", "kid": kid} | (head or {}), text, key)


def assembled(head: Any, payload: str, key: Ed25519PrivateKey) -> str:
    text = head if isinstance(head, str) else json.dumps({k: v for k, v in head.items() if v is not ...})
    body = f"{encoded(text.encode())}.{encoded(payload.encode())}"
    return f"{body}.{encoded(key.sign(body.encode()))}"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def refused(signer: JwtSigner, token: str) -> None:
    with pytest.raises(Unauthenticated):
        signer.read(token)


def test_what_is_signed_is_read(signer: JwtSigner, ring: FileKeyRing) -> None:
    wanted = claims()
    token = signer.sign(wanted)
    assert token.startswith(TOKEN_PREFIX)
    assert signer.read(token) == wanted
    assert signer.read(signed(ring, said())).user == "kim", "the helper of the attacks below makes good tokens"
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "at+jwt", "kid": ring.list_keys()[-1].id}


def test_anybody_checks_a_token_by_the_published_keys(signer: JwtSigner) -> None:
    keys = jwt.PyJWKSet.from_dict({"keys": [dict(key) for key in signer.public_keys()]})
    token = signer.sign(claims())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, audience=ISSUER, issuer=ISSUER)["sub"] == "kim"
    assert all(set(each) == {"kty", "crv", "alg", "use", "kid", "x"} for each in signer.public_keys()), (
        "no private half"
    )


def test_a_token_without_an_algorithm_is_refused(signer: JwtSigner, ring: FileKeyRing) -> None:
    kid = ring.list_keys()[-1].id
    for word in ("none", "None", "NONE", ""):
        head = {"alg": word, "typ": "at+jwt", "kid": kid}
        body = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(said()).encode())}"
        refused(signer, f"{body}.")
        refused(signer, body)
        refused(signer, signed(ring, said(), {"alg": word}))
    refused(signer, jwt.encode(said(), None, algorithm="none", headers={"typ": "at+jwt", "kid": kid}))  # type: ignore[arg-type]


def test_the_public_key_is_no_secret_to_sign_with(signer: JwtSigner, ring: FileKeyRing) -> None:
    kid, key = ring.signing_key(PURPOSE)
    half = key.public_key()
    forms = [half.public_bytes_raw(), encoded(half.public_bytes_raw()).encode()]
    forms += [half.public_bytes(each, PublicFormat.SubjectPublicKeyInfo) for each in (Encoding.PEM, Encoding.DER)]
    for form in forms:
        for said_, digest in (("HS256", "sha256"), ("HS512", "sha512"), ("EdDSA", "sha512")):
            head = json.dumps({"alg": said_, "typ": "at+jwt", "kid": kid}).encode()
            body = f"{encoded(head)}.{encoded(json.dumps(said()).encode())}"
            refused(signer, f"{body}.{encoded(hmac.digest(form, body.encode(), digest))}")


def test_another_key_of_the_same_name_signs_nothing(signer: JwtSigner, ring: FileKeyRing) -> None:
    head = {"alg": "EdDSA", "typ": "at+jwt", "kid": ring.list_keys()[-1].id}
    refused(signer, assembled(head, json.dumps(said()), Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("kid", ["", "nosuchkey000", "../../keyring", None, 7, ["a"], {"a": 1}, ...])
def test_a_key_that_is_not_there_signs_nothing(signer: JwtSigner, ring: FileKeyRing, kid: Any) -> None:
    refused(signer, signed(ring, said(), {"kid": kid}))


@pytest.mark.parametrize("purpose", ["audit", "refresh", "id_token"])
def test_what_the_ring_signs_for_another_purpose_is_no_token(
    signer: JwtSigner, ring: FileKeyRing, purpose: str
) -> None:
    refused(signer, signed(ring, said(), purpose=purpose))


@pytest.mark.parametrize(
    "head",
    [
        {"typ": "JWT"},
        {"typ": "id+jwt"},
        {"typ": ...},
        {"typ": ["at+jwt"]},
        {"alg": "ES256"},
        {"alg": ...},
        {"crit": ["exp"]},
        {"jwk": {"kty": "OKP"}},
        {"jku": "https://evil.example.com/jwks.json"},
        {"x5u": "https://evil.example.com/x"},
        {"b64": False},
    ],
)
def test_a_head_that_is_not_ours_is_refused(signer: JwtSigner, ring: FileKeyRing, head: dict[str, Any]) -> None:
    refused(signer, signed(ring, said(), head))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example.com"},
        {"iss": [ISSUER]},
        {"iss": f"{ISSUER}/"},
        {"aud": "https://other.example.com"},
        {"aud": [ISSUER, "https://other.example.com"]},
        {"aud": []},
        {"aud": None},
        {"exp": int(time.time()) - 60},
        {"exp": "tomorrow"},
        {"exp": int(time.time()) + 100_000},
        {"exp": 10**30},
        {"exp": float("inf")},
        {"iat": int(time.time()) + 3_600},
        {"iat": "now"},
        {"nbf": int(time.time()) + 3_600},
        {"sub": 7},
        {"sub": None},
        {"sid": 7},
        {"sid": None},
        {"jti": 7},
        {"scope": "root"},
        {"scope": "read write"},
        {"scope": ["write"]},
        {"client_id": "another"},
        *({name: ...} for name in ("iss", "aud", "sub", "iat", "exp", "jti", "sid", "scope", "client_id")),
    ],
)
def test_claims_that_are_not_ours_are_refused(signer: JwtSigner, ring: FileKeyRing, changes: dict[str, Any]) -> None:
    refused(signer, signed(ring, said(**changes)))


def test_an_expired_token_says_so(signer: JwtSigner) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(Unauthenticated, match="expired"):
        signer.read(signer.sign(claims(issued_at=past, expires_at=past + LIFETIME)))


def test_a_changed_payload_breaks_the_signature(signer: JwtSigner) -> None:
    head, _, signature = signer.sign(claims(scope=Scope.READ)).split(".")
    for changes in ({"scope": "admin"}, {"sub": "admin"}, {"sid": "s2"}, {"exp": int(time.time()) + 599}):
        refused(signer, f"{head}.{encoded(json.dumps(said(**changes)).encode())}.{signature}")


def test_names_that_stand_twice_in_a_head_are_refused(signer: JwtSigner, ring: FileKeyRing) -> None:
    kid, key = ring.signing_key(PURPOSE)
    for text in (
        f'{{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}',
        f'{{"alg":"EdDSA","typ":"at+jwt","kid":"x","kid":"{kid}"}}',
    ):
        refused(signer, assembled(text, json.dumps(said()), key))


@pytest.mark.parametrize("payload", ["", "[]", "null", "7", '"x"', "{", "[" * 1_000])
def test_a_payload_that_is_no_object_is_refused(signer: JwtSigner, ring: FileKeyRing, payload: str) -> None:
    refused(signer, signed(ring, payload))


def test_a_huge_token_is_refused_before_it_is_read(signer: JwtSigner, ring: FileKeyRing) -> None:
    refused(signer, signed(ring, said(more="x" * 60_000)))
    refused(signer, TOKEN_PREFIX + "x" * 100_000)
    refused(signer, TOKEN_PREFIX + "." * 100_000)


def test_a_token_of_another_server_is_refused(tmp_path: Path, ring: FileKeyRing, signer: JwtSigner) -> None:
    theirs = JwtSigner(FileKeyRing(tmp_path / "keyring.json", makes=True), issuer=ISSUER, lifetime=LIFETIME)
    refused(signer, theirs.sign(claims()))
    elsewhere = JwtSigner(ring, issuer="https://other.example.com", lifetime=LIFETIME)
    refused(signer, elsewhere.sign(claims()))


def test_without_a_name_there_are_no_tokens(ring: FileKeyRing, signer: JwtSigner) -> None:
    nameless = JwtSigner(ring, issuer=None, lifetime=LIFETIME)
    with pytest.raises(Unavailable, match="PROMPTUARY_PUBLIC_URL"):
        nameless.sign(claims())
    refused(nameless, signer.sign(claims()))


def test_a_rotation_keeps_tokens_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = FileKeyRing(tmp_path / "keyring.json", makes=True)
    signer = JwtSigner(ring, issuer=ISSUER, lifetime=LIFETIME)
    old, now = signer.sign(claims()), datetime.now(UTC)
    ring.rotate(now, prepare=True)
    assert len(signer.public_keys()) == 2, "who checks tokens knows the next key before it signs"
    assert signer.read(old).user == "kim"
    ring.rotate(now)
    new = signer.sign(claims())
    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
    assert signer.read(old).user == signer.read(new).user == "kim"
    assert len(signer.public_keys()) == 2
    monkeypatch.setattr(token_signer, "OVERLAP", -LIFETIME)
    refused(signer, old)
    assert signer.read(new).user == "kim"
    assert len(signer.public_keys()) == 1, "a key that was copied long ago makes no tokens"


def test_successors_follow_from_a_secret_and_the_ring(tmp_path: Path, signer: JwtSigner) -> None:
    theirs = JwtSigner(FileKeyRing(tmp_path / "keyring.json", makes=True), issuer=ISSUER, lifetime=LIFETIME)
    assert signer.successor("one") == signer.successor("one")
    assert len({signer.successor("one"), signer.successor("two"), theirs.successor("one")}) == 3
    assert len(signer.successor("one")) == 32


@given(text=st.one_of(st.text(max_size=200), st.binary(max_size=200).map(encoded), st.text("eyJ.-_=A0{}", max_size=90)))
def test_no_random_text_is_a_token(signer: JwtSigner, text: str) -> None:
    refused(signer, text)
    refused(signer, TOKEN_PREFIX + text)


@given(parts=st.lists(st.binary(max_size=80), min_size=3, max_size=3), json_head=st.booleans())
def test_no_random_parts_are_a_token(signer: JwtSigner, parts: list[bytes], json_head: bool) -> None:
    head = encoded(json.dumps({"alg": "EdDSA", "typ": "at+jwt", "kid": parts[0].hex()}).encode())
    refused(signer, ".".join([head if json_head else encoded(parts[0]), *(encoded(part) for part in parts[1:])]))


@given(
    where=st.integers(min_value=0, max_value=10_000),
    removed=st.integers(min_value=0, max_value=3),
    put=st.text(max_size=3),
)
def test_no_change_of_a_token_is_a_token(signer: JwtSigner, where: int, removed: int, put: str) -> None:
    token = signer.sign(claims())
    where %= len(token)
    changed = token[:where] + put + token[where + removed :]
    if changed != token:
        refused(signer, changed)


@pytest.mark.parametrize("end", ["=", "==", "\n", " ", "."])
def test_a_token_has_one_form_only(signer: JwtSigner, end: str) -> None:
    token = signer.sign(claims())
    refused(signer, token + end)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for other in letters:
        if other != token[-1]:
            refused(signer, token[:-1] + other)
