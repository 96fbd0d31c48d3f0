"""Addresses of clients: what a trusted proxy says of them."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from starlette.types import Scope

from registry.domain.networks import REMEMBERED, read_address
from registry.edge_settings import Network

FORWARDED_FOR = b"x-forwarded-for"
FORWARDED_PROTO = b"x-forwarded-proto"
OF_PROXIES = frozenset({FORWARDED_FOR, FORWARDED_PROTO, b"x-forwarded-host", b"x-real-ip", b"forwarded"})
"""Headers that only a proxy may say. A replica does not pass them on; it says its own."""

FORWARDED = b"promptuary-forwarded"
"""Marks a request that came through a replica: no replica passes it on again."""

PROXIED = "promptuary.proxied"
"""Where in the ASGI scope it stands that a trusted proxy has said who the client is."""

LONG = 256


class TrustedProxies:
    """Whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` count; those of anybody else are not looked at."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._client_of = lru_cache(REMEMBERED)(self._look_up)

    def trusts(self, address: str) -> bool:
        """Whether an address is a proxy's."""
        found = read_address(address) if self._networks else None
        return found is not None and self._has(found)

    def apply(self, scope: Scope) -> None:
        """Puts client and scheme of a request that came by a trusted proxy into its scope, as the proxy says them."""
        said, schemes = [], []
        for name, value in scope["headers"]:
            if name == FORWARDED_FOR:
                said.append(value)
            elif name == FORWARDED_PROTO:
                schemes.append(value.lower())
        if said:
            scope[PROXIED] = True
            text = b",".join(said)
            find = self._client_of if len(text) <= LONG else self._look_up  # what strangers wrote is not kept
            scope["client"] = (find(scope["client"][0], text), 0)
        if len(schemes) == 1 and schemes[0] in {b"http", b"https"}:
            scope["scheme"] = schemes[0].decode()

    def _look_up(self, peer: str, said: bytes) -> str:
        """The first address from the right that is no proxy of ours: what stands left of it anybody can have written.

        What is no address ends the search, and the proxy that wrote it is the client.
        """
        client = peer
        for word in reversed(said.decode("latin-1").split(",")):
            found = read_address(_without_port(word.strip()))
            if found is None:
                return client
            client = str(found)
            if not self._has(found):
                return client
        return client

    def _has(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def _without_port(text: str) -> str:
    """``192.0.2.1:80`` and ``[2001:db8::1]:80`` are written by some proxies."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, port = text.partition(":")
    return host if port.isdigit() else text
