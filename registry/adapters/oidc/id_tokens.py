"""ID tokens (OpenID Connect Core 1.0, 3.1.3.7): whether the provider signed one, for us, now, for this sign-in."""

import json
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import JoseError, SecurityWarning

from registry.adapters.oidc.discovery import Discovery
from registry.domain.errors import Unauthenticated
from registry.domain.identity_providers import PendingSignIn, Provider

LEEWAY = 30
"""Seconds by which the clocks of two servers may differ."""

LONGEST = 65_536
LEAST_RSA_BITS = 2_048

_PARTS = frozenset({"kty", "crv", "x", "y", "n", "e"})
"""What a public key is made of."""

_KINDS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""The kind of key that an algorithm needs, and its curve: a key is never used for another algorithm."""


@dataclass(frozen=True, slots=True)
class IdTokens:
    """Reads ID tokens."""

    discovery: Discovery

    async def claims(
        self, provider: Provider, pending: PendingSignIn, token: str, access_token: str, now: datetime
    ) -> dict[str, Any]:
        """The claims of a token that holds. Raises Unauthenticated, Unavailable."""
        metadata = await self.discovery.metadata(provider)
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in metadata.algorithms:
            raise Unauthenticated(f"{provider.name} signed with {algorithm!r}, which is not one of its algorithms.")
        found = _fitting(await self.discovery.keys(provider), algorithm, kid)
        if not found:
            found = _fitting(await self.discovery.keys(provider, lacks=True), algorithm, kid)
        if len(found) != 1:
            raise Unauthenticated(f"{provider.name} signed with a key that is not among those that it shows.")
        claims = _signed(provider, token, found[0], algorithm)
        _check(provider, pending, claims, header, access_token, now)
        return claims


def _header(token: str) -> dict[str, Any]:
    head, dots, _ = token.partition(".")
    try:
        found = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4))) if dots and len(token) <= LONGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unauthenticated("The provider's answer has no ID token that can be read.")
    return found


def _fitting(keys: Sequence[Mapping[str, Any]], algorithm: str, kid: Any) -> Sequence[Mapping[str, Any]]:
    """The keys of that id and kind; without an id all of the kind, of which there must be one alone."""
    kind, curve = _KINDS[algorithm]
    return [
        key
        for key in keys
        if key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use") in {None, "sig"}
        and key.get("alg") in {None, algorithm}
        and (kid is None or key.get("kid") == kid)
    ]


def _signed(provider: Provider, token: str, key: Mapping[str, Any], algorithm: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA has got another name; small keys are refused below
            return _decoded(provider, token, key, algorithm)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise Unauthenticated(f"{provider.name} did not sign this: its key does not fit the ID token.") from error


def _decoded(provider: Provider, token: str, key: Mapping[str, Any], algorithm: str) -> dict[str, Any]:
    imported = jwk.import_key({name: value for name, value in key.items() if name in _PARTS})
    if isinstance(imported, jwk.RSAKey) and imported.public_key.key_size < LEAST_RSA_BITS:
        raise Unauthenticated(f"{provider.name} signs with a key of less than {LEAST_RSA_BITS} bits.")
    return dict(jwt.decode(token, imported, algorithms=[algorithm]).claims)


def _check(
    provider: Provider,
    pending: PendingSignIn,
    claims: dict[str, Any],
    header: dict[str, Any],
    access_token: str,
    now: datetime,
) -> None:
    """Raises Unauthenticated for a token that another issued, or for others, or at another time, or another sign-in."""
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    params = {"nonce": pending.nonce, "client_id": provider.client_id, "access_token": access_token}
    try:
        CodeIDToken(claims, header, options, params).validate(now=int(now.timestamp()), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError) as error:
        said = str(getattr(error, "description", "") or error)
        raise Unauthenticated(f"The ID token of {provider.name} does not hold: {said}") from error
