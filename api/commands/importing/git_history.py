"""The commits of a Git repository as a stream, of which no more is held than the newest state."""

from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from api.commands.importing.git_process import GitProcess, running_git
from registry.domain.importing.files import is_wanted, most_bytes
from registry.domain.importing.histories import SourceCommit
from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.source_values import time_of

MOST_BYTES = 256 * 1024 * 1024
"""Bytes of all files of a state together."""
MOST_FILES = 200_000
"""Files that one commit changes."""
_MOST_WORD_BYTES = 256 * 1024
"""A message is cut there."""
_BEGIN = datetime(1971, 1, 1, tzinfo=UTC)
"""Stands for a date that is none."""
_FILE_MODES = ("100644", "100755")
_LOG = (
    "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--root", "-z", "--raw", "-r", "--no-renames",
    "--no-abbrev", "--no-color", "--no-show-signature", "--encoding=UTF-8", "--format=%H%n%an <%ae>%n%aI%n%B", "HEAD",
    "--",
)  # fmt: skip
Change = tuple[str, str | None]
"""A path, and the object that is there now, None where there is no file."""


def read_commits(copy: Path, where: str, step: Callable[[], None]) -> Generator[SourceCommit, None, None]:
    """The commits of the first-parent chain, oldest first, with the files that they changed.

    ``step`` is called at each. Raises SourceUnreadable where the history is damaged, or a state of it holds more than
    anybody writes.
    """
    with (
        running_git(copy, where, *_LOG) as log,
        running_git(copy, where, "cat-file", "--batch-check") as sizes,
        running_git(copy, where, "cat-file", "--batch") as contents,
    ):
        state = _State(_Objects(sizes, contents), where)
        for header, changes in _records(_words(log.told), where):
            step()
            revision, author, time, message = [*header.split("\n", 3), "", "", ""][:4]
            files, left_out = state.take(changes)
            if files:
                when = time_of(time) or _BEGIN
                yield SourceCommit(revision[:12], author, when, message.strip(), files, left_out)
        log.check()


def _words(stream: IO[bytes]) -> Iterator[str]:
    """What ends with a NUL each, cut where nobody writes as much."""
    rest = b""
    while piece := stream.read1(65_536):  # type: ignore[attr-defined]  # a pipe's reader has it
        *whole, rest = (rest + piece).split(b"\0")
        for each in whole:
            cut = each if len(each) <= _MOST_WORD_BYTES else each[:_MOST_WORD_BYTES] + b"..."
            yield cut.decode("utf-8", "replace")
        rest = rest[: _MOST_WORD_BYTES + 1]


def _records(words: Iterator[str], where: str) -> Iterator[tuple[str, list[Change]]]:
    """Each commit's header, and what it changed that may matter."""
    header, changes = "", list[Change]()
    for word in words:
        said = word.lstrip("\n")
        if not said.startswith(":"):
            if header:
                yield header, changes
            header, changes = said, []
            continue
        _, mode, _, blob, _ = said.split(" ")
        path = next(words, "")  # nothing where git broke off
        if is_wanted(path):
            changes.append((path, blob if mode in _FILE_MODES else None))
        if len(changes) > MOST_FILES:
            raise SourceUnreadable(
                f"{where} changes more than {MOST_FILES:,} files in one commit, {header[:12]}: import folders of a "
                "checkout, with --from"
            )
    if header:
        yield header, changes


class _Objects:
    """Two ``git cat-file`` that are asked for objects: ``--batch-command``, which is both, is younger than Git 2.31."""

    def __init__(self, sizes: GitProcess, contents: GitProcess) -> None:
        self._sizes = sizes
        self._contents = contents

    def size(self, blob: str) -> int:
        """Bytes."""
        return _ask(self._sizes, blob)

    def read(self, blob: str) -> bytes:
        """What it holds."""
        size = _ask(self._contents, blob)
        data = self._contents.told.read(size + 1)  # and the end of its line
        if len(data) <= size:
            raise self._contents.failure()
        return data[:size]


def _ask(git: GitProcess, blob: str) -> int:
    """The size that git tells of an object. Raises SourceUnreadable where it tells none."""
    try:
        git.asked.write(f"{blob}\n".encode())
        git.asked.flush()
    except OSError:  # nobody reads it
        raise git.failure() from None
    header = git.told.readline().split()
    if not header:
        raise git.failure()
    if len(header) != 3:
        raise SourceUnreadable(f"{git.where}: its object {blob} is missing: git fsck tells what is wrong with it")
    return int(header[2])


class _State:
    """How much the files hold that there are after the commits so far."""

    def __init__(self, objects: _Objects, where: str) -> None:
        self._objects = objects
        self._where = where
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def take(self, changes: Iterable[Change]) -> tuple[dict[str, bytes | None], dict[str, str]]:
        """What the changed files hold now, None for those that are not there or not read, and why these are not."""
        files: dict[str, bytes | None] = {}
        left_out: dict[str, str] = {}
        for path, blob in changes:
            self._bytes -= self._sizes.pop(path, 0)
            files[path] = None
            if blob is None:
                continue
            size, most = self._objects.size(blob), most_bytes(path)
            if size > most:
                left_out[path] = f"it has {size:,} bytes, and at most {most:,} are read: split it"
                continue
            self._sizes[path] = size
            self._bytes += size
            if self._bytes > MOST_BYTES:
                raise SourceUnreadable(
                    f"{self._where} holds more than {MOST_BYTES:,} bytes of files that may be prompts: import folders "
                    "of a checkout, with --from"
                )
            files[path] = self._objects.read(blob)
        return files, left_out
