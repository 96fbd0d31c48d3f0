"""The authorization code flow (RFC 6749, with PKCE, RFC 7636): Authlib's client over our own requests."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import url_decode
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from registry.adapters.oidc.fetching import Fetching
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.identity_providers import PendingSignIn, Provider, ProviderAnswer
from registry.domain.names import printable


class CodeFlow(OAuth2Client):  # type: ignore[misc]  # it has no types
    """One provider's flow. Authlib writes the requests and reads the answers; ``Fetching`` carries them."""

    def __init__(self, provider: Provider, secret: str | None, fetching: Fetching, method: str | None) -> None:
        self._fetching = fetching
        self._provider = provider
        super().__init__(
            session=None,
            client_id=provider.client_id,
            client_secret=secret,
            token_endpoint_auth_method=method or "none",
            scope=" ".join(provider.scopes),
            code_challenge_method="S256",
        )
        self.register_client_auth_method(("client_secret_basic", _encoded_basic))

    def address(self, endpoint: str, pending: PendingSignIn, *, nonce: bool) -> str:
        """Where the browser goes."""
        extra = {"nonce": pending.nonce} if nonce else {}
        address, _ = self.create_authorization_url(
            endpoint,
            state=pending.state,
            code_verifier=pending.verifier,
            redirect_uri=pending.redirect_uri,
            **extra,
        )
        return str(address)

    async def tokens(self, endpoint: str, pending: PendingSignIn, answer: ProviderAnswer) -> Mapping[str, Any]:
        """The tokens of a code. Raises Unauthenticated where the provider says no, Unavailable."""
        try:
            found = await self.fetch_token(
                endpoint,
                grant_type="authorization_code",
                code=answer.code,
                redirect_uri=pending.redirect_uri,
                code_verifier=pending.verifier,
            )
        except AuthlibBaseError as error:
            said = f"{error.error}: {error.description}" if error.description else str(error.error)
            raise Unauthenticated(f"{self._provider.name} does not take the code: {shown_words(said)}") from error
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise Unavailable(f"{endpoint} does not answer as OAuth 2.0 does.") from error
        return dict(found)

    async def _fetch_token(  # the base's is not asynchronous
        self, url: str, body: str = "", headers: Any = None, auth: ClientAuth | None = None, **_how: Any
    ) -> Any:
        assert auth is not None
        url, headers, body = auth.prepare("POST", url, dict(headers or {}), body)
        answer = await self._fetching.ask(
            "POST",
            url,
            allow_private=self._provider.settings.allow_private,
            headers=headers,
            form=dict(url_decode(body)),
        )
        return self.parse_response_token(answer)


def shown_words(text: str) -> str:
    """A provider's own words, as far as a page shows them."""
    return printable(text)


def _encoded_basic(client: ClientAuth, _method: str, uri: str, headers: dict[str, str], body: str) -> Any:
    """What Authlib does as well, but with both encoded first (RFC 6749, 2.3.1), as strict providers want it."""
    both = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
    return uri, {**headers, "Authorization": f"Basic {b64encode(both.encode()).decode()}"}, body
