"""Which addresses of the network a provider may be at: an administrator types one in, and a provider tells more."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address

from registry.domain.errors import Unavailable

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a host, as text. Raises OSError."""

# Where clouds tell a machine its own secrets; what is link-local is refused in any case.
_METADATA = frozenset({ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")})
_EMBEDDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
"""IPv6 addresses whose last four bytes are an IPv4 address that is asked in the end."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the system says of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def checked_addresses(host: str, port: int, resolve_: Resolve, *, allow_private: bool) -> Sequence[str]:
    """The addresses of a host, each of which may be connected to.

    Raises Unavailable where there is none, or where one of them may not be: who answers so means no good.
    """
    try:
        found = await resolve_(host, port)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"The host {host} of the identity provider is not known: {error}.") from error
    for text in found:
        if problem := _problem(ipaddress.ip_address(text.partition("%")[0]), allow_private=allow_private):
            raise Unavailable(f"The host {host} of the identity provider is at {text}, {problem}.")
    if not found:
        raise Unavailable(f"The host {host} of the identity provider has no address.")
    return found


def _problem(address: IPv4Address | IPv6Address, *, allow_private: bool) -> str | None:
    """Why an address may not be asked; None where it may."""
    address = _asked_in_the_end(address)
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
        return "where no provider can be"
    if not address.is_global and not allow_private:
        return (
            "which is not public. Where the provider is one of your own network, an administrator can allow that "
            "(--allow-private; over REST allow_private)"
        )
    return None


def _asked_in_the_end(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and address.teredo is not None:
        embedded = address.teredo[1]
    if embedded is None and int(address) > 1 and any(address in network for network in _EMBEDDING):
        embedded = IPv4Address(int(address) & 0xFFFFFFFF)
    return embedded or address
