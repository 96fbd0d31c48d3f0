"""Addresses of clients: which of them stand for the same one."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

PREFIX_BITS = 64
"""Of an IPv6 address, what one customer of a network has at least: the rest is his to choose."""


@lru_cache(4096)
def network_of(address: str) -> str:
    """What is counted as one client: an IPv4 address, the /64 of an IPv6 address, and anything else as it is."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, PREFIX_BITS), strict=False))
