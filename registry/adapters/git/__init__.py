"""Git on pygit2 (libgit2), without a work tree; the ``git`` program for bulk reads, logs and maintenance."""

from registry.adapters.git.repositories import LocalRepositories
from registry.adapters.git.store import Pygit2Store

__all__ = ["LocalRepositories", "Pygit2Store"]
