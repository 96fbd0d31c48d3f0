"""An identity provider that does what it is told to: honest unless a test says otherwise, which no certified one is."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwk, jwt

from tests.serving import served

CLIENT, SECRET = "promptuary", "the/secret+of the client"


def new_key(kid: str, kind: str = "EC") -> Any:
    """A signing key of its own."""
    if kind == "RSA":
        return jwk.RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, auto_kid=False)
    if kind == "OKP":
        return jwk.OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig"}, auto_kid=False)
    return jwk.ECKey.generate_key("P-256", {"kid": kid, "use": "sig"}, auto_kid=False)


@dataclass
class MadeUpProvider:
    """An OpenID provider without pages: codes are made by ``code``, as if somebody had signed in there."""

    issuer: str = ""
    keys: list[Any] = field(default_factory=lambda: [new_key("one")])
    algorithm: str = "ES256"
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    sign: Callable[[dict[str, Any]], str] | None = None
    """What makes the ID token of its claims, instead of the first key."""
    answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    """What answers at a path, instead of what is honest: an ASGI send."""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    authorization: list[str] = field(default_factory=list)

    def code(self, address: str, *, subject: str = "s-1") -> str:
        """A code for whom the browser was sent to ``address``."""
        asked = {name: values[0] for name, values in parse_qs(address.partition("?")[2]).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = {**asked, "sub": subject}
        return code

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        self.asked.append(path)
        if path in self.answers:
            await self.answers[path](send)
            return
        if path == "/.well-known/openid-configuration":
            await answer(send, self._metadata())
        elif path == "/jwks":
            await answer(send, {"keys": [key.as_dict(private=False) for key in self.keys]})
        elif path == "/token":
            self.authorization = [v.decode() for n, v in scope["headers"] if n == b"authorization"]
            await self._token(send, (await receive())["body"].decode())
        elif path == "/userinfo":
            sub = {"sub": self.claims.get("sub", "s-1")}
            await answer(send, {**sub, **self.claims, **(self.userinfo or {})})
        else:
            await answer(send, {"error": "not found"}, 404)

    def _metadata(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "Ed25519", "PS256", "HS256", "none"],
        } | self.metadata
        return {name: value for name, value in said.items() if value is not None}

    async def _token(self, send: Any, body: str) -> None:
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or challenge != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            await answer(send, {"error": "invalid_grant", "error_description": "no such code"}, 400)
            return
        now = int(time.time())
        times = {"iat": now, "exp": now + 60}
        honest = {"iss": self.issuer, "sub": asked["sub"], "aud": asked["client_id"], "nonce": asked["nonce"], **times}
        claims = {name: value for name, value in {**honest, **self.claims}.items() if value is not None}
        token = self.sign(claims) if self.sign is not None else self.signed(claims)
        await answer(send, {"access_token": "at", "token_type": "Bearer", "id_token": token})

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """A token by the first key."""
        head = {"alg": self.algorithm, "kid": self.keys[0].kid, **header}
        return jwt.encode(head, claims, self.keys[0], algorithms=[self.algorithm])


async def answer(send: Any, body: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """A whole answer; what is no bytes as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = headers or [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": data})


async def hang(_send: Any) -> None:
    """No answer at all."""
    await asyncio.sleep(60)


async def drip(send: Any) -> None:
    """An answer that never ends, slowly: no pause is long."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    for _ in range(600):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(0.1)


async def pour(send: Any) -> None:
    """Megabytes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    for _ in range(64):
        await send({"type": "http.response.body", "body": b" " * 65_536, "more_body": True})
    await send({"type": "http.response.body", "body": b"{}"})


def saying(body: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Callable[[Any], Any]:
    """What answers always the same."""

    async def said(send: Any) -> None:
        await answer(send, body, status, headers)

    return said


@asynccontextmanager
async def made_up_provider() -> AsyncIterator[MadeUpProvider]:
    """One that is running."""
    provider = MadeUpProvider()
    async with served(provider) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider
