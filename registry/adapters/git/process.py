"""Runs the ``git`` program with an environment of our own, so that nothing of the server's or a user's leaks in."""

import logging
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from registry.adapters.git.errors import reason_of
from registry.domain.errors import Unavailable

log = logging.getLogger(__name__)


def environment(repository: Path, quarantine: Path | None = None) -> dict[str, str]:
    """The whole environment of a git process: no system or user configuration, no replace refs, C messages."""
    variables = {
        "PATH": os.pathsep.join(os.get_exec_path()),
        "HOME": str(repository),
        "LC_ALL": "C",
        "GIT_DIR": str(repository),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }
    if quarantine is not None:
        variables["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = _quoted(str(quarantine))
    return variables


def _quoted(path: str) -> str:
    """The path as one element of git's colon-separated lists, C-quoted where that is needed."""
    if any(sign in path for sign in ':"\\\n'):
        return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return path


def run_git(
    repository: Path,
    arguments: Sequence[str],
    *,
    stdin: bytes = b"",
    quarantine: Path | None = None,
    timeout: float = 600,
) -> bytes:
    """What ``git <arguments>`` prints. Raises Unavailable where it fails or takes longer than ``timeout`` seconds."""
    try:
        done = subprocess.run(  # nosec B603, B607  # git from the PATH
            ["git", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=repository,
            env=environment(repository, quarantine),
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise Unavailable("The git program is not installed on the server, or not on its PATH.") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"git {arguments[0]} took longer than {timeout:.0f} s.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        log.error("git %s failed in %s: %s", " ".join(arguments), repository, said.strip())
        raise Unavailable(f"git {arguments[0]} failed: {reason_of(said, repository)}.")
    return done.stdout
