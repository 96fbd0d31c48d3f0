"""Objects are written although packing takes away the folders that they go into."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pygit2 import GitError

from registry.adapters.git import LocalRepositories
from registry.adapters.git.packing import beside_packing
from registry.domain.ids import CommitId, RepositoryName
from registry.domain.refs import Signature

NAME = RepositoryName("prompts")
KIM = Signature("Kim", "kim@example.org", datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("message", "tries"), [("failed to rename lockfile to 'x': No such file or directory", 20), ("disk error", 1)]
)
def test_only_a_folder_that_went_away_is_a_reason_to_write_again(message: str, tries: int) -> None:
    written = []

    def write() -> None:
        written.append(1)
        raise GitError(message)

    with pytest.raises(GitError, match=message):
        beside_packing(write)
    assert len(written) == tries


_REMOVE_EMPTY_FOLDERS = """
import os, sys
from contextlib import suppress
while True:
    for number in range(256):
        with suppress(OSError):
            os.rmdir(f"{sys.argv[1]}/{number:02x}")
"""


def test_a_commit_is_written_while_packing_removes_the_folders_of_loose_objects(
    tmp_path: Path,
) -> None:
    """``git prune-packed`` removes a folder that it finds empty; libgit2 had just made it for an object."""
    repositories = LocalRepositories(tmp_path, hook_command="/nowhere/promptuary")
    repositories.create(NAME)
    objects = repositories.path(NAME) / "objects"
    removing = subprocess.Popen([sys.executable, "-Ic", _REMOVE_EMPTY_FOLDERS, str(objects)])
    tip: CommitId | None = None
    try:
        with repositories.open(NAME) as store:
            for number in range(100):
                tip = store.write_commit(tip, {f"{number}/a": f"{number}".encode()}, KIM, KIM, "edit\n")
            assert tip is not None
            assert len(store.first_parents(tip) or []) == 100
    finally:
        removing.kill()
        removing.wait()
