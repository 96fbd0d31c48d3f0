"""The services of signing in, made together: they know each other, and few others know them."""

from collections.abc import Mapping
from dataclasses import dataclass

from registry.domain.access_tokens import TOKEN_PREFIX
from registry.domain.key_secrets import KEY_PREFIX, SESSION_PREFIX
from registry.domain.sign_in import SessionSpan
from registry.linking import Linking, linking
from registry.ports.clock import Clock
from registry.ports.keyring import KeyRing
from registry.ports.tokens import TokenSigner
from registry.services.access_control import AccessControl
from registry.services.audit import Audit
from registry.services.device_flow import DeviceFlow
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
from registry.services.tokens import TokenLookup, Tokens
from registry.settings import Settings
from registry.tiers import Tier
from registry.token_giving import token_giving


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
    tokens: Tokens
    devices: DeviceFlow


def signing_in(
    settings: Settings,
    tier: Tier,
    signer: TokenSigner,
    *,
    uses: KeyUses,
    ring: KeyRing,
    limits: RateLimiting,
    audit: Audit,
    clock: Clock,
) -> SigningIn:
    """The services over a tier's ports."""
    span, ports = settings.session_span, tier.sign_in
    lookups = _lookups(tier, signer, uses, span, clock)
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
    tokens, devices = token_giving(
        *(settings, ports, signer), identification=identification, limits=limits, audit=audit, clock=clock
    )
    return SigningIn(
        *(identification, sessions, passwords, first, access, links),
        providers=providers,
        with_provider=with_one,
        tokens=tokens,
        devices=devices,
    )


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


def _lookups(tier: Tier, signer: TokenSigner, uses: KeyUses, span: SessionSpan, clock: Clock) -> Mapping[str, Lookup]:
    """By what secrets begin with."""
    sessions, families = tier.sign_in.sessions, tier.sign_in.refresh_tokens
    return {
        KEY_PREFIX: KeyLookup(keys=tier.keys, uses=uses, clock=clock),
        SESSION_PREFIX: SessionLookup(stored=sessions, span=span, clock=clock),
        TOKEN_PREFIX: TokenLookup(signer=signer, families=families, stored=sessions, span=span, clock=clock),
    }


def _access(tier: Tier, identification: Identification, audit: Audit, clock: Clock) -> AccessControl:
    return AccessControl(
        users=tier.users,
        groups=tier.groups,
        grants=tier.grants,
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
