"""``promptuary put``: writes a template on a server."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.options import InRepository, KeyFile, Message, Name, ToBranch, Url
from api.commands.output import REFUSED, UNUSABLE, Json, fail

if TYPE_CHECKING:
    from api.commands.drafts import Target
    from api.commands.transport import Reply

PRECONDITION_FAILED = 412


def put(
    name: Name,
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="The file; - is standard input.")] = "-",
    message: Message = None,
    branch: ToBranch = None,
    if_match: Annotated[
        str | None,
        typer.Option(
            "--if-match", help="Only if the template still has this ETag. [default: as it is now]", show_default=False
        ),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Make a template that there is not yet.")] = False,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Write a template: one commit, with the file byte for byte.

    The file is checked here before it is sent, with its partials as the server has them; the server's gate has the
    last word. Whatever is there is replaced, unless --if-match says which state you know.

    \b
    promptuary put support/triage triage.prompt.yaml -m "Shorter tone"
    promptuary put support/new triage.prompt.yaml --new
    sed s/brief/short/ triage.prompt.yaml | promptuary put support/triage --branch wip

    Exit codes: 0 written or equal already, 1 refused (findings, somebody was quicker, not there), 2 it cannot be done
    so.
    """
    from api.commands.drafts import find_target, write_outcome
    from api.commands.remote import open_server, refuse
    from api.commands.transport import NoAnswer
    from api.commands.typed import typed_name, typed_selector

    if new and if_match is not None:
        fail("--new and --if-match exclude each other: what is new has no ETag", UNUSABLE)
    if if_match is not None and not if_match.strip():
        fail("--if-match is empty: give an ETag, or * for whatever is there", UNUSABLE)
    known = typed_name(name)
    typed_selector(ref=branch)
    server = open_server(url, repository, key_file)
    source = _read(file)
    try:
        target = find_target(server, known, branch)
    except NoAnswer as error:
        fail(str(error), UNUSABLE)
    reply = _put(target, source, message, new=new, if_match=if_match)
    if new and reply.status == PRECONDITION_FAILED:
        fail(f"{known} exists already, and nothing was changed: to write it nevertheless, leave out --new")
    if reply.status >= 300:
        refuse(reply)
    write_outcome(target, reply, as_json=as_json)


def _put(target: "Target", source: bytes, message: str | None, *, new: bool, if_match: str | None) -> "Reply":
    """Checks and sends; the server's answer. Ends the program where that does not come to pass."""
    from api.commands.drafts import check_draft, write_problems
    from api.commands.remote import IN_DOUBT, refuse
    from api.commands.transport import NoAnswer

    writing = False
    try:
        if write_problems(check_draft(target, source)):
            fail(f"{target.name} was not sent: it has errors", REFUSED)
        condition = {"If-None-Match": "*"} if new else {"If-Match": if_match or ""}
        if if_match is None and not new:
            now = target.read()
            if now.status >= 300:
                refuse(now, *(["  To make a new template, say --new."] if now.status in {404, 410} else []))
            condition = {"If-Match": now.headers.get("etag", "*")}
        writing = True
        return target.write(source, message, condition)
    except NoAnswer as error:
        fail(f"{error}. {IN_DOUBT}" if writing and error.sent else str(error), UNUSABLE)


def _read(file: str) -> bytes:
    if file == "-" and sys.stdin.isatty():
        fail("give a file, or pipe one into standard input", UNUSABLE)
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        fail(f"{file}: cannot be read: {error.strerror}", UNUSABLE)
