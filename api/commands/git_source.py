"""Reading a Git repository with its history: a folder, a bundle, or an address."""

import base64
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import SplitResult, unquote, urlsplit

from api.commands.import_progress import shown_progress
from registry.domain.importing.files import is_wanted
from registry.domain.importing.histories import SourceCommit, read_history
from registry.domain.importing.imported import Found, SourceUnreadable
from registry.domain.importing.source_values import time_of
from registry.settings import git_environment

CLONE_SECONDS = 3600
_BUNDLE = re.compile(rb"# v[23] git bundle\n")
_ADDRESS = re.compile(r"(?:ssh|git|git\+ssh|ssh\+git)://|[\w.-]+(?::[^/@]*)?@[\w.-]+:(?!//)")
_PASSWORD = re.compile(r"[\w.-]+:[^/@]*@")
"""How an address without a scheme begins that holds one."""
_PROTOCOLS = ("https", "http", "ssh", "git", "file")
_BEGIN = datetime(1971, 1, 1, tzinfo=UTC)
"""Stands for a date that is none."""
_FILE_MODES = ("100644", "100755")


def is_repository(source: str) -> bool:
    """Whether a source is a repository: an address that says so, a bundle, a bare repository or a checkout's root."""
    if _ADDRESS.match(source) or (source.startswith(("http://", "https://")) and source.rstrip("/").endswith(".git")):
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
    with tempfile.TemporaryDirectory(prefix="promptuary-import-") as folder:
        copy = Path(folder) / "copy.git"
        _clone(source, branch, copy)
        revisions = _lines(copy, "rev-list", "--first-parent", "--reverse", "--parents", "HEAD", "--")
        with shown_progress("read", len(revisions)) as step:
            return read_history(_counted(_commits(copy, revisions), step), _shown(source))


def _counted(commits: Iterator[SourceCommit], step: Callable[[], None]) -> Iterator[SourceCommit]:
    for commit in commits:
        step()
        yield commit


def _shown(source: str) -> str:
    """A source for messages, without credentials."""
    scheme, separator, rest = source.partition("://")
    if separator:
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return source.rpartition("@")[2] if _PASSWORD.match(source) else source


def _clone(source: str, branch: str | None, copy: Path) -> None:
    address, credentials = _address(source)
    settings = [("core.hooksPath", "/dev/null"), ("core.askPass", ""), ("http.followRedirects", "false")]
    settings += [("protocol.allow", "never"), *((f"protocol.{each}.allow", "always") for each in _PROTOCOLS)]
    command = ["git", "clone", "--quiet", "--bare", "--no-local", "--no-tags", "--single-branch", "--template="]
    command += ["--branch", branch] if branch else []
    command += ["--", address, str(copy)]
    environment = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            env=git_environment([*settings, *credentials], **environment),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # without a terminal nothing can ask for a password
            timeout=CLONE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceUnreadable(f"{_shown(source)} cannot be copied: {type(error).__name__}") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        told = next(
            (line for line in said if line.startswith(("error:", "fatal:"))), said[-1] if said else "git failed"
        )
        told = told.removeprefix("error: ").removeprefix("fatal: ").replace(source, _shown(source))
        raise SourceUnreadable(f"{_shown(source)} cannot be read as a Git repository: {told}")
    if not _lines(copy, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", fails=True):
        way = "it is empty" if branch else "it has no default branch: name one with --branch"
        raise SourceUnreadable(f"{_shown(source)} has nothing to import: {way}")


def _address(source: str) -> tuple[str, list[tuple[str, str]]]:
    """What git is told on its command line, which all users can see, and its settings for the credentials in it.

    Raises SourceUnreadable for an address that is none, and for a password that could be given there alone.
    """
    if "://" not in source:
        if _PASSWORD.match(source) and not Path(source).exists():
            raise _takes_no_password(source)
        return source if _ADDRESS.match(source) else str(Path(source).absolute()), []
    try:
        parts = urlsplit(source)
        fits = parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise SourceUnreadable(f"{_shown(source)} is no address: in a password write / as %2F, # as %23, ? as %3F")
    if parts.scheme not in {"http", "https"}:
        if parts.password is not None:
            raise _takes_no_password(source)
        return source, []
    return _without_credentials(parts)


def _without_credentials(parts: SplitResult) -> tuple[str, list[tuple[str, str]]]:
    if "@" not in parts.netloc:
        return parts.geturl(), []
    host = parts.netloc.rpartition("@")[2]
    keys = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    header = f"Authorization: Basic {base64.b64encode(keys.encode()).decode()}"
    return parts._replace(netloc=host).geturl(), [(f"http.{parts.scheme}://{host}/.extraHeader", header)]


def _takes_no_password(source: str) -> SourceUnreadable:
    return SourceUnreadable(
        f"{_shown(source)}: a password in such an address would be seen by every user of this machine: "
        "leave it out, and give SSH a key (ssh-add) or import over https"
    )


def _git(copy: Path, *arguments: str, given: bytes = b"", fails: bool = False) -> bytes:
    command = ["git", "-C", str(copy), *arguments]
    done = subprocess.run(command, env=git_environment(), input=given, capture_output=True, check=False)
    if done.returncode != 0 and not fails:
        raise SourceUnreadable(f"its history cannot be read: {done.stderr.decode('utf-8', 'replace').strip()[:300]}")
    return done.stdout


def _lines(copy: Path, *arguments: str, fails: bool = False) -> list[str]:
    return _git(copy, *arguments, fails=fails).decode().splitlines()


def _commits(copy: Path, revisions: list[str]) -> Iterator[SourceCommit]:
    """The commits of the first-parent chain, oldest first, with the files that they changed."""
    pairs = "".join(f"{' '.join(each.split()[:2])}\n" for each in revisions)
    raw = _git(copy, "diff-tree", "--stdin", "-z", "-r", "--root", "--no-renames", "--no-abbrev", given=pairs.encode())
    changes = _changes(raw)
    log = _git(copy, "log", "--first-parent", "--reverse", "-z", "--no-show-signature",
               "--encoding=UTF-8", "--format=%H%n%an <%ae>%n%aI%n%B", "HEAD", "--")  # fmt: skip
    command = ["git", "-C", str(copy), "cat-file", "--batch"]
    with subprocess.Popen(
        command, env=git_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as blobs:
        assert blobs.stdin is not None, "it is a pipe"
        assert blobs.stdout is not None, "it is a pipe"
        for record in log.decode("utf-8", "replace").split("\0"):
            revision, author, time, message = [*record.split("\n", 3), "", "", ""][:4]
            files = {
                path: None if blob is None else _blob(blobs.stdin, blobs.stdout, blob)
                for path, blob in changes.get(revision, [])
            }
            if files:
                yield SourceCommit(revision[:12], author, time_of(time) or _BEGIN, message.strip(), files)
        blobs.stdin.close()


def _changes(raw: bytes) -> dict[str, list[tuple[str, str | None]]]:
    """For each commit the paths that may matter, with their blobs; None where there is no file any more."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    words = iter(raw.decode("utf-8", "replace").split("\0"))
    commit: list[tuple[str, str | None]] = []
    for word in words:
        if not word.startswith(":"):
            commit = found.setdefault(word.strip(), [])
            continue
        _, mode, _, blob, _ = word.split(" ")
        path = next(words)
        if is_wanted(path) or path.startswith("labels/"):
            commit.append((path, blob if mode in _FILE_MODES else None))
    return found


def _blob(asked: IO[bytes], answered: IO[bytes], blob: str) -> bytes:
    asked.write(f"{blob}\n".encode())
    asked.flush()
    header = answered.readline().split()
    if len(header) != 3:
        raise SourceUnreadable(f"its object {blob} is missing")
    data = answered.read(int(header[2]))
    answered.read(1)
    return data
