"""What every answer tells browsers to be strict about, as ready bytes: they are put in where answers are written.

Not where they are made: no answer can go out without them so, whoever made it, and all of them together cost a hot read
less than one header that passes through the framework (docs/decisions/0030).
"""

from collections.abc import Sequence
from dataclasses import dataclass

API_POLICY = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Of answers that are no pages: should a browser show one, it loads and runs nothing. Pages say their own."""

_POLICY = b"content-security-policy"
_TRANSPORT = b"strict-transport-security"

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not no-referrer: with it browsers say "Origin: null" of our own page's requests, too.
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

NAMES = frozenset({_POLICY, _TRANSPORT, *(name for name, _ in _ALWAYS)})
"""Headers that are each process's own to say: of an answer that is passed on they are left out."""

_SAID = b"\r\n" + _POLICY + b":"


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """Header lines, each with its end: those of every answer, and the same with the policy of what is no page."""

    lines: bytes
    with_policy: bytes

    def put_into(self, head: bytes) -> bytes:
        """A response's head with these lines after its status line; a policy that it has itself stays the only one."""
        begin = head.index(b"\r\n") + 2
        return b"".join((head[:begin], self.lines if _SAID in head else self.with_policy, head[begin:]))


def make_block(hsts_seconds: int = 0) -> HeaderBlock:
    """The lines; with HSTS for so many seconds, which only an answer over TLS may say."""
    transport = ((_TRANSPORT, b"max-age=%d" % hsts_seconds),) if hsts_seconds else ()
    lines = (*_ALWAYS, *transport)
    return HeaderBlock(_written(lines), _written(((_POLICY, API_POLICY), *lines)))


def _written(lines: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%s: %s\r\n" % line for line in lines)
