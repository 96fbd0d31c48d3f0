"""The program ``promptuary``."""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from api.commands import audit, grant, group, index, key, keyring, label, mail, provider, user
from api.commands.backup import backup, restore
from api.commands.check import check
from api.commands.credential import credential
from api.commands.diff import diff
from api.commands.doctor import doctor
from api.commands.edit import edit
from api.commands.export import export
from api.commands.get import get
from api.commands.hook import hook
from api.commands.import_prompts import import_prompts
from api.commands.init import init
from api.commands.list import list_templates
from api.commands.log import log
from api.commands.login import login, logout, whoami
from api.commands.purge import purge
from api.commands.put import put
from api.commands.render import render
from api.commands.search import search
from api.commands.serve import api, git, indexer, serve
from api.commands.test import run_tests
from api.commands.user_links import invite, reset_password
from api.commands.validate import validate

HELP = """A Git-backed prompt registry with an indexing service.

\b
promptuary serve                            serve the registry, with a sample to look at
promptuary validate .                       check the templates of a checkout
promptuary check --against main             judge what has changed since then, as the gate will
promptuary test                             run their offline tests
promptuary render support/triage --var ticket="My card was charged twice"
promptuary login                            sign in to a server (PROMPTUARY_URL), or set PROMPTUARY_KEY
promptuary list                             what it has
promptuary edit support/triage              change a template there
promptuary label set production support/triage 12
promptuary key create --scope write         make an API key
promptuary grant add author --user kim --at default/support
promptuary audit list                       what was done, by whom and from where
promptuary backup /backups                  everything in one archive
promptuary doctor                           find what is broken in a set-up

Exit codes: 0 done, 1 the answer is no (faults found, refused, not there), 2 it could not be done as asked.
Settings are read from PROMPTUARY_DATA, PROMPTUARY_PORT and others; see docs/settings.md.
"""

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of SIGINT."""
UNREAD = 141
"""The exit code where whoever reads the output has had enough: 128 and the number of SIGPIPE."""


class Program(TyperGroup):
    """The commands; what does not fit an argument is told in the same words as what does not fit a setting."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was typed."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            problems = getattr(error.__cause__, "errors", None)
            if problems is not None:  # pydantic's
                from api.field_words import field_words

                error.message = "; ".join(field_words(each) for each in problems())
            raise


app = typer.Typer(
    name="promptuary",
    cls=Program,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("serve")(serve)
app.command("git")(git)
app.command("indexer")(indexer)
app.command("api")(api)
app.command("init")(init)
app.command("validate")(validate)
app.command("check")(check)
app.command("test")(run_tests)
app.command("render")(render)
app.command("list")(list_templates)
app.command("get")(get)
app.command("put")(put)
app.command("edit")(edit)
app.command("log")(log)
app.command("diff")(diff)
app.command("search")(search)
app.command("import")(import_prompts)
app.command("export")(export)
app.command("login")(login)
app.command("logout")(logout)
app.command("whoami")(whoami)
app.command("credential")(credential)
app.add_typer(label.app, name="label")
app.add_typer(key.app, name="key")
user.app.command("invite")(invite)
user.app.command("reset-password")(reset_password)
app.add_typer(user.app, name="user")
app.add_typer(group.app, name="group")
app.add_typer(grant.app, name="grant")
app.add_typer(provider.app, name="provider")
app.add_typer(mail.app, name="mail")
app.add_typer(audit.app, name="audit")
app.add_typer(keyring.app, name="keyring")
app.add_typer(index.app, name="index")
app.command("backup")(backup)
app.command("restore")(restore)
app.command("purge")(purge)
app.command("doctor")(doctor)
app.command("hook", hidden=True)(hook)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"promptuary {version('promptuary')}")
        raise typer.Exit


@app.callback(help=HELP)
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


def _end_interrupted() -> NoReturn:
    """Ends at once: an ordinary end would wait for threads whose requests are under way."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _end_unread(out: TextIO) -> NoReturn:
    """Ends as other programs do whose reader has had enough (``| head``): what is left of the output goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, out.fileno())
    sys.exit(UNREAD)


def main() -> None:
    """The entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what its encoding does not have (a locale without Korean) is escaped
            stream.reconfigure(errors="backslashreplace")
    out = sys.stdout
    try:
        try:
            app(prog_name="promptuary")
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _end_interrupted()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _end_interrupted()
        if sys.stdout is out:
            raise
        _end_unread(out)  # typer put something else there, because nobody read our output any more
    except BrokenPipeError:
        _end_unread(out)
    except OSError as error:
        what = error.filename or "the output cannot be written"
        sys.stderr.write(f"promptuary: {what}: {error.strerror or error}\n")
        sys.stderr.flush()
        os._exit(2)  # an ordinary end would try to write the rest once more
