"""Whose account somebody of a provider has here: what he calls himself there gives him nobody's."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from registry.domain.access import User
from registry.domain.audit import AuditAction, AuditDraft
from registry.domain.errors import Conflict, Denied
from registry.domain.identity_providers import Provider
from registry.domain.ids import UserName
from registry.domain.provider_claims import ProviderClaims, display_name, names_for
from registry.domain.sign_in import Identity
from registry.domain.template import Json
from registry.ports.clock import Clock
from registry.ports.identity_providers import ProviderAccounts
from registry.services.audit import Audit

NAMES_TRIED = 100


class ProviderUsers:
    """Users by their identity at a provider, which is its subject and nothing else."""

    def __init__(self, *, stored: ProviderAccounts, audit: Audit, clock: Clock) -> None:
        self._stored = stored
        self._audit = audit
        self._clock = clock

    async def user_of(self, provider: Provider, claims: ProviderClaims) -> User:
        """The user, found, linked by his address where the provider is trusted so far, or made.

        Raises Denied where he has no account and gets none, Unauthenticated for one who may not sign in, Conflict.
        """
        try:
            return await self._find(provider, claims) or await self._join(provider, claims)
        except Conflict:  # he comes in at the same moment in another window
            found = await self._find(provider, claims)
            if found is None:
                raise
            return found

    async def _find(self, provider: Provider, claims: ProviderClaims) -> User | None:
        found = await self._stored.find(provider.provider, claims.subject)
        return await self._update(provider, claims, *found) if found is not None else None

    async def _join(self, provider: Provider, claims: ProviderClaims) -> User:
        """The user of somebody who comes in for the first time."""
        user = await self._with_email(claims) if provider.settings.link_by_email else None
        if user is not None:
            return await self._link(provider, claims, user)
        if not provider.settings.sign_up:
            raise Denied(
                f"You have no account here, and {provider.name} makes none. Ask an administrator, who can let it do so "
                "(sign_up), or make your account and have it found by its e-mail address (link_by_email)."
            )
        return await self._make(provider, claims)

    async def _update(self, provider: Provider, claims: ProviderClaims, known: Identity, user: User) -> User:
        """The same user, with the name that he has there now, and the address where that is believed."""
        user.require_person()
        email = await self._free_email(provider, claims, user.user) or user.email
        now = replace(user, name=display_name(claims) or user.name, email=email)
        seen = replace(known, email=claims.email, seen_at=self._clock.now())
        told = self._told(AuditAction.USER_CHANGED, user.user, _body(user), {**_body(now), "by": provider.provider})
        await self._stored.note_sign_in(seen, now, told if now != user else ())
        return now

    async def _with_email(self, claims: ProviderClaims) -> User | None:
        """The one user who has the address that the provider has verified."""
        found = await self._stored.find_by_email(claims.email) if claims.email is not None else []
        return found[0] if len(found) == 1 else None

    async def _link(self, provider: Provider, claims: ProviderClaims, user: User) -> User:
        user.require_person()
        said = {"user": user.user, "provider": provider.provider, "subject": claims.subject, "email": claims.email}
        await self._stored.link(
            self._identity(provider, claims, user.user), self._told(AuditAction.USER_CHANGED, user.user, None, said)
        )
        return user

    async def _make(self, provider: Provider, claims: ProviderClaims) -> User:
        for name in islice(names_for(claims, provider), NAMES_TRIED):
            email = await self._free_email(provider, claims, name) or f"{name}@localhost"
            user = User(name, display_name(claims) or name, email)
            said = {**_body(user), "provider": provider.provider, "subject": claims.subject}
            told = self._told(AuditAction.USER_CREATED, name, None, said)
            if await self._stored.add(self._identity(provider, claims, name), user, told):
                return user
        raise Conflict("Too many users have a name like yours: ask an administrator for an account.")

    async def _free_email(self, provider: Provider, claims: ProviderClaims, user: UserName) -> str | None:
        """The verified address of a provider that is trusted with addresses, where no other user has it.

        That of any other would wait here for its owner, who comes by a trusted one later and would be this user.
        """
        if claims.email is None or not provider.settings.link_by_email:
            return None
        others = [each for each in await self._stored.find_by_email(claims.email) if each.user != user]
        return None if others else claims.email

    def _identity(self, provider: Provider, claims: ProviderClaims, user: UserName) -> Identity:
        now = self._clock.now()
        return Identity(provider.provider, claims.subject, user, claims.email, now, now)

    def _told(self, action: AuditAction, user: UserName, old: Json, new: Json) -> Sequence[AuditDraft]:
        return [self._audit.draft(action, user=user, old=old, new=new)]


def _body(user: User) -> dict[str, Json]:
    return {"user": user.user, "name": user.name, "email": user.email}
