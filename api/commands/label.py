"""``promptuary label``: where labels point, and moving them, on a server."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from api.commands.completion import complete_label, complete_name
from api.commands.options import InRepository, KeyFile, Message, Url
from api.commands.output import REFUSED, Json, day, fail, warn, write_json, write_table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Show labels, move them and roll them back.")

MOVED = ("label", "name", "version", "previous", "commit")
"""What an answer to a move has."""

Word = Annotated[
    str, typer.Argument(help="The label, such as production.", metavar="LABEL", autocompletion=complete_label)
]
Name = Annotated[str, typer.Argument(help="The template's name.", metavar="NAME", autocompletion=complete_name)]


@app.command("list")
def list_labels(
    label: Annotated[
        str | None,
        typer.Argument(help="Only this label. [default: all]", show_default=False, autocompletion=complete_label),
    ] = None,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """List the labels, and which version of each template they point to.

    \b
    promptuary label list
    promptuary label list production --json
    """
    from api.commands.remote import open_server
    from api.commands.typed import typed_label

    server = open_server(url, repository, key_file)
    if label is None:
        answer = server.get("labels", needs=["labels"])
        labels = answer["labels"]
    else:
        answer = server.get("labels", typed_label(label), needs=("label", "templates"))
        labels = {answer["label"]: answer["templates"]}
    if as_json:
        write_json(answer)
        return
    rows = [(word, name, version) for word, names in sorted(labels.items()) for name, version in sorted(names.items())]
    if rows:
        write_table(("LABEL", "NAME", "VERSION"), rows)
    else:
        warn("no template carries a label yet")


@app.command("get")
def get_label(
    label: Word,
    name: Name,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Write the version of a template that a label points to.

    \b
    promptuary label get production support/triage
    """
    state = _state(label, name, url, repository, key_file)
    if as_json:
        write_json({word: state[word] for word in ("label", "name", "version")})
    elif state["version"] is None:
        fail(f"{state['name']} does not carry {state['label']} any more; see promptuary label history", REFUSED)
    else:
        typer.echo(state["version"])


@app.command("set")
def set_label(
    label: Word,
    name: Name,
    version: Annotated[int, typer.Argument(help="The version that it shall point to.", min=1, metavar="VERSION")],
    message: Message = None,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Move a label to a version: one commit.

    \b
    promptuary label set production support/triage 12
    promptuary label set production support/triage 12 -m "Promote the shorter tone"
    """
    body = {"version": version, **({"message": message} if message is not None else {})}
    _write(_asked(label, name, url, repository, key_file, "PUT", needs=MOVED, body=body), as_json=as_json)


@app.command("drop")
def drop_label(
    label: Word,
    name: Name,
    message: Message = None,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Take a label off a template: one commit.

    \b
    promptuary label drop staging support/triage
    """
    _write(
        _asked(label, name, url, repository, key_file, "DELETE", needs=MOVED, query={"message": message}),
        as_json=as_json,
    )


@app.command("rollback")
def roll_back(
    label: Word,
    name: Name,
    reason: Annotated[str, typer.Option("-r", "--reason", help="Why; stands in the commit's message.")],
    to: Annotated[
        int | None,
        typer.Option("--to", min=1, help="A version that it had. [default: the previous one]", show_default=False),
    ] = None,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Move a label back to a version that it had; no review or check stands in the way.

    \b
    promptuary label rollback production support/triage --reason "Answers in the wrong language"
    promptuary label rollback production support/triage --to 9 --reason "The last good one"
    """
    from api.commands.remote import open_server
    from api.commands.typed import typed_label, typed_name

    body = {"label": typed_label(label), "name": typed_name(name), "reason": reason}
    server = open_server(url, repository, key_file)
    given = {**body, "to": to} if to is not None else body
    _write(server.read(server.ask("POST", "rollbacks", body=given), *MOVED), as_json=as_json)


@app.command("history")
def history(
    label: Word,
    name: Name,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Show the last moves of a template's label, newest first.

    \b
    promptuary label history production support/triage
    """
    state = _state(label, name, url, repository, key_file)
    if as_json:
        write_json(state)
        return
    rows = [
        (day(move["moved_at"]), move["previous"], move["version"], move["author"]["name"], move["subject"])
        for move in state["history"]
    ]
    write_table(("TIME", "FROM", "TO", "AUTHOR", "SUBJECT"), rows, optional=("AUTHOR", "SUBJECT"), crop_last=True)


def _state(label: str, name: str, url: Url, repository: InRepository, key_file: KeyFile) -> dict[str, Any]:
    return _asked(label, name, url, repository, key_file, "GET", needs=("label", "name", "version", "history"))


def _asked(
    label: str,
    name: str,
    url: Url,
    repository: InRepository,
    key_file: KeyFile,
    method: str,
    *,
    needs: Sequence[str],
    **given: Any,
) -> dict[str, Any]:
    """The answer about a template's label."""
    from api.commands.remote import open_server
    from api.commands.typed import typed_label, typed_name

    path = ("labels", typed_label(label), typed_name(name))
    server = open_server(url, repository, key_file)
    return server.read(server.ask(method, *path, **given), *needs)


def _write(moved: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        write_json(moved)
        return
    now, before = moved["version"], moved["previous"]
    place = f"{moved['label']} of {moved['name']}"
    at = f"({str(moved['commit'])[:10]})"
    if now is None:
        typer.echo(f"{place}: dropped, it was at {before} {at}")
    elif now == before:
        typer.echo(f"{place}: at {now} already")
    else:
        typer.echo(f"{place}: {before or 'new'} -> {now} {at}")
