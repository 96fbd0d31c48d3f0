"""``promptuary edit``: a template of a server in an editor here, checked and committed."""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from api.commands.options import InRepository, KeyFile, Message, Name, ToBranch, Url
from api.commands.output import REFUSED, UNUSABLE, Json, fail, warn

if TYPE_CHECKING:
    from api.commands.drafts import Target
    from api.commands.transport import Reply


def edit(
    name: Name,
    message: Message = None,
    branch: ToBranch = None,
    url: Url = None,
    repository: InRepository = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Edit a template with $VISUAL or $EDITOR and commit it, if nobody else changed it meanwhile.

    The text is checked when the editor ends, and can be edited again where it has errors. Whatever goes wrong, the
    text stays in a file that is named.

    \b
    promptuary edit support/triage
    EDITOR="code --wait" promptuary edit support/triage -m "Shorter tone" --branch wip

    Exit codes: 0 committed or unchanged, 1 refused (findings, somebody was quicker, not there), 2 it cannot be done so.
    """
    from api.commands.drafts import find_target, write_outcome
    from api.commands.remote import open_server, refuse
    from api.commands.transport import NoAnswer
    from api.commands.typed import typed_name, typed_selector

    known = typed_name(name)
    typed_selector(ref=branch)
    server = open_server(url, repository, key_file)
    try:
        target = find_target(server, known, branch)
        now = target.read()
    except NoAnswer as error:
        fail(str(error), UNUSABLE)
    if now.status >= 300:
        refuse(now)
    file = Path(tempfile.mkdtemp(prefix="promptuary-")) / f"{known.rpartition('/')[2]}.prompt.yaml"
    file.write_bytes(now.data)
    reply = _edit(target, file, now, message)
    file.unlink()
    file.parent.rmdir()
    if reply is None:
        warn(f"{known}: nothing was changed")
    else:
        write_outcome(target, reply, as_json=as_json)


def _edit(target: "Target", file: Path, now: "Reply", message: str | None) -> "Reply | None":
    """Edits until the server takes the text; None where it was left as it is. Ends the program where that fails."""
    from api.commands.drafts import check_draft, write_problems
    from api.commands.remote import IN_DOUBT, refusal_lines
    from api.commands.transport import NoAnswer

    writing = False
    try:
        while True:
            _run_editor(file)
            source = file.read_bytes()
            if source == now.data:
                return None
            if write_problems(check_draft(target, source)):
                lines = [f"{target.name} has errors"]
            else:
                writing = True
                reply = target.write(source, message, {"If-Match": now.headers.get("etag", "*")})
                writing = False
                if reply.status < 300:
                    return reply
                lines = refusal_lines(reply)
                if reply.status != 422:
                    _kept(file, *lines, code=REFUSED if reply.status < 500 else UNUSABLE)
                warn("\n".join(lines))
            if not _again():
                _kept(file, lines[0], code=REFUSED)
    except NoAnswer as error:
        _kept(file, f"{error}. {IN_DOUBT}" if writing and error.sent else str(error), code=UNUSABLE)
    except OSError as error:
        _kept(file, f"{error.filename or file}: {error.strerror}", code=UNUSABLE)
    except KeyboardInterrupt:
        _kept(file, "interrupted", code=130)


def _run_editor(file: Path) -> None:
    """Waits for the editor. Ends the program where there is none, or it says that it failed."""
    from registry.settings import EditorSettings

    command = EditorSettings().command
    try:
        words = [*shlex.split(command), str(file)]
        done = subprocess.run(words, check=False)  # nosec B603  # the editor that the user named
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        _kept(file, f"the editor {command!r} cannot be started ({reason}): set VISUAL or EDITOR", code=UNUSABLE)
    if done.returncode:
        _kept(file, f"the editor ended with {done.returncode}, so nothing was written", code=UNUSABLE)


def _again() -> bool:
    """Whether to edit once more; never where nobody can be asked."""
    return sys.stdin.isatty() and typer.confirm("Edit again?", default=True, err=True)


def _kept(file: Path, *lines: str, code: int) -> NoReturn:
    fail("\n".join([*lines, f"  Your text is in {file}"]), code)
