"""The services of signing in, made together: they know each other, and few others know them."""

from dataclasses import dataclass

from registry.domain.key_secrets import KEY_PREFIX, SESSION_PREFIX
from registry.linking import Linking, linking
from registry.ports.clock import Clock
from registry.ports.keyring import KeyRing
from registry.services.access_control import AccessControl
from registry.services.audit import Audit
from registry.services.first_password import FirstPassword
from registry.services.identification import Identification, Lookup
from registry.services.identity_providers import IdentityProviders
from registry.services.key_lookup import KeyLookup
from registry.services.key_uses import KeyUses
from registry.services.passwords import PasswordSignIn
from registry.services.provider_sign_in import ProviderSignIn
from registry.services.provider_users import ProviderUsers
from registry.services.rate_limits import RateLimiting
from registry.services.sessions import SessionLookup, Sessions
from registry.settings import Settings
from registry.tiers import Tier


@dataclass(frozen=True, slots=True)
class SigningIn:
    """Who comes in, by which ways."""

    identification: Identification
    sessions: Sessions
    passwords: PasswordSignIn
    first_password: FirstPassword
    access: AccessControl
    linking: Linking
    providers: IdentityProviders
    with_provider: ProviderSignIn


def signing_in(
    settings: Settings,
    tier: Tier,
    *,
    uses: KeyUses,
    ring: KeyRing,
    limits: RateLimiting,
    audit: Audit,
    clock: Clock,
) -> SigningIn:
    """The services over a tier's ports."""
    span, ports = settings.session_span, tier.sign_in
    lookups: dict[str, Lookup] = {
        KEY_PREFIX: KeyLookup(keys=tier.keys, uses=uses, clock=clock),
        SESSION_PREFIX: SessionLookup(stored=ports.sessions, span=span, clock=clock),
    }
    identification = Identification(lookups=lookups, clock=clock, grace_seconds=settings.auth_grace)
    sessions = Sessions(stored=ports.sessions, span=span, identification=identification, audit=audit, clock=clock)
    passwords = _passwords(settings, tier, sessions, identification, limits, audit, clock)
    first = FirstPassword(users=tier.users, stored=ports.passwords, passwords=passwords, data=settings.data)
    access = _access(tier, identification, audit, clock)
    links = linking(
        *(settings, tier),
        access=access,
        passwords=passwords,
        sessions=sessions,
        limits=limits,
        audit=audit,
        clock=clock,
    )
    providers = _providers(tier, identification, ring, audit, clock)
    with_one = _with_provider(tier, sessions, identification, ring, audit, clock)
    return SigningIn(identification, sessions, passwords, first, access, links, providers, with_one)


def _passwords(
    settings: Settings,
    tier: Tier,
    sessions: Sessions,
    identification: Identification,
    limits: RateLimiting,
    audit: Audit,
    clock: Clock,
) -> PasswordSignIn:
    return PasswordSignIn(
        stored=tier.sign_in.passwords,
        hasher=tier.sign_in.hasher,
        sessions=sessions,
        identification=identification,
        limits=limits,
        audit=audit,
        clock=clock,
        is_allowed=settings.passwords,
    )


def _access(tier: Tier, identification: Identification, audit: Audit, clock: Clock) -> AccessControl:
    return AccessControl(
        users=tier.users,
        groups=tier.groups,
        grants=tier.grants,
        sessions=tier.sign_in.sessions,
        audit=audit,
        clock=clock,
        changed=identification.forget,
    )


def _providers(
    tier: Tier, identification: Identification, ring: KeyRing, audit: Audit, clock: Clock
) -> IdentityProviders:
    ports = tier.sign_in
    return IdentityProviders(
        stored=ports.providers,
        client=ports.client,
        ring=ring,
        identification=identification,
        audit=audit,
        clock=clock,
    )


def _with_provider(
    tier: Tier, sessions: Sessions, identification: Identification, ring: KeyRing, audit: Audit, clock: Clock
) -> ProviderSignIn:
    ports = tier.sign_in
    return ProviderSignIn(
        providers=ports.providers,
        client=ports.client,
        users=ProviderUsers(stored=ports.accounts, audit=audit, clock=clock),
        groups=tier.groups,
        sessions=sessions,
        identification=identification,
        ring=ring,
        cache=tier.cache,
        audit=audit,
        clock=clock,
    )
