"""The services of signing in, made together: they know each other, and few others know them."""

from dataclasses import dataclass

from registry.domain.key_secrets import KEY_PREFIX, SESSION_PREFIX
from registry.linking import Linking, linking
from registry.ports.clock import Clock
from registry.ports.sign_in import PasswordHasher
from registry.services.access_control import AccessControl
from registry.services.audit import Audit
from registry.services.first_password import FirstPassword
from registry.services.identification import Identification, Lookup
from registry.services.key_lookup import KeyLookup
from registry.services.key_uses import KeyUses
from registry.services.passwords import PasswordSignIn
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


def signing_in(
    settings: Settings,
    tier: Tier,
    *,
    uses: KeyUses,
    hasher: PasswordHasher,
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
    passwords = PasswordSignIn(
        stored=ports.passwords,
        hasher=hasher,
        sessions=sessions,
        identification=identification,
        limits=limits,
        audit=audit,
        clock=clock,
        is_allowed=settings.passwords,
    )
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
    return SigningIn(identification, sessions, passwords, first, access, links)


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
