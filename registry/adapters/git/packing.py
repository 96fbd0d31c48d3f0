"""Writing objects while ``git`` packs the ones that are there."""

from collections.abc import Callable
from typing import TypeVar

from pygit2 import GitError

Written = TypeVar("Written")

_FOLDER_GONE = "failed to rename lockfile"
_TRIES = 20


def beside_packing(write: Callable[[], Written]) -> Written:
    """What ``write`` gives, which writes objects and nothing else; again where a folder of theirs went away meanwhile.

    Once loose objects are in a pack, ``git`` removes them and each of the 256 folders that is left empty. libgit2 makes
    such a folder and then moves an object into it, and gives up where the folder was removed in between.

    Raises GitError and OSError as the driver does, the last one where the folder goes away at every try.
    """
    for _ in range(_TRIES - 1):
        try:
            return write()
        except (GitError, OSError) as error:
            if _FOLDER_GONE not in str(error):
                raise
    return write()
