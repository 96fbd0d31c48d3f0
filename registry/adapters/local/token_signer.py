"""Access tokens as JWTs (RFC 9068), signed with Ed25519 by a key that is derived of the key ring's, and has its id.

What a token says of itself decides nothing: the algorithm is this one, and of its head the key's id alone is used.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry.adapters.local.keyring import FileKeyRing
from registry.domain.access_tokens import CLIENT, AccessClaims
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.keyring import RingKey, RingKeyState
from registry.domain.roles import Scope

PURPOSE = "jwt"
SUCCESSORS = "refresh"
ALGORITHM = "EdDSA"
TYPE = "at+jwt"
LEEWAY = timedelta(seconds=5)
"""What the clocks of machines may be apart."""

OVERLAP = timedelta(hours=1)
"""How long a former key is still taken: other machines sign with it until they have the new ring."""

LONGEST = 2_048
"""Letters of a token; ours have some 500."""

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{85}[AQgw])")
"""A signature of 64 bytes has four unused bits in its last letter, which are zero: no token has a second form."""

_NEEDED = ("iss", "aud", "sub", "iat", "exp", "jti", "sid", "scope", "client_id")
_HEAD = frozenset({"alg", "typ", "kid"})
_REFUSED = "The access token does not hold here (any more): get a new one, by the refresh token or promptuary login."


class JwtSigner:
    """Implements ``ports.tokens.TokenSigner``."""

    def __init__(self, ring: FileKeyRing, *, issuer: str | None, lifetime: timedelta) -> None:
        """``issuer`` is the server's address, and the tokens' audience; without one there are no tokens.

        ``lifetime`` is how long a token lasts at most.
        """
        self._ring = ring
        self.issuer = issuer
        self._lifetime = lifetime

    def sign(self, claims: AccessClaims) -> str:
        """A token that says so. Raises Unavailable."""
        if self.issuer is None:
            raise Unavailable("Tokens are signed in the name of PROMPTUARY_PUBLIC_URL, which is not set.")
        key_id, key = self._ring.signing_key(PURPOSE)
        said = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": claims.user,
            "iat": int(claims.issued_at.timestamp()),
            "exp": int(claims.expires_at.timestamp()),
            "jti": claims.id,
            "sid": claims.session_id,
            "scope": claims.scope.value,
            "client_id": CLIENT,
        }
        return jwt.encode(said, key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": key_id})

    def read(self, token: str) -> AccessClaims:
        """What a token says that was signed here and holds just now. Raises Unauthenticated, Unavailable."""
        key = self._key_of(token)
        try:
            said = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self.issuer,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": list(_NEEDED), "strict_aud": True},
            )
            claims = AccessClaims(
                said["jti"],
                UserName(said["sub"]),
                said["sid"],
                Scope(said["scope"]),
                datetime.fromtimestamp(said["iat"], UTC),
                datetime.fromtimestamp(said["exp"], UTC),
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The access token has expired: get a new one with the refresh token.") from error
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
            raise Unauthenticated(_REFUSED) from error
        is_odd = said["client_id"] != CLIENT or not isinstance(claims.session_id, str)
        if is_odd or claims.expires_at - claims.issued_at > self._lifetime + LEEWAY:
            raise Unauthenticated(_REFUSED)
        return claims

    def successor(self, secret: str) -> bytes:
        """32 bytes that follow from a secret and the ring's current key: Ed25519 signs the same text alike."""
        signed = self._ring.sign(SUCCESSORS, secret.encode())
        return hashlib.sha256(bytes.fromhex(signed.signature)).digest()

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """The public halves of all keys that tokens can be signed with, as JWKs (RFC 8037)."""
        self._ring.signing_key(PURPOSE)  # the ring is made where there is none yet
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": ALGORITHM,
                "use": "sig",
                "kid": key.id,
                "x": base64.urlsafe_b64encode(half.public_bytes_raw()).decode().rstrip("="),
            }
            for key in self._ring.list_keys()
            if self._is_taken(key) and (half := self._ring.public_key(PURPOSE, key.id)) is not None
        ]

    def _key_of(self, token: str) -> Ed25519PublicKey:
        """The key that a token names. Raises Unauthenticated for what is no token, or names none that is taken."""
        found = _FORM.fullmatch(token) if len(token) <= LONGEST else None
        head = _head(found[1]) if found is not None and self.issuer is not None else {}
        if set(head) != _HEAD or head["alg"] != ALGORITHM or head["typ"] != TYPE:
            raise Unauthenticated(_REFUSED)
        taken = (key.id for key in self._ring.list_keys() if self._is_taken(key))
        half = self._ring.public_key(PURPOSE, head["kid"]) if head["kid"] in taken else None
        if half is None:
            raise Unauthenticated(_REFUSED)
        return half

    def _is_taken(self, key: RingKey) -> bool:
        if key.state is not RingKeyState.FORMER:
            return True
        return key.former_since is not None and datetime.now(UTC) < key.former_since + self._lifetime + OVERLAP


def _head(text: str) -> dict[str, Any]:
    """What a token says of itself; nothing where it cannot be read, or says something twice."""
    try:
        pairs = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_"), object_pairs_hook=list)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        return {}
    found = dict(pairs)
    return found if len(found) == len(pairs) else {}
