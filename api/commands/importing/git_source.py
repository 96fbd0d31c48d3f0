"""Reading a Git repository with its history: a folder, a bundle, or an address."""

import re
import tempfile
from contextlib import closing
from pathlib import Path

from api.commands.importing.git_address import ADDRESS, shown_source
from api.commands.importing.git_copy import copy_repository, count_commits
from api.commands.importing.git_history import read_commits
from api.commands.progress import shown_progress
from registry.domain.importing.histories import read_history
from registry.domain.importing.imported import Found

_BUNDLE = re.compile(rb"# v[23] git bundle\n")


def is_repository(source: str) -> bool:
    """Whether a source is a repository: an address that says so, a bundle, a bare repository or a checkout's root."""
    if ADDRESS.match(source) or (source.startswith(("http://", "https://")) and source.rstrip("/").endswith(".git")):
        return True
    path = Path(source)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return _BUNDLE.match(file.read(32)) is not None
        bare = (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()
        return bare or (path / ".git" / "HEAD").is_file() or (path / ".git").is_file()
    except OSError:
        return False


def read_git(source: str, branch: str | None) -> Found:
    """The prompts of a branch (None: the default one), each state a version. Raises SourceUnreadable.

    The repository is copied into a private folder first; nothing of it is run or checked out.
    """
    where = shown_source(source)
    with tempfile.TemporaryDirectory(prefix="promptuary-import-", ignore_cleanup_errors=True) as folder:
        copy = copy_repository(source, branch, Path(folder))
        with (
            shown_progress("read", count_commits(copy)) as step,
            closing(read_commits(copy, where, step)) as commits,
        ):
            return read_history(commits, where)
