"""Which server of mail is set."""

from registry.ports.mail import Mailer
from registry.settings import Settings


def mailer_of(settings: Settings) -> Mailer | None:
    """The one that mail is handed to; None where none is set."""
    if settings.smtp_url is None or settings.sender is None:
        return None
    from registry.adapters.smtp.mailer import SmtpMailer  # noqa: PLC0415 - imported where mail is sent

    return SmtpMailer(
        settings.smtp_url.get_secret_value(),
        sender=settings.sender,
        starttls=settings.starttls,
        ca_file=settings.smtp_ca_file,
        seconds=settings.smtp_seconds,
    )
