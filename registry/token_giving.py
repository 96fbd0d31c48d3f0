"""The services that give tokens to programs, made together."""

from registry.ports.clock import Clock
from registry.ports.sign_in import SignInPorts
from registry.ports.tokens import TokenSigner
from registry.services.audit import Audit
from registry.services.device_flow import DeviceFlow
from registry.services.identification import Identification
from registry.services.rate_limits import RateLimiting
from registry.services.tokens import Tokens
from registry.settings import Settings


def token_giving(
    settings: Settings,
    ports: SignInPorts,
    signer: TokenSigner,
    *,
    identification: Identification,
    limits: RateLimiting,
    audit: Audit,
    clock: Clock,
) -> tuple[Tokens, DeviceFlow]:
    """Tokens, and the one way to get the first ones."""
    tokens = Tokens(
        signer=signer,
        stored=ports.refresh_tokens,
        sessions=ports.sessions,
        identification=identification,
        span=settings.token_span,
        audit=audit,
        clock=clock,
    )
    return tokens, DeviceFlow(stored=ports.device_grants, tokens=tokens, limits=limits, audit=audit, clock=clock)
