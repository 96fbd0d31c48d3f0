"""What a process is for: all of it, or one of the three parts that the server tier has."""

from enum import StrEnum


class ProcessKind(StrEnum):
    """``promptuary serve``, ``git``, ``indexer`` and ``api``."""

    SERVE = "serve"
    GIT = "git"
    INDEXER = "indexer"
    API = "api"

    @property
    def has_disk(self) -> bool:
        """Whether it runs where the repositories lie."""
        return self is not ProcessKind.API

    @property
    def takes_writes(self) -> bool:
        """Whether pushes and writes come to it: of those there is one for a data folder."""
        return self in {ProcessKind.SERVE, ProcessKind.GIT}

    @property
    def projects(self) -> bool:
        """Whether it writes the catalogue; the others wait until one that does has."""
        return self in {ProcessKind.SERVE, ProcessKind.INDEXER}
