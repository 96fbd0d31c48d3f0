"""What the commands share: settings, one-line errors, JSON and tables on a terminal, running asynchronous work."""

import sys
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from rich.console import Console
    from rich.table import Table

    from registry.settings import Settings

T = TypeVar("T")

REFUSED = 1
"""The answer is no: faults were found, something was refused or is not there."""
UNUSABLE = 2
"""The command could not be carried out as asked: wrong arguments, settings, files or surroundings."""
NARROWEST = 12
"""The fewest columns in which a text that is cut still says something."""

Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The data folder. [default: PROMPTUARY_DATA, else .data]",
        show_default=False,
        readable=False,  # said better by whoever reads it
    ),
]


def fail(message: str, code: int = REFUSED) -> NoReturn:
    """Ends the program with one line on standard error."""
    print(f"promptuary: {message}", file=sys.stderr)  # noqa: T201  (a command line program talks)
    raise typer.Exit(code)


def warn(message: str) -> None:
    """Says one line on standard error and goes on."""
    print(f"promptuary: {message}", file=sys.stderr)  # noqa: T201  (a command line program talks)


def visible(text: str) -> str:
    """Text from elsewhere, a sign for a sign on one line, with what a terminal would act upon as escapes."""
    shown = (" " if c.isspace() else c if c.isprintable() else _escape(c) for c in text)
    return "".join(shown)


def plain(text: str) -> str:
    """The same without superfluous white space."""
    return visible(" ".join(text.split()))


def day(moment: str | None) -> str | None:
    """An answer's RFC 3339 time as people read it: ``2025-03-14 09:26``, in UTC."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M") if moment else None


def settings_of(data: Path | None = None, **changes: Any) -> "Settings":
    """The settings, with what the command line says on top. Ends the program where one cannot be read."""
    from pydantic import ValidationError

    from api.field_words import field_words
    from registry.settings import Settings

    given = {name: value for name, value in {"data": data, **changes}.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(f"{_setting(e['loc'], given)} {field_words(e)}".strip() for e in error.errors())
        fail(f"settings that cannot be used: {problems}", UNUSABLE)


def existing_data(data: Path | None = None) -> "Settings":
    """The settings, where their data folder holds a registry. Ends the program where it does not: nothing is made."""
    settings = settings_of(data)
    try:
        there = settings.catalogue.exists() or settings.repositories.is_dir()
    except OSError as error:
        advice = "run this as the user that runs the server, or see promptuary doctor"
        fail(f"{settings.data.resolve()}: {error.strerror}: {advice}", UNUSABLE)
    if not there:
        fail(f"there is no data folder at {settings.data.resolve()}; set PROMPTUARY_DATA or --data", UNUSABLE)
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs asynchronous work; what goes wrong is one line on standard error and an exit code, never a traceback."""
    import asyncio

    from registry.domain.errors import BadRequest, PromptuaryError, Unavailable

    async def quietly() -> T:
        asyncio.get_running_loop().set_exception_handler(_tell_of)
        return await work

    try:
        return asyncio.run(quietly())
    except (BadRequest, Unavailable) as error:
        fail(error.message, UNUSABLE)
    except PromptuaryError as error:
        fail(error.message)
    except OSError as error:
        advice = ": run this as the user that it belongs to" if isinstance(error, PermissionError) else ""
        fail(f"{error.filename or 'the system'}: {error.strerror or error}{advice}", UNUSABLE)


def _tell_of(loop: "AbstractEventLoop", context: dict[str, Any]) -> None:
    """Ctrl-C cancels who waits for a socket; the loop may find that out only when there is something to read."""
    from asyncio import InvalidStateError

    if not isinstance(context.get("exception"), InvalidStateError):
        loop.default_exception_handler(context)


def write_json(value: Any) -> None:
    """Writes a value as JSON to standard output, with two spaces of indent and text as it is."""
    import orjson

    try:
        data = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # integers beyond 64 bits, which a template may hold
        import json

        data = (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace")
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def console(*, stderr: bool = False) -> "Console":
    """A console that colours only on a terminal and never wraps what goes into a pipe."""
    from api.commands.terminal import OutputConsole

    return OutputConsole(stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False)


def write_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    optional: Sequence[str] = (),
    crop_last: bool = False,
) -> None:
    """Writes a table; wide characters count as two columns.

    Where a terminal is too narrow, ``crop_last`` cuts the last column, then ``optional`` columns are left out in their
    order, which is said on standard error, then cells are folded; where that cannot be read each row is a record.
    """
    from rich.measure import Measurement

    out = console()
    if not out.is_terminal:
        out.width = 10_000  # a pipe has no width: whatever the longest row needs
        out.print(_table(columns, rows, terminal=False))
        return
    left_out: set[str] = set()
    for column in (None, *optional):
        left_out |= {column} if column else set()
        kept = [index for index, name in enumerate(columns) if name not in left_out]
        shown = [[row[index] for index in kept] for row in rows]
        table = _table([columns[index] for index in kept], shown, terminal=True)
        excess = Measurement.get(out, out.options.update(max_width=10_000), table).maximum - out.width
        widest = max((_width(row[-1]) for row in shown), default=0)
        if excess > 0 and crop_last and widest - excess >= NARROWEST:
            table.columns[-1].no_wrap, table.columns[-1].max_width, excess = True, widest - excess, 0
        if excess <= 0:
            break
    if excess > 0 and len(kept) * NARROWEST > out.width:
        _write_records(out, columns, rows)
    else:
        out.print(table)
        if left_out:
            missing = ", ".join(column for column in columns if column in left_out)
            console(stderr=True).print(f"promptuary: no room for {missing}: widen the window, or --json")


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, terminal: bool) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="bold")
    for column in columns:
        last = column == columns[-1]
        table.add_column(column, no_wrap=not terminal, overflow="ellipsis" if last and terminal else "fold")
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    return table


def _width(value: object) -> int:
    from rich.cells import cell_len

    return cell_len(_cell(value))


def _write_records(out: "Console", columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows as lines of ``COLUMN: value``, where there is no room for columns that can be read."""
    from rich.text import Text

    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            out.print(Text(f"{column}: ", style="bold").append(_cell(cell), style="not bold"))
        out.print()


def _cell(value: object) -> str:
    return "-" if value is None else plain(str(value))


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape", "backslashreplace").decode()


def _setting(location: Sequence[int | str], given: dict[str, Any]) -> str:
    if not location:  # of several together, which say themselves which they are
        return ""
    name = str(location[0])
    return f"--{name.replace('_', '-')}" if name in given else f"PROMPTUARY_{name.upper()}"
