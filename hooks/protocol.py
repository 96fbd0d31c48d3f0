"""What passes between the hook's script and the server: the request, and the lines of the answer."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.ids import CommitId, RefName
from registry.domain.refs import RefUpdate

LINES_AT_MOST = 200
"""How many diagnostics a pusher is shown."""

LINE_BYTES = 3_900
"""The longest line of an answer: with its newline it is written in one piece (PIPE_BUF is 4,096 on Linux)."""

REQUEST_BYTES = 64 << 20
"""The largest request that is read: some 500,000 refs."""

OK = "ok"
REFUSED = "refused"

_GREETING = "promptuary-gate/1 "
_UPDATES = b"\0updates\0"


@dataclass(frozen=True, slots=True)
class Request:
    """What a hook was told by Git. ``quarantine`` is None where the push brings no objects."""

    hook: str
    quarantine: Path | None
    options: tuple[str, ...]
    updates: tuple[RefUpdate, ...]


def is_complete(data: bytes | bytearray) -> bool:
    """Whether the hook has said all: its records, its updates and the closing NUL."""
    start = data.find(_UPDATES)
    return start >= 0 and data.find(b"\0", start + len(_UPDATES)) >= 0


def parse_request(data: bytes) -> Request:
    """The request of a hook's script. Raises ValueError for anything that no script of ours writes."""
    head, found, rest = data.partition(_UPDATES)
    greeting, *records = head.decode("utf-8", "surrogateescape").split("\0")
    if not found or not greeting.startswith(_GREETING):
        raise ValueError("this is not what a hook of this version says")
    quarantine: Path | None = None
    options: list[str] = []
    for record in records:
        key, _, value = record.partition("=")
        if key == "quarantine" and value:
            quarantine = Path(value)
        elif key == "option":
            options.append(value)
    hook = greeting.removeprefix(_GREETING)
    return Request(hook, quarantine, tuple(options), tuple(parse_updates(rest.partition(b"\0")[0])))


def parse_updates(lines: bytes) -> Iterator[RefUpdate]:
    """The ref updates in Git's words, ``<old> <new> <ref>`` a line. Raises ValueError."""
    for line in lines.decode("utf-8", "surrogateescape").splitlines():
        old, new, ref = line.split(" ", 2)
        yield RefUpdate(RefName(ref), CommitId(old), CommitId(new))


def diagnostic_lines(diagnostics: Sequence[Diagnostic]) -> Iterator[str]:
    """One line a diagnostic, errors first, at most LINES_AT_MOST, and how many more there are."""
    ordered = sorted(diagnostics, key=lambda found: found.severity is not Severity.ERROR)
    for found in ordered[:LINES_AT_MOST]:
        yield str(found)
    if len(ordered) > LINES_AT_MOST:
        yield f"... and {len(ordered) - LINES_AT_MOST:,} more"


def option_lines(options: Iterable[str]) -> Iterator[str]:
    """A word about each push option: none means anything yet, and an ignored wish should be known."""
    for option in options:
        yield f"promptuary: push option '{option[:200]}' has no meaning here and was ignored"


def clean_line(line: str) -> str:
    """The line as it may be sent: one line, no control characters, never one that could pass for a verdict."""
    text = line.encode("utf-8", "replace").decode()
    text = "".join(sign if sign.isprintable() or sign == " " else "\ufffd" for sign in text).rstrip()
    if len(text.encode()) > LINE_BYTES:
        text = text.encode()[: LINE_BYTES - 3].decode("utf-8", "ignore") + "…"
    return f"'{text}'" if text in {OK, REFUSED} else text


def pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Whole lines, cleaned, in pieces that a pipe takes undivided: a reader never sees half a line."""
    piece = b""
    for line in lines:
        for part in line.splitlines() or [""]:
            data = clean_line(part).encode() + b"\n"
            if len(piece) + len(data) > LINE_BYTES + 1:
                yield piece
                piece = b""
            piece += data
    if piece:
        yield piece
