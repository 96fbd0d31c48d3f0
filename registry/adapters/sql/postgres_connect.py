"""How connections to PostgreSQL are made. The address, which may hold a password, is known to the connector alone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from registry.domain.errors import Unavailable

CONNECT_SECONDS = 3.0

_SETTINGS = {
    "application_name": "promptuary",
    "jit": "off",  # compiling takes longer than any of our queries
    "synchronous_commit": "on",
    "synchronize_seqscans": "off",  # the same rows in the same order each time
    "max_parallel_workers_per_gather": "0",
    "idle_in_transaction_session_timeout": "60000",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""What every session has. A process that is gone without a word, and its locks, are forgotten within half a minute."""


def connector(
    address: str, *, seconds: float, settings: Mapping[str, str] | None = None
) -> Callable[..., Awaitable[Any]]:
    """What makes connections whose statements may take so long. It raises Unavailable for an address it cannot read."""
    try:
        import asyncpg  # noqa: PLC0415  (in the extra "server")
    except ImportError:
        raise Unavailable("PROMPTUARY_DATABASE_URL needs the PostgreSQL driver: install promptuary[server].") from None
    own = {**_SETTINGS, "statement_timeout": f"{seconds * 1000:.0f}", **(settings or {})}

    async def connect(*_dsn: object, record_class: type[Any] = asyncpg.Record, **_how: object) -> Any:
        try:
            return await asyncpg.connect(
                address, timeout=CONNECT_SECONDS, server_settings=own, record_class=record_class
            )
        except (ValueError, asyncpg.ClientConfigurationError):
            # What they say holds the address.
            raise Unavailable(
                "PROMPTUARY_DATABASE_URL cannot be read: postgresql://user:password@host:5432/database"
            ) from None

    return connect
