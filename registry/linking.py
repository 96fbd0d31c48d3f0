"""The services of links and mail, made together."""

from dataclasses import dataclass

from registry.mailers import mailer_of
from registry.ports.clock import Clock
from registry.services.access_control import AccessControl
from registry.services.audit import Audit
from registry.services.invitations import Invitations
from registry.services.links import Links
from registry.services.password_resets import PasswordResets
from registry.services.passwords import PasswordSignIn
from registry.services.postbox import Postbox
from registry.services.rate_limits import RateLimiting
from registry.services.sessions import Sessions
from registry.settings import Settings
from registry.tiers import Tier


@dataclass(frozen=True, slots=True)
class Linking:
    """How people come to a password without one."""

    postbox: Postbox
    links: Links
    resets: PasswordResets
    invitations: Invitations
    sends_mail: bool
    """Whether links are mailed: there is a server of mail, and an address for the links to lead to."""


def linking(
    settings: Settings,
    tier: Tier,
    *,
    access: AccessControl,
    passwords: PasswordSignIn,
    sessions: Sessions,
    limits: RateLimiting,
    audit: Audit,
    clock: Clock,
) -> Linking:
    """The services over a tier's ports."""
    postbox = Postbox(mailer_of(settings))
    links = Links(
        stored=tier.sign_in.links,
        passwords=passwords,
        sessions=sessions,
        postbox=postbox,
        limits=limits,
        audit=audit,
        clock=clock,
        public_url=settings.public_url,
        local_url=f"http://127.0.0.1:{settings.port}",
    )
    stored = tier.sign_in.passwords
    resets = PasswordResets(
        users=tier.users,
        passwords=stored,
        links=links,
        postbox=postbox,
        limits=limits,
        is_allowed=passwords.is_allowed,
    )
    invitations = Invitations(
        access=access, users=tier.users, passwords=stored, links=links, by_link=passwords.is_allowed
    )
    sends_mail = postbox.is_set and settings.public_url is not None
    return Linking(postbox, links, resets, invitations, sends_mail)
