"""The console that tables and colours are written with."""

import errno
from typing import NoReturn

from rich.console import Console


class OutputConsole(Console):
    """Leaves it to the program's end what an output means that nobody reads any more; rich would end it with 1."""

    def on_broken_pipe(self) -> NoReturn:
        """Raises BrokenPipeError."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads the output")
