"""A bar for judging a checkout, on a terminal only and where there is much to judge."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.commands.output import console

MANY = 500
"""Files that are judged in less than half a second need no bar."""


@contextmanager
def judging_progress(word: str, files: int) -> Iterator[Callable[[int, int], None] | None]:
    """Gives what is to be told how many files are done, and of how many; the bar is on standard error, and goes."""
    out = console(stderr=True) if files > MANY else None
    if out is None or not out.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(word, total=files)
        yield lambda done, total: bar.update(task, completed=done, total=total)
