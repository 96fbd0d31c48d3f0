"""Identity providers (``registry.ports.identity_providers``): every write waits for the disk."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select, update

from registry.adapters.sql.engine import Database, Durability
from registry.adapters.sql.kept_tables import group_members
from registry.adapters.sql.sign_in_tables import providers, sessions
from registry.adapters.sql.statements import upsert, write_rows
from registry.adapters.sql.told_writes import write_told
from registry.adapters.sql.values import from_json, to_json, to_micros, to_time
from registry.domain.audit import AuditDraft
from registry.domain.errors import Conflict, Unavailable
from registry.domain.identity_providers import SECRET_PURPOSE, Provider, ProviderKind, ProviderSettings
from registry.domain.ids import ProviderName
from registry.ports.keyring import KeyRing


class SqlProviders:
    """The providers, and their secrets as a holder of secrets (``registry.ports.keyring.SecretHolder``)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_providers(self) -> list[Provider]:
        """All of them, by name."""
        wanted = select(providers).order_by(providers.c.provider)
        return await self._database.read(lambda connection: [_provider_of(row) for row in connection.execute(wanted)])

    async def find(self, provider: ProviderName) -> Provider | None:
        """The provider of that name."""
        wanted = select(providers).where(providers.c.provider == provider)
        row = await self._database.read(lambda connection: connection.execute(wanted).one_or_none())
        return _provider_of(row) if row is not None else None

    async def put(self, provider: Provider, told: Sequence[AuditDraft] = ()) -> None:
        """Adds or changes one, durably. Raises Conflict where one of that name has another kind or issuer."""
        row = _row_of(provider)

        def write(connection: Connection) -> bool:
            known = select(providers.c.kind, providers.c.issuer).where(providers.c.provider == provider.provider)
            there = connection.execute(known).one_or_none()
            if there is not None and (there.kind, there.issuer) != (row["kind"], row["issuer"]):
                raise Conflict(
                    f"The provider {provider.provider} is {there.issuer} ({there.kind}): whose an account there is "
                    "would not be known any more. Remove it first, or give this one another name."
                )
            write_rows(connection, upsert(providers), [row])
            if provider.disabled_at is not None:
                _end_what_it_opened(connection, provider.provider)
            return True

        await write_told(self._database, write, told)

    async def remove(self, provider: ProviderName, told: Sequence[AuditDraft] = ()) -> bool:
        """Removes one with its identities, memberships and sessions, durably. Raises Conflict."""

        def write(connection: Connection) -> bool:
            _end_what_it_opened(connection, provider)
            return bool(connection.execute(delete(providers).where(providers.c.provider == provider)).rowcount)

        return await write_told(self._database, write, told)

    async def renew(self, ring: KeyRing) -> int:
        """Encrypts secrets anew under the ring's current key; what it cannot read stays as it is."""

        def write(connection: Connection) -> int:
            stored: Select[Any] = select(providers).where(providers.c.secret.is_not(None))
            anew = [(row.provider, new) for row in connection.execute(stored) if (new := _anew(row, ring)) is not None]
            for provider, new in anew:
                connection.execute(update(providers).where(providers.c.provider == provider).values(secret=new))
            return len(anew)

        return await self._database.write(write, durability=Durability.KEPT)


def _end_what_it_opened(connection: Connection, provider: ProviderName) -> None:
    """Nobody vouches for them any more: sessions, those of devices that they let in, and memberships of groups."""
    connection.execute(delete(sessions).where(sessions.c.origin == provider))
    connection.execute(delete(group_members).where(group_members.c.source == provider))


def _anew(row: Row[Any], ring: KeyRing) -> str | None:
    """The secret under the current key; None where it is that already, or cannot be read."""
    try:
        new = ring.encrypt(SECRET_PURPOSE, row.provider, ring.decrypt(SECRET_PURPOSE, row.provider, row.secret))
    except Unavailable:
        return None
    return new if new.split(".")[:2] != row.secret.split(".")[:2] else None


def _row_of(provider: Provider) -> dict[str, Any]:
    return {
        "provider": provider.provider,
        "name": provider.name,
        "kind": provider.kind.value,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "secret": provider.secret,
        "settings": to_json(asdict(provider.settings)),
        "made_at": to_micros(provider.made_at),
        "disabled_at": to_micros(provider.disabled_at) if provider.disabled_at is not None else None,
    }


def _provider_of(row: Row[Any]) -> Provider:
    said = from_json(row.settings)
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in said.items()
    }
    return Provider(
        provider=row.provider,
        name=row.name,
        kind=ProviderKind(row.kind),
        issuer=row.issuer,
        client_id=row.client_id,
        made_at=to_time(row.made_at),
        settings=ProviderSettings(**settings),
        secret=row.secret,
        disabled_at=to_time(row.disabled_at) if row.disabled_at is not None else None,
    )
