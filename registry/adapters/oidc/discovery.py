"""What a provider says of itself (OpenID Connect Discovery 1.0), and its keys; both are kept for a while."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from registry.adapters.oidc.fetching import Fetching, object_of
from registry.domain.errors import Unavailable
from registry.domain.identity_providers import Provider, is_secure

ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519", "PS256")
"""What ID tokens may be signed with: by a key that the provider alone has."""

KEPT_SECONDS = 600.0
FAILED_SECONDS = 5.0
"""How long a provider that did not answer is not asked again, however many want to sign in."""
KEYS_AGAIN_SECONDS = 10.0
"""How often keys are fetched anew because a token names one that is not among them."""
MOST_KEYS = 100

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: Sequence[str]
    auth_methods: Sequence[str]
    sends_issuer: bool
    """Whether it says who it is when it sends a browser back (RFC 9207)."""


@dataclass(slots=True)
class _Kept:
    """What was found, or why nothing was."""

    metadata: Metadata | None = None
    keys: Sequence[Mapping[str, Any]] = ()
    until: float = 0.0
    keys_until: float = 0.0
    keys_fetched: float = float("-inf")
    problem: str = ""


class Discovery:
    """Finds out about providers, once for all who ask at the same moment."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching
        self._kept: dict[tuple[str, bool], _Kept] = {}
        self._locks: dict[tuple[str, bool], asyncio.Lock] = {}

    async def metadata(self, provider: Provider) -> Metadata:
        """What a provider says of itself. Raises Unavailable."""
        kept, lock = self._of(provider)
        async with lock:
            now = monotonic()
            if kept.until < now:
                try:
                    kept.metadata = await self._discover(provider)
                    kept.until, kept.problem = now + KEPT_SECONDS, ""
                except Unavailable as error:
                    kept.metadata, kept.problem, kept.until = None, error.message, monotonic() + FAILED_SECONDS
            if kept.metadata is None:
                raise Unavailable(kept.problem)
            return kept.metadata

    async def keys(self, provider: Provider, *, lacks: bool = False) -> Sequence[Mapping[str, Any]]:
        """A provider's keys (RFC 7517); ``lacks``: those that were given before had not the one that is wanted.

        Then they are fetched anew, but not for every forged token. Raises Unavailable.
        """
        metadata = await self.metadata(provider)
        kept, lock = self._of(provider)
        async with lock:
            now = monotonic()
            is_old = kept.keys_until < now or (lacks and now - kept.keys_fetched >= KEYS_AGAIN_SECONDS)
            if is_old:
                kept.keys_fetched = now
                kept.keys = await self._fetch_keys(metadata, provider)
                kept.keys_until = now + KEPT_SECONDS
            return kept.keys

    def _of(self, provider: Provider) -> tuple[_Kept, asyncio.Lock]:
        which = provider.issuer, provider.settings.allow_private
        return self._kept.setdefault(which, _Kept()), self._locks.setdefault(which, asyncio.Lock())

    async def _discover(self, provider: Provider) -> Metadata:
        place = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        private = provider.settings.allow_private
        answer = await self._fetching.ask("GET", place, allow_private=private)
        return read_metadata(object_of(answer, place), provider)

    async def _fetch_keys(self, metadata: Metadata, provider: Provider) -> Sequence[Mapping[str, Any]]:
        answer = await self._fetching.ask("GET", metadata.jwks_uri, allow_private=provider.settings.allow_private)
        found = object_of(answer, metadata.jwks_uri).get("keys")
        if not isinstance(found, list) or len(found) > MOST_KEYS:
            raise Unavailable(f"{metadata.jwks_uri} has no list of keys.")
        return [each for each in found if isinstance(each, dict)]


def read_metadata(said: Mapping[str, Any], provider: Provider) -> Metadata:
    """The metadata. Raises Unavailable where it is another provider's, or lacks what is needed."""
    issuer = provider.issuer
    if said.get("issuer") != issuer:
        raise Unavailable(f"{issuer} says that its issuer is {said.get('issuer')!r}: set up exactly that one.")
    places = {name: said.get(name) for name in _ENDPOINTS}
    for name, place in places.items():
        if place is None and name == "userinfo_endpoint":
            continue
        if not isinstance(place, str) or not is_secure(place, allow_private=provider.settings.allow_private):
            raise Unavailable(f"{issuer} names {place!r} as its {name}, which is no address of HTTPS.")
    algorithms = [each for each in ALGORITHMS if each in _words(said, "id_token_signing_alg_values_supported")]
    if not algorithms:
        raise Unavailable(f"{issuer} signs with none of {', '.join(ALGORITHMS)}: others are not believed.")
    return Metadata(
        issuer=issuer,
        authorization_endpoint=str(places["authorization_endpoint"]),
        token_endpoint=str(places["token_endpoint"]),
        jwks_uri=str(places["jwks_uri"]),
        userinfo_endpoint=places["userinfo_endpoint"],
        algorithms=algorithms,
        auth_methods=_words(said, "token_endpoint_auth_methods_supported") or ["client_secret_basic"],
        sends_issuer=said.get("authorization_response_iss_parameter_supported") is True,
    )


def _words(said: Mapping[str, Any], name: str) -> list[str]:
    found = said.get(name)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
