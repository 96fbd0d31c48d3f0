"""Asking a provider over HTTP: at the address that was checked, never elsewhere, not for long and not for much."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from registry.adapters.oidc.addresses import Resolve, checked_addresses, resolve
from registry.domain.errors import Unavailable
from registry.domain.identity_providers import is_secure

MAX_BYTES = 1_048_576
"""How long an answer may be."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """How providers are asked: ``seconds`` is how long one may take, from looking its host up to its last byte."""

    seconds: float = 10.0
    max_bytes: int = MAX_BYTES
    resolve: Resolve = resolve

    async def ask(
        self,
        method: str,
        url: str,
        *,
        allow_private: bool,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer with its whole body, whatever its status; a redirect is not followed.

        Raises Unavailable for an address that may not be asked, and where no answer comes, or one that is too long.
        """
        if not is_secure(url, allow_private=allow_private):
            raise Unavailable(f"The identity provider names the address {url[:200]!r}, which is none of HTTPS.")
        try:
            async with asyncio.timeout(self.seconds):
                return await self._ask(httpx.Request(method, url, headers=headers, data=form), allow_private)
        except TimeoutError as error:
            raise Unavailable(f"{_place(url)} did not answer within {self.seconds:g} seconds.") from error
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as error:  # ValueError: xn--… that is none
            raise Unavailable(f"{_place(url)} cannot be asked: {str(error) or type(error).__name__}.") from error

    async def _ask(self, request: httpx.Request, allow_private: bool) -> httpx.Response:
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.raw_host.decode("ascii")
        found = await checked_addresses(host, port, self.resolve, allow_private=allow_private)
        transport = httpx.AsyncHTTPTransport(verify=_trusted(), trust_env=False)
        async with transport:
            for address in found[:-1]:
                try:
                    return await self._read(transport, _at(request, address, self.seconds))
                except httpx.ConnectError:
                    continue
            return await self._read(transport, _at(request, found[-1], self.seconds))

    async def _read(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        answer = await transport.handle_async_request(request)
        body = bytearray()
        try:
            # A short body may be a long one when it is unpacked; none is asked for so.
            if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise Unavailable(f"{request.headers['host']} packs its answer, which nobody asked for.")
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > self.max_bytes:
                    raise Unavailable(f"{request.headers['host']} answers more than {self.max_bytes} bytes.")
        finally:
            await answer.aclose()
        kept = {name: answer.headers[name] for name in ("content-type", "link") if name in answer.headers}
        return httpx.Response(answer.status_code, headers=kept, content=bytes(body), request=request)


def json_of(answer: httpx.Response, what: str) -> Any:
    """The JSON of a good answer. Raises Unavailable."""
    if answer.status_code != 200:
        elsewhere = ": give the address that it redirects to" if answer.is_redirect else ""
        raise Unavailable(f"{what} is answered with status {answer.status_code}{elsewhere}.")
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise Unavailable(f"{what} is no JSON.") from error


def object_of(answer: httpx.Response, what: str) -> dict[str, Any]:
    """The same where it is an object. Raises Unavailable."""
    found = json_of(answer, what)
    if not isinstance(found, dict):
        raise Unavailable(f"{what} is no JSON object.")
    return found


def _at(request: httpx.Request, address: str, seconds: float) -> httpx.Request:
    """The same request to the very address that was looked at: who is asked again may give another one."""
    host = request.url.raw_host.decode("ascii")
    headers = {**request.headers, "accept-encoding": "identity", "user-agent": "Promptuary"}
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=headers,
        content=request.content,
        extensions={"sni_hostname": host, "timeout": httpx.Timeout(seconds).as_dict()},
    )


def _place(url: str) -> str:
    """The address without its query, which may hold what is nobody's business."""
    return url.partition("?")[0][:200]


@cache
def _trusted() -> ssl.SSLContext:
    """Who vouches for providers: the well-known authorities, and those of this machine, such as a company's own."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
