"""Looking at repositories without changing them (``registry.ports.health.GitHealth``)."""

import os
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pygit2

from registry.adapters.git.bare import HIDDEN, SETTINGS
from registry.adapters.git.errors import reason_of
from registry.adapters.git.hook_files import HOOKS, hook_text
from registry.adapters.git.process import environment
from registry.adapters.git.purge_marks import is_begun
from registry.domain.errors import BadRequest
from registry.domain.ids import CommitId, RepositoryName
from registry.domain.names import repository_name
from registry.ports.health import GitVersions, HookState, RepositoryFacts

_LOCKS = ("packed-refs.lock", "HEAD.lock", "config.lock")
_OLD_SECONDS = 5.0
_LINES = 20
_SECONDS = 10
_DEEP_SECONDS = 3_600


class LocalGitHealth:
    """The repositories at ``<root>/<name>.git``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def versions(self) -> GitVersions:
        """What Git is made of here."""
        found = None
        said = _git("--version")
        if said is not None and said.returncode == 0:
            found = said.stdout.removeprefix("git version ").strip() or None
        return GitVersions(found, pygit2.LIBGIT2_VERSION, version("pygit2"))

    def strays(self) -> list[str]:
        """Names in the repositories' folder that are no repository's; what begins with a dot is ours."""
        try:
            return sorted(e.name for e in self._root.iterdir() if not e.name.startswith(".") and not _is_repository(e))
        except OSError:
            return []

    def look(self, name: RepositoryName) -> RepositoryFacts:
        """One repository."""
        path = self._root / f"{name}.git"
        try:
            repo = pygit2.Repository(str(path))
        except pygit2.GitError as error:
            return RepositoryFacts(path, reason_of(str(error), path))
        try:
            return _look(repo, path)
        except (pygit2.GitError, OSError, ValueError) as error:
            return RepositoryFacts(path, reason_of(str(error), path))
        finally:
            repo.free()

    def damage(self, name: RepositoryName) -> list[str]:
        """What ``git fsck --connectivity-only`` says. Long."""
        path = self._root / f"{name}.git"
        done = _git("fsck", "--connectivity-only", "--no-dangling", "--no-progress", repository=path)
        if done is None:
            return ["git fsck did not end, or git is not there"]
        lines = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("notice:")]
        return lines[:_LINES] if done.returncode else []


def _is_repository(entry: Path) -> bool:
    try:
        repository_name(entry.name.removesuffix(".git"))
    except BadRequest:
        return False
    return entry.name.endswith(".git") and (entry / "HEAD").is_file()


def _look(repo: pygit2.Repository, path: Path) -> RepositoryFacts:
    if not repo.is_bare:
        return RepositoryFacts(path, "it is not bare: its config says core.bare = false")
    head = (path / "HEAD").read_text("utf-8", "replace").strip().removeprefix("ref: ")
    branches = sorted(ref for ref in repo.references if ref.startswith("refs/heads/"))
    commit = repo.references[head].peel(pygit2.Commit) if head in branches else None
    config = pygit2.Config(str(path / "config"))
    alternates = _alternates(path)
    hooks_path, hooks_path_file = _hooks_path(path)
    return RepositoryFacts(
        path=path,
        unusable=None,
        head=head,
        branches=branches,
        tip=CommitId(str(commit.id)) if commit is not None else None,
        tip_time=datetime.fromtimestamp(commit.commit_time, UTC) if commit is not None else None,
        hooks={hook: _hook(path / "hooks" / hook, hook_text(hook)) for hook in HOOKS},
        hooks_path=hooks_path,
        hooks_path_file=hooks_path_file,
        settings=_different(config),
        command=_value(config, "promptuary.command") or "",
        locks=_locks(path),
        alternates=alternates,
        loose=_loose(path),
        packs=len(list((path / "objects/pack").glob("*.pack"))),
        purging=is_begun(path),
        gone_alternates=[each for each in alternates if not (path / "objects" / each).is_dir()],
    )


def _different(config: pygit2.Config) -> Mapping[str, str | None]:
    """Our settings that stand otherwise in the repository's configuration."""
    found = {key: _value(config, key) for key in SETTINGS}
    different = {key: value for key, value in found.items() if value != SETTINGS[key]}
    if HIDDEN not in config.get_multivar("receive.hideRefs"):
        different["receive.hideRefs"] = None
    if "core.sharedRepository" in config:
        different["core.sharedRepository"] = config["core.sharedRepository"]
    return different


def _value(config: pygit2.Config, key: str) -> str | None:
    try:
        return config[key]
    except KeyError:
        return None


def _hook(file: Path, text: str) -> HookState:
    if not file.is_file():
        return HookState.MISSING
    if not os.access(file, os.X_OK):
        return HookState.NOT_EXECUTABLE
    same = not file.is_symlink() and file.read_text("utf-8", "replace") == text
    return HookState.INSTALLED if same else HookState.DIFFERENT


def _hooks_path(path: Path) -> tuple[str | None, Path | None]:
    """What ``core.hooksPath`` says and where, as this user's Git sees it: also the user's and the system's settings."""
    done = _git("config", "--show-origin", "--get", "core.hooksPath", repository=path, ours=False)
    if done is None or done.returncode:
        return None, None
    origin, _, value = done.stdout.strip().partition("\t")
    return value, Path(origin.removeprefix("file:")) if origin.startswith("file:") else None


def _locks(path: Path) -> list[str]:
    """Ref locks that no living writer can still want."""
    places = [path / name for name in _LOCKS]
    places += [Path(folder, name) for folder, _, names in os.walk(path / "refs") for name in names]
    return sorted(str(place.relative_to(path)) for place in places if place.suffix == ".lock" and _is_old(place))


def _is_old(place: Path) -> bool:
    try:
        return abs(time.time() - place.stat().st_mtime) > _OLD_SECONDS
    except OSError:
        return False


def _loose(path: Path) -> int:
    """Loose objects by one of the 256 folders that they are spread over evenly, as Git itself estimates."""
    return 256 * len([each for each in (path / "objects/17").glob("*") if len(each.name) == 38])


def _alternates(path: Path) -> list[str]:
    try:
        lines = (path / "objects" / "info" / "alternates").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line and not line.startswith("#")]


def _git(*arguments: str, repository: Path | None = None, ours: bool = True) -> subprocess.CompletedProcess[str] | None:
    """What git says; None where it cannot be run or does not end. ``ours`` keeps users' settings out."""
    where = () if repository is None else (f"--git-dir={repository}",)
    try:
        return subprocess.run(  # nosec B603, B607  # git from the PATH
            ["git", *where, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment(repository) if ours and repository is not None else None,
            timeout=_DEEP_SECONDS if "fsck" in arguments else _SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
