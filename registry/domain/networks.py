"""Addresses of clients, and which of them stand for the same one."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

PREFIX_BITS = 64
"""Of an IPv6 address, what one customer of a network has at least: the rest is his to choose."""

REMEMBERED = 4096


@lru_cache(REMEMBERED)
def network_of(address: str) -> str:
    """What is counted as one client: an IPv4 address, the /64 of an IPv6 address, and anything else as it is."""
    found = read_address(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, PREFIX_BITS), strict=False))
    return str(found) if found is not None else address


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address; an IPv4 address that is written as IPv6 is one."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
