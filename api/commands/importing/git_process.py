"""A git that runs beside this program, and its own words where it fails."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from registry.domain.importing.imported import SourceUnreadable
from registry.settings import git_environment

_END_SECONDS = 10
"""So long a git that says nothing more may take to end."""
_MOST_SAID_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class GitProcess:
    """A git that works in ``copy``, which messages call ``where``."""

    process: subprocess.Popen[bytes]
    told: IO[bytes]
    asked: IO[bytes]
    said: IO[bytes]
    copy: Path
    where: str

    def check(self) -> None:
        """Raises SourceUnreadable with git's own words where it did not end well."""
        if self.process.wait():
            raise self.failure()

    def failure(self) -> SourceUnreadable:
        """What to say of a git that answers no more."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_END_SECONDS)
        code = self.process.returncode or 0
        why = failure_words(self.said) or (f"git was ended by signal {-code}" if code < 0 else "git failed")
        return SourceUnreadable(f"{self.where} cannot be read to its end: {why.replace(str(self.copy), self.where)}")


@contextmanager
def running_git(copy: Path, where: str, *arguments: str) -> Iterator[GitProcess]:
    """A git that runs while the block does. Raises SourceUnreadable where none can be started."""
    pipe = subprocess.PIPE
    command = ["git", "-C", str(copy), *arguments]
    environment = git_environment()
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # nosec B603  # git, with a list of our own
                command, env=environment, stdin=pipe, stdout=pipe, stderr=said
            )
        except OSError as error:
            raise SourceUnreadable(f"{where} cannot be read: git cannot be started: {error.strerror}") from None
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        with process:
            try:
                yield GitProcess(process, process.stdout, process.stdin, said, copy, where)
            finally:
                process.kill()  # what is not asked for any more needs no end
                with suppress(OSError):  # what a dead git was asked last
                    process.stdin.close()


def failure_words(said: IO[bytes]) -> str:
    """What git says of its failure, in one line; nothing where it says nothing."""
    said.seek(max(0, said.seek(0, 2) - _MOST_SAID_BYTES))
    lines = [line for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("error:", "fatal:"))), "".join(lines[-1:]))
    return told.removeprefix("error: ").removeprefix("fatal: ")[:1000]
