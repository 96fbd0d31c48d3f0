"""What the commands share: settings, one-line errors, JSON and tables on a terminal, running asynchronous work."""

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from registry.settings import Settings

T = TypeVar("T")

REFUSED = 1
"""The answer is no: faults were found, something was refused or is not there."""
UNUSABLE = 2
"""The command could not be carried out as asked: wrong arguments, settings, files or surroundings."""

Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="The data folder. [default: PROMPTUARY_DATA, else .data]", show_default=False),
]


def fail(message: str, code: int = REFUSED) -> NoReturn:
    """Ends the program with one line on standard error."""
    print(f"promptuary: {message}", file=sys.stderr)  # noqa: T201  (a command line program talks)
    raise typer.Exit(code)


def warn(message: str) -> None:
    """Says one line on standard error and goes on."""
    print(f"promptuary: {message}", file=sys.stderr)  # noqa: T201  (a command line program talks)


def settings_of(data: Path | None = None, **changes: Any) -> "Settings":
    """The settings, with what the command line says on top. Ends the program where one cannot be read."""
    from pydantic import ValidationError

    from registry.settings import Settings

    given = {name: value for name, value in {"data": data, **changes}.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(f"{_setting(e['loc'], given)}: {e['msg']}" for e in error.errors())
        fail(f"settings that cannot be used: {problems}", UNUSABLE)


def existing_data(data: Path | None = None) -> "Settings":
    """The settings, where their data folder holds a registry. Ends the program where it does not: nothing is made."""
    settings = settings_of(data)
    try:
        there = settings.catalogue.exists() or settings.repositories.is_dir()
    except OSError:
        there = False
    if not there:
        fail(f"there is no data folder at {settings.data.resolve()}; set PROMPTUARY_DATA or --data", UNUSABLE)
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs asynchronous work; what goes wrong is one line on standard error and an exit code, never a traceback."""
    from registry.domain.errors import BadRequest, PromptuaryError, Unavailable

    try:
        return asyncio.run(work)
    except (BadRequest, Unavailable) as error:
        fail(error.message, UNUSABLE)
    except PromptuaryError as error:
        fail(error.message)
    except OSError as error:
        fail(f"{error.filename or 'the system'}: {error.strerror or error}", UNUSABLE)


def write_json(value: Any) -> None:
    """Writes a value as JSON to standard output, with two spaces of indent and text as it is."""
    import orjson

    data = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def console(*, stderr: bool = False) -> "Console":
    """A console that colours only on a terminal and never wraps what goes into a pipe."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False)


def write_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Writes a table; wide characters count as two columns."""
    from rich import box
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(box=box.SIMPLE_HEAD if out.is_terminal else None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=not out.is_terminal, overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
    if not out.is_terminal:
        # A pipe has no width: whatever the longest row needs.
        out.width = 10_000
    elif Measurement.get(out, out.options.update(max_width=10_000), table).maximum > out.width:
        for row in rows:  # too narrow for columns that can be read
            for column, cell in zip(columns, row, strict=True):
                out.print(
                    Text(f"{column}: ", style="bold").append("-" if cell is None else str(cell), style="not bold")
                )
            out.print()
        return
    out.print(table)


def _setting(location: Sequence[int | str], given: dict[str, Any]) -> str:
    name = str(location[0]) if location else "settings"
    return f"--{name.replace('_', '-')}" if name in given else f"PROMPTUARY_{name.upper()}"
