"""Reading uploaded files of other tools in a process of its own."""

from collections.abc import Sequence
from typing import Protocol

from registry.domain.importing.files import SourceFile
from registry.domain.importing.imported import LeftOut
from registry.domain.importing.plans import PromptPlan
from registry.domain.prompt_formats import PromptFormat

Planned = tuple[list[PromptPlan], tuple[LeftOut, ...]]
"""What an import does, and what of its source became no prompt."""


class ImportReader(Protocol):
    """Reads what somebody has uploaded, with limits on memory and time, one upload at a time."""

    async def plan(self, files: Sequence[SourceFile], form: PromptFormat | None, folder: str) -> Planned:
        """What importing the files into a folder ("" is the top) does.

        Raises SourceUnreadable where no file holds a prompt, BadRequest where reading hit a limit of memory or time,
        Unavailable where too many wait or no process could be started.
        """
        ...
