"""Addresses of servers, as somebody typed them."""

from urllib.parse import urlsplit


def address_fault(address: str) -> str | None:
    """Why a server cannot be asked at an address; None where it can."""
    stripped = address.strip()
    if not stripped.startswith(("http://", "https://")) or not stripped.isascii() or not stripped.isprintable():
        return "is no address: it begins with http:// or https://, all in ASCII"
    try:
        urlsplit(stripped).port  # noqa: B018  (raises for what is none)
    except ValueError as error:
        return f"is no address: {error}"
    return None


def without_password(url: str) -> str:
    """An address as it can be shown."""
    scheme, mark, rest = url.strip().partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else "(hidden)" if "@" in url else url
