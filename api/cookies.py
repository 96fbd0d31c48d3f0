"""The cookies of sessions and of sign-ins under way, and over which connections there can be one.

Their names begin with ``__Host-``: browsers take them over HTTPS alone, for this host alone, and show them to no
script. To them ``http://localhost`` is as good as HTTPS.
"""

from ipaddress import ip_address

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from registry.domain.errors import Denied
from registry.domain.key_secrets import SESSION_PREFIX
from registry.domain.names import printable
from registry.domain.sign_in import SessionSpan

NAME = "__Host-promptuary"
PENDING = f"{NAME}-oidc-"
"""What the cookie of a sign-in by a provider begins with; the provider's name follows."""

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
    found = _value_in(cookies, NAME)
    return found if found is not None and found.startswith(SESSION_PREFIX) else None


def set_pending(headers: MutableHeaders, provider: str, sealed: str, seconds: int) -> None:
    """Has the browser keep what it set out to a provider with."""
    headers.append("set-cookie", f"{PENDING}{provider}={sealed}; {_KEPT}; Max-Age={seconds}")
    headers["cache-control"] = "no-store"


def end_pending(headers: MutableHeaders, provider: str) -> None:
    """Has the browser forget it."""
    headers.append("set-cookie", f"{PENDING}{provider}=; {_KEPT}; Max-Age=0")
    headers["cache-control"] = "no-store"


def pending_in(cookies: bytes, provider: str) -> str | None:
    """What the browser set out to a provider with; None where it did not, or not from here."""
    return _value_in(cookies, f"{PENDING}{provider}")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_secure(request: Request) -> None:
    """Raises Denied where a browser would not keep the cookie: over plain HTTP, from another machine."""
    if request.scope["scheme"] == "https" or is_loopback(request.url.hostname or ""):
        return
    host = printable((request.url.hostname or "")[:100])
    raise Denied(
        f"Signing in needs HTTPS: over plain HTTP to {host} a browser keeps no session, and the password could be read "
        "on the way. Set PROMPTUARY_TLS_CERTIFICATE and PROMPTUARY_TLS_KEY, or put a proxy with TLS in front and name "
        "it in PROMPTUARY_TRUSTED_PROXIES. On the server's own machine http://127.0.0.1 works."
    )


def _value_in(cookies: bytes, name: str) -> str | None:
    """The value of the one cookie of a name; None where there are two: one of them another host of the domain planted.

    Whatever other applications of the host keep stands beside it and does not matter. Nothing but blanks is left out
    around names: browsers let through others, such as NBSP, from pages that may not set what it looks like.
    """
    pairs = (each.strip(b" \t").partition(b"=") for each in cookies.split(b";"))
    found = [value for key, is_pair, value in pairs if is_pair and key == name.encode()]
    return found[0].decode("latin-1") if len(found) == 1 else None
