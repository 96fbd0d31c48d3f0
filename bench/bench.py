"""What every figure's module is given."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from bench.data import Data, Sizes
from bench.rows import Row


@dataclass(frozen=True, slots=True)
class Bench:
    """The data, the sizes, and how often each measurement is repeated."""

    data: Data
    sizes: Sizes
    runs: int
    console: Console

    def say(self, text: str) -> None:
        """One line about what goes on."""
        self.console.print(f"  [dim]{text}[/dim]", highlight=False)


Figure = Callable[[Bench], list[Row]]


def shown(templates: int) -> str:
    """A size in the table's words: 10k."""
    return f"{templates // 1000}k" if templates % 1000 == 0 else str(templates)
