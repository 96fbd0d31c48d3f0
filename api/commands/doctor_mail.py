"""What ``promptuary doctor`` finds of mail, where that is set."""

import asyncio
from collections.abc import Iterator

from registry.domain.health import Finding, Grade, well
from registry.mailers import mailer_of
from registry.ports.mail import MailFailed
from registry.settings import Settings


def mail_findings(settings: Settings) -> Iterator[Finding]:
    """Whether the server of mail lets itself be signed in to, and links have somewhere to lead to."""
    mailer = mailer_of(settings)
    if mailer is None:
        return
    try:
        asyncio.run(mailer.check())
    except MailFailed as error:
        why = "Invitations and forgotten passwords go by mail."
        remedy = "Mend PROMPTUARY_SMTP_URL and its like (docs/sign-in.md), then try it out:"
        yield Finding("mail", Grade.PROBLEM, error.reason, "", why, remedy, "promptuary mail test you@example.com")
    else:
        yield well("mail", "the server of mail can be used")
    if settings.public_url is None:
        found, why = "PROMPTUARY_PUBLIC_URL is not set", "Links would lead nowhere, so none is mailed."
        remedy = "Set it to the address by which people reach the server."
        yield Finding("mail-links", Grade.WARNING, found, "", why, remedy)
