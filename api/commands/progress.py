"""A bar for long work, on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.commands.output import console


@contextmanager
def shown_progress(word: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Gives what to call after each of ``total`` pieces of work (None: nobody knows how many).

    The bar is on standard error and goes at the end.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    out = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(word, total=total)

        def step() -> None:
            bar.advance(task)

        yield step
