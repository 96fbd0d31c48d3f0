"""Requests that another site has a browser make (CSRF): they change nothing here.

A browser says where a request comes from: in ``Sec-Fetch-Site`` (Fetch Metadata), and in ``Origin`` wherever something
is sent. No page can say it otherwise. A token in each form would hold no more, and would have to be got first.
"""

from collections.abc import Mapping

from starlette.types import Scope

from registry.domain.errors import Denied

READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({b"same-origin", b"none"})
"""``none``: by the user himself, such as by a bookmark."""

REFUSED = "This request comes from a page of another site, which may not do anything in your name here."


def check_cross_site(scope: Scope, headers: Mapping[bytes, bytes], public_url: str | None, *, by_cookie: bool) -> None:
    """Raises Denied for a request that changes something and does not come from one of our own pages.

    ``by_cookie``: whether a cookie says who asks; else a program, which says nothing of a site, may.
    """
    if scope["method"] in READING:
        return
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    if site is not None:
        allowed = site in _OWN
    elif origin is not None:
        allowed = origin.decode("latin-1") in _own_origins(scope, headers, public_url)
    else:
        allowed = not by_cookie
    if not allowed:
        raise Denied(REFUSED)


def _own_origins(scope: Scope, headers: Mapping[bytes, bytes], public_url: str | None) -> set[str]:
    host = headers.get(b"host", b"").decode("latin-1")
    return {f"{scope['scheme']}://{host}", *({public_url} if public_url else ())}
