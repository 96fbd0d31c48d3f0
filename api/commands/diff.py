"""``promptuary diff``: what differs between two states of a template on a server."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.options import InRepository, KeyFile, Name, Url
from api.commands.output import Json, console, visible, write_json

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"@": "cyan", "-": "red", "+": "green"}


def diff(
    name: Name,
    old: Annotated[
        str | None,
        typer.Argument(help="The older state. [default: the one before TO]", metavar="[FROM]", show_default=False),
    ] = None,
    new: Annotated[
        str | None,
        typer.Argument(help="The newer state. [default: what is served]", metavar="[TO]", show_default=False),
    ] = None,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Show what differs between two states of a template and in what it includes, as a unified diff.

    A state is a version's number, a label, ref:<branch, tag or commit> or at:<time>. --json has the fields, variables
    and messages that differ too, word by word.

    \b
    promptuary diff support/triage
    promptuary diff support/triage production latest
    promptuary diff support/triage 11 12 --json | jq .variables
    promptuary diff support/triage production ref:wip

    Exit codes: 0 shown, also where they are equal, 1 there is no such state or the server refused, 2 it cannot be
    asked so.
    """
    from api.commands.remote import open_server
    from api.commands.typed import typed_name

    path = ("diff", typed_name(name))
    server = open_server(url, repository, key_file)
    found = server.get(*path, needs=("from", "to", "text", "partials"), **{"from": _state(old), "to": _state(new)})
    if as_json:
        write_json(found)
    else:
        _write(found)


def _state(typed: str | None) -> str | None:
    """A state as the server wants it: a number is a version, a single word a label."""
    if typed is None or ":" in typed:
        return typed
    return f"version:{typed}" if typed.isdecimal() else f"label:{typed}"


def _write(found: dict[str, Any]) -> None:
    old, new = found["from"], found["to"]
    out = console()
    about = f"{_shown(old) if old else 'nothing'} -> {_shown(new)}"
    console(stderr=True).print(about if found["text"] or found["partials"] else f"{about}: equal")
    for text in [found["text"], *(partial["text"] for partial in found["partials"])]:
        _write_diff(out, text)


def _shown(side: dict[str, Any]) -> str:
    return visible(side["reference"] or f"{side['name']}@{side['commit'][:10]}")


def _write_diff(out: "Console", text: str) -> None:
    """A unified diff: as it is for programs, in colour on a terminal."""
    from rich.text import Text

    if not out.is_terminal:
        typer.echo(text, nl=False)
        return
    for line in text.split("\n")[:-1]:
        bold = line.startswith(("--- ", "+++ "))
        out.print(Text(visible(line), style="bold" if bold else _STYLES.get(line[:1], "")), soft_wrap=True)
