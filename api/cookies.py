"""The cookie of a session, and over which connections there can be one.

Its name begins with ``__Host-``: browsers take it over HTTPS alone, for this host alone, and show it to no script. To
them ``http://localhost`` is as good as HTTPS.
"""

from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from registry.domain.errors import Denied
from registry.domain.key_secrets import SESSION_PREFIX
from registry.domain.names import printable
from registry.domain.sign_in import SessionSpan

NAME = "__Host-promptuary"
_KEPT = "Path=/; HttpOnly; Secure; SameSite=Lax"


def set_session(headers: MutableHeaders, secret: str, span: SessionSpan) -> None:
    """Has the browser keep a session's secret."""
    headers.append("set-cookie", f"{NAME}={secret}; {_KEPT}; Max-Age={int(span.longest.total_seconds())}")
    headers["cache-control"] = "no-store"


def end_session(headers: MutableHeaders) -> None:
    """Has the browser forget it."""
    headers.append("set-cookie", f"{NAME}=; {_KEPT}; Max-Age=0")
    headers["cache-control"] = "no-store"


def secret_in(cookies: bytes) -> str | None:
    """The session's secret in a Cookie header; None where there is none, or none that could be one."""
    try:
        found = SimpleCookie(cookies.decode("latin-1")).get(NAME)
    except CookieError:
        return None
    return found.value if found is not None and found.value.startswith(SESSION_PREFIX) else None


def require_secure(request: Request) -> None:
    """Raises Denied where a browser would not keep the cookie: over plain HTTP, from another machine."""
    if request.scope["scheme"] == "https" or _is_loopback(request.url.hostname or ""):
        return
    host = printable((request.url.hostname or "")[:100])
    raise Denied(
        f"Signing in needs HTTPS: over plain HTTP to {host} a browser keeps no session, and the password could be read "
        "on the way. Set PROMPTUARY_TLS_CERTIFICATE and PROMPTUARY_TLS_KEY, or put a proxy with TLS in front and name "
        "it in PROMPTUARY_TRUSTED_PROXIES. On the server's own machine http://127.0.0.1 works."
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
