"""``promptuary mail``: whether mail goes out as it is set."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.output import UNUSABLE, Json, fail, run, settings_of, write_json

if TYPE_CHECKING:
    from registry.ports.mail import Mailer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Try out the settings of mail.")


@app.callback()
def mail() -> None:
    """Keeps ``test`` a command of its own."""


@app.command("test")
def send_test(
    address: Annotated[str, typer.Argument(help="Whom to write to.", metavar="ADDRESS")], as_json: Json = False
) -> None:
    """Send a mail with the settings PROMPTUARY_SMTP_URL and PROMPTUARY_MAIL_FROM, once.

    \b
    promptuary mail test kim@example.com

    Exit codes: 0 the server took it, 1 it did not, 2 nothing is set.
    """
    from registry.mailers import mailer_of

    mailer = mailer_of(settings_of())
    if mailer is None:
        fail("no mail is sent: PROMPTUARY_SMTP_URL is not set", UNUSABLE)
    failed = run(_send(mailer, address))
    if failed is not None:
        fail(f"the mail to {address} was not sent: {failed}")
    if as_json:
        write_json({"sent_to": address})
    else:
        typer.echo(f"Sent to {address}.")


async def _send(mailer: "Mailer", address: str) -> str | None:
    """Why it was not sent."""
    from registry.domain.letters import trial
    from registry.ports.mail import MailFailed

    try:
        await mailer.send(trial(address))
    except MailFailed as error:
        return error.reason
    return None
