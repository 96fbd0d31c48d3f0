"""Where the server is, and the addresses of what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}


class Secret:
    """A key that shows itself to nobody but who asks for ``value``."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("The key is empty or holds what no key has: spaces, line breaks or letters beyond ASCII")
        self.value = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("A key is not pickled: make the client where it is used")


@dataclass(frozen=True)
class Server:
    """Scheme, host and port of a server, and the path below which it lies (without a slash at its end)."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"

    def target(self, repository: str, noun: str, name: str = "", query: Mapping[str, object] | None = None) -> str:
        """The path and query of something in a repository; parts of the query that are None are left out."""
        asked = urlencode({key: value for key, value in (query or {}).items() if value is not None}, quote_via=quote)
        path = "/".join(filter(None, (quote(repository, safe=""), noun, quote(name))))
        return f"{self.prefix}/api/v1/repositories/{path}{'?' if asked else ''}{asked}"

    def follow(self, target: str, location: str) -> str | None:
        """The target that a redirect leads to; None where it leads to another origin, which never gets the key."""
        try:
            found = urlsplit(urljoin(f"{self}{target[len(self.prefix) :]}", location))
            port = found.port or _PORTS.get(found.scheme)
        except ValueError:
            return None
        if (found.scheme, found.hostname, port) != (self.scheme, self.host, self.port) or "@" in found.netloc:
            return None
        path = quote(found.path, safe="/%:@!$&'()*+,;=~")
        return f"{path}?{quote(found.query, safe='/%:@!$&()*+,;=~?')}" if found.query else path


def parse_server(url: str) -> Server:
    """Reads ``https://host[:port][/prefix]``. Raises ValueError, which never shows the address: it may hold a key."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError("The server's URL cannot be read: write it as https://host or http://host:port") from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("The server's URL holds credentials, which end up in logs: pass the key as key=")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("The server's URL must be http://host or https://host, with a port if need be")
    if parts.query or parts.fragment:
        raise ValueError("The server's URL must end before ? and #: it is the address of the server alone")
    prefix = quote(parts.path.rstrip("/"), safe="/%")
    return Server(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], prefix)
