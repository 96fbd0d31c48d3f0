"""Who acts just now and from where, for what is audited on the way of a request or a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from registry.domain.access import Actor
from registry.domain.audit import AuditOrigin
from registry.domain.networks import network_of

_CURRENT: ContextVar[AuditOrigin] = ContextVar("audit_origin", default=AuditOrigin())  # noqa: B039  (it is frozen)


@contextmanager
def acting(origin: AuditOrigin) -> Iterator[None]:
    """What is done in the context, and in tasks that begin in it, is done by the one who is named."""
    token = _CURRENT.set(origin)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_network() -> str:
    """What the one who acts just now counts as among addresses; empty where that is not known."""
    return network_of(current_origin().address or "")


def current_origin(actor: Actor | None = None) -> AuditOrigin:
    """Who acts just now; ``actor``, where that is known, from the place that the request came from."""
    origin = _CURRENT.get()
    return origin if actor is None else replace(origin, actor=actor.user, key_id=actor.key_id)
