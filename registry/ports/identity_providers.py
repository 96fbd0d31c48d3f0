"""Identity providers: those that are set up, what one of them says of somebody, and who that is here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from registry.domain.access import User
from registry.domain.audit import AuditDraft
from registry.domain.identity_providers import PendingSignIn, Provider, ProviderAnswer, ProviderFindings
from registry.domain.ids import ProviderName
from registry.domain.sign_in import Identity
from registry.domain.template import Json


class Providers(Protocol):
    """The identity providers that administrators have set up."""

    async def list_providers(self) -> list[Provider]:
        """All of them, by name."""
        ...

    async def find(self, provider: ProviderName) -> Provider | None:
        """The provider of that name."""
        ...

    async def put(self, provider: Provider, told: Sequence[AuditDraft] = ()) -> None:
        """Adds or changes one, durably. Where it is disabled, the sessions that were begun with it end.

        Raises Conflict where one of that name has another kind or issuer: its identities are others.
        """
        ...

    async def remove(self, provider: ProviderName, told: Sequence[AuditDraft] = ()) -> bool:
        """Removes one with its identities, its memberships and the sessions begun with it, durably.

        False where there is none of that name. Raises Conflict where nobody would be administrator any more.
        """
        ...


class ProviderAccounts(Protocol):
    """Whose the identities at providers are."""

    async def find(self, provider: ProviderName, subject: str) -> tuple[Identity, User] | None:
        """The identity of that id at a provider, with its user."""
        ...

    async def find_by_email(self, email: str) -> list[User]:
        """Users with that address, whatever the case of its letters."""
        ...

    async def add(self, identity: Identity, user: User, told: Sequence[AuditDraft] = ()) -> bool:
        """Makes a user and his identity, durably; False where his name or address is another user's by now.

        Raises Conflict where the identity is there already.
        """
        ...

    async def link(self, identity: Identity, told: Sequence[AuditDraft] = ()) -> None:
        """Gives a user an identity, durably. Raises NotFound for the user, Conflict where the identity is there."""
        ...

    async def note_sign_in(self, identity: Identity, user: User, told: Sequence[AuditDraft] = ()) -> None:
        """Stores what a sign-in said: the identity's address and time, and the user's name and address, durably.

        What is ``told`` is entered, too. Raises Conflict where the address is another user's by now.
        """
        ...


class ProviderClient(Protocol):
    """Speaks to providers: OpenID Connect, and GitHub's OAuth 2.0.

    Every method raises Unavailable where a provider cannot be asked or answers what it must not.
    """

    async def address(self, provider: Provider, pending: PendingSignIn) -> str:
        """Where the browser goes, to come back with an answer."""
        ...

    async def claims(
        self, provider: Provider, secret: str | None, pending: PendingSignIn, answer: ProviderAnswer, now: datetime
    ) -> Mapping[str, Json]:
        """What the provider says of who came back: every signature, audience, time and nonce was looked at.

        Raises Unauthenticated where the answer does not hold, or is the provider's no.
        """
        ...

    async def examine(self, provider: Provider) -> ProviderFindings:
        """What it says of itself, without anybody signing in."""
        ...
