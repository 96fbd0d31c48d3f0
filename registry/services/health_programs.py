"""Whether what Promptuary stands on is there and new enough."""

import re
import sys
from collections.abc import Sequence

from registry.domain.health import Finding, Grade, well
from registry.ports.health import GitVersions

LEAST_PYTHON = (3, 11)
LEAST_GIT = (2, 36)
"""The first with ``core.fsync`` and ``core.fsyncMethod``."""
LEAST_PYGIT2 = (1, 21)
LEAST_SQLITE = (3, 35)
"""The first with RETURNING; FTS5's trigrams are one older."""

LEAST_POSTGRES = (15,)

_SEE_CATALOGUE = "See the finding of the catalogue for the reason."
_INSTALL = "Install the package git in a newer version, or put a newer git first on the server's PATH."


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``2.39.5 (Apple Git-154)`` is (2, 39, 5)."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def python_finding() -> Finding:
    """The Python that runs this."""
    found = f"Python {sys.version.split()[0]} in {sys.prefix}"
    if sys.version_info >= LEAST_PYTHON:
        return well("python", found)
    remedy = "Install Python 3.11 or newer and make the virtual environment anew with it."
    return Finding("python", Grade.PROBLEM, found, why="Promptuary is written for 3.11 or newer.", remedy=remedy)


def git_finding(versions: GitVersions) -> Finding:
    """The git program."""
    if versions.git is None:
        why = "Clones, pushes and imports run the git program; without it the server answers reads only."
        remedy = "Install the package git, and see that it is on the PATH of the user that runs the server."
        return Finding("git", Grade.PROBLEM, "there is no git program on the PATH", why=why, remedy=remedy)
    if numbers(versions.git) < LEAST_GIT:
        why = "Before 2.36 git does not flush what was pushed: a power cut can take pushes that were acknowledged."
        found = f"git {versions.git} is older than {'.'.join(map(str, LEAST_GIT))}"
        return Finding("git", Grade.PROBLEM, found, why=why, remedy=_INSTALL)
    return well("git", f"git {versions.git}")


def libgit2_finding(versions: GitVersions) -> Finding:
    """The library that reads and writes repositories in the server's own process."""
    found = f"pygit2 {versions.pygit2} on libgit2 {versions.libgit2}"
    if numbers(versions.pygit2) >= LEAST_PYGIT2:
        return well("libgit2", found)
    why = f"Promptuary is written for pygit2 {'.'.join(map(str, LEAST_PYGIT2))} or newer."
    remedy = "Install Promptuary again with what its lock file lists (make run does)."
    return Finding("libgit2", Grade.PROBLEM, found, why=why, remedy=remedy)


def sqlite_finding(version: str, missing: Sequence[str]) -> Finding:
    """The SQLite that this Python brings."""
    if numbers(version) >= LEAST_SQLITE and not missing:
        return well("sqlite", f"SQLite {version} with full text")
    found = f"SQLite {version}" + (f" was built without: {', '.join(missing)}" if missing else " is too old")
    why = "The catalogue and the search index need it: the server does not start."
    remedy = (
        f"Use a Python with SQLite {'.'.join(map(str, LEAST_SQLITE))} or newer and FTS5 (Debian's and python.org's)."
    )
    return Finding("sqlite", Grade.PROBLEM, found, why=why, remedy=remedy)


def postgres_finding(version: str, missing: Sequence[str]) -> Finding:
    """The PostgreSQL that PROMPTUARY_DATABASE_URL names."""
    if not version:
        why = "The catalogue is in it: the server does not start."
        return Finding("postgresql", Grade.PROBLEM, "PostgreSQL does not answer", why=why, remedy=_SEE_CATALOGUE)
    if numbers(version) >= LEAST_POSTGRES and not missing:
        return well("postgresql", f"PostgreSQL {version} with trigrams")
    found = f"PostgreSQL {version}" + (f" lacks: {', '.join(missing)}" if missing else " is too old")
    why = "The catalogue and its full text need it: the server does not start, or finds Korean words slowly."
    remedy = f"Use PostgreSQL {LEAST_POSTGRES[0]} or newer, and make the database as it says; it is filled from Git."
    return Finding("postgresql", Grade.PROBLEM, found, why=why, remedy=remedy)


def shell_finding(wrong: str | None) -> Finding:
    """The shell that runs the hooks."""
    if wrong is None:
        return well("shell", "/bin/sh runs")
    why = "Git starts the gate as a script of /bin/sh: without it every push is refused."
    remedy = "Install a POSIX shell as /bin/sh (the package dash or busybox), also in a container image."
    return Finding("shell", Grade.PROBLEM, f"/bin/sh cannot be run: {wrong}", why=why, remedy=remedy)
