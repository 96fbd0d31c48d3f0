"""Identity providers, as administrators of the server set them up."""

from collections.abc import Sequence
from dataclasses import asdict

from registry.domain.access import Actor
from registry.domain.audit import AuditAction
from registry.domain.errors import BadRequest, NotFound
from registry.domain.identity_providers import (
    SECRET_PURPOSE,
    Provider,
    ProviderFindings,
    ProviderKind,
    ProviderSettings,
    check_provider,
    provider_name,
)
from registry.domain.ids import ProviderName
from registry.domain.roles import Role
from registry.domain.template import Json
from registry.ports.clock import Clock
from registry.ports.identity_providers import ProviderClient, Providers
from registry.ports.keyring import KeyRing
from registry.services.audit import Audit
from registry.services.identification import Identification

LONGEST_SECRET = 4_096


class IdentityProviders:
    """Lists, makes and removes them. A secret goes in and never comes out."""

    def __init__(
        self,
        *,
        stored: Providers,
        client: ProviderClient,
        ring: KeyRing,
        identification: Identification,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._stored = stored
        self._client = client
        self._ring = ring
        self._identification = identification
        self._audit = audit
        self._clock = clock

    async def offered(self) -> Sequence[Provider]:
        """Those that people can sign in with, by name. Raises Unavailable."""
        return [each for each in await self._stored.list_providers() if each.disabled_at is None]

    async def list_providers(self, actor: Actor) -> Sequence[Provider]:
        """All of them, by name. Raises Denied."""
        actor.require(Role.ADMINISTRATOR)
        return await self._stored.list_providers()

    async def get(self, provider: str, actor: Actor) -> Provider:
        """One of them. Raises NotFound, Denied."""
        actor.require(Role.ADMINISTRATOR)
        found = await self._stored.find(ProviderName(provider))
        if found is None:
            raise NotFound(f"There is no identity provider {provider!r}.")
        return found

    async def put(
        self,
        provider: str,
        *,
        actor: Actor,
        kind: ProviderKind,
        client_id: str,
        settings: ProviderSettings,
        name: str | None = None,
        issuer: str | None = None,
        secret: str | None = None,
        disabled: bool = False,
    ) -> Provider:
        """Makes one, or changes it to what is given.

        Without a ``secret`` the stored one stays, an empty one removes it. ``name`` and ``issuer`` are by default those
        of the kind. Who came in by one that is disabled is signed out.

        Raises Denied, BadRequest, Conflict for another issuer than before, Unavailable without a key ring.
        """
        actor.require(Role.ADMINISTRATOR)
        named = provider_name(provider)
        there = await self._stored.find(named)
        where = issuer or kind.issuer
        if where is None:
            raise BadRequest(f"Where is it? A provider of the kind {kind} needs its issuer, an address.")
        now = self._clock.now()
        wanted = Provider(
            named,
            (name or kind.called).strip(),
            kind,
            where,
            client_id.strip(),
            there.made_at if there is not None else now,
            settings,
            self._sealed(named, secret) if secret is not None else there.secret if there is not None else None,
            ((there.disabled_at if there is not None else None) or now) if disabled else None,
        )
        check_provider(wanted)
        said = {**_body(wanted), **({"new_secret": True} if secret else {})}
        told = self._audit.draft(
            AuditAction.PROVIDER_CHANGED, actor=actor, old=_body(there) if there is not None else None, new=said
        )
        await self._stored.put(wanted, [told])
        self._identification.forget()
        return wanted

    async def remove(self, provider: str, actor: Actor) -> None:
        """Removes one: who came in by it is signed out, is in none of its groups any more, and has to be made anew.

        Raises NotFound, Denied, Conflict where it gave the last administrator his role.
        """
        known = await self.get(provider, actor)
        told = self._audit.draft(AuditAction.PROVIDER_CHANGED, actor=actor, old=_body(known))
        await self._stored.remove(known.provider, [told])
        self._identification.forget()

    async def examine(self, provider: str, actor: Actor) -> ProviderFindings:
        """What one says of itself. Raises NotFound, Denied, Unavailable with what is wrong with it."""
        found = await self.get(provider, actor)
        if found.secret is not None:
            self._ring.decrypt(SECRET_PURPOSE, found.provider, found.secret)
        return await self._client.examine(found)

    def _sealed(self, provider: ProviderName, secret: str) -> str | None:
        """Raises BadRequest, Unavailable."""
        if not secret:
            return None
        if len(secret) > LONGEST_SECRET or not secret.isascii() or not secret.isprintable():
            raise BadRequest(f"A provider's secret has at most {LONGEST_SECRET} signs, all of ASCII, on one line.")
        return self._ring.encrypt(SECRET_PURPOSE, provider, secret.encode())


def _body(provider: Provider) -> Json:
    """What the audit says of one: never the secret."""
    said = {"provider": provider.provider, "name": provider.name, "kind": provider.kind.value}
    place = {"issuer": provider.issuer, "client_id": provider.client_id, "has_secret": provider.secret is not None}
    settings = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(provider.settings).items()}
    return {**said, **place, "is_disabled": provider.disabled_at is not None, "settings": settings}
