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


def place_here(address: str) -> tuple[str, int] | None:
    """Host and port of an address that leads to this machine itself; None where it leads elsewhere or is none."""
    if address_fault(address) is not None:
        return None
    parts = urlsplit(address.strip())
    if parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        return None
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
