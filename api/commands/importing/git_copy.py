"""A private copy of a Git repository, of a bounded size."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from api.commands.importing.git_address import shown_source, split_address
from api.commands.importing.git_process import failure_words
from registry.domain.importing.files import MOST_FILE_BYTES
from registry.domain.importing.imported import SourceUnreadable
from registry.settings import git_environment

CLONE_SECONDS = 3600
MOST_COPY_BYTES = 2 * 1024 * 1024 * 1024
_LOOK_SECONDS = 0.1
_SMALLER = "import a clone of fewer commits (git clone --depth 1000), or folders of a checkout, with --from"
_PROTOCOLS = ("https", "http", "ssh", "git", "file")
_SETTINGS = (
    ("core.hooksPath", "/dev/null"),
    ("core.askPass", ""),
    ("core.bigFileThreshold", str(MOST_FILE_BYTES)),  # what is larger git does not take into memory
    ("http.followRedirects", "false"),
    ("protocol.allow", "never"),
    *((f"protocol.{each}.allow", "always") for each in _PROTOCOLS),
)
_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "LC_ALL": "C.UTF-8"}
_OPTIONS = ("--quiet", "--bare", "--no-local", "--no-tags", "--single-branch", "--template=")
"""No --filter: what is missing then Git 2.39 fetches by itself, of a shallow repository again and again."""


def copy_repository(source: str, branch: str | None, folder: Path) -> Path:
    """Copies a branch (None: the default one) into a folder; gives the bare repository.

    Nothing of the repository is run or checked out. Raises SourceUnreadable.
    """
    copy, where = folder / "copy.git", shown_source(source)
    address, tries = split_address(source)
    command = ["git", "clone", *_OPTIONS, *(["--branch", branch] if branch else []), "--", address, str(copy)]
    failure = ""
    for credentials in tries:
        failure = _run(command, credentials, folder, where)
        if not failure.startswith("could not read Password"):
            break
    if failure:
        failure = failure.replace(address, where) if "://" in source else failure
        raise SourceUnreadable(f"{where} cannot be read as a Git repository: {failure}")
    if not _git(copy, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
        way = "it is empty" if branch else "it has no default branch: name one with --branch"
        raise SourceUnreadable(f"{where} has nothing to import: {way}")
    return copy


def count_commits(copy: Path) -> int:
    """How many states the branch had."""
    return int(_git(copy, "rev-list", "--count", "--first-parent", "HEAD", "--") or 0)


def _run(command: list[str], credentials: list[tuple[str, str]], folder: Path, where: str) -> str:
    """Runs git until it ends; what it says of its failure. Raises SourceUnreadable where it copies too much."""
    environment = git_environment([*_SETTINGS, *credentials], **_ENVIRONMENT)
    until = time.monotonic() + CLONE_SECONDS
    said = folder / "said"
    try:
        with (
            said.open("wb") as errors,
            subprocess.Popen(  # nosec B603  # git, with the address behind --
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,  # without a terminal nothing can ask for a password
            ) as clone,
        ):
            try:
                while clone.poll() is None:
                    _check_size(folder, where)
                    if time.monotonic() > until:
                        raise SourceUnreadable(f"{where} cannot be copied in {CLONE_SECONDS:,} seconds: {_SMALLER}")
                    with suppress(subprocess.TimeoutExpired):
                        clone.wait(_LOOK_SECONDS)
            finally:
                if clone.poll() is None:
                    os.killpg(clone.pid, signal.SIGKILL)
    except FileNotFoundError:
        raise SourceUnreadable("git is needed for a repository, and there is none on the PATH: install it") from None
    except OSError as error:
        raise SourceUnreadable(f"{where} cannot be copied: {error.strerror}") from None
    _check_size(folder, where)
    if not clone.returncode:
        return ""
    with said.open("rb") as file:
        return failure_words(file) or "git failed"


def _check_size(folder: Path, where: str) -> None:
    size = 0
    for place, _, files in os.walk(folder):
        for each in files:
            try:
                size += Path(place, each).lstat().st_size
            except FileNotFoundError:  # git renames them
                continue
    if size > MOST_COPY_BYTES:
        raise SourceUnreadable(f"{where} is larger than {MOST_COPY_BYTES:,} bytes: {_SMALLER}")


def _git(copy: Path, *arguments: str) -> str:
    """What git says; nothing where it fails."""
    command = ["git", "-C", str(copy), *arguments]
    environment = git_environment()
    done = subprocess.run(  # nosec B603  # git, with a list of our own
        command, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    return done.stdout.decode() if done.returncode == 0 else ""
