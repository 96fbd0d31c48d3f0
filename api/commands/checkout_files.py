"""Finding and reading the files of a checkout on this disk."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.commands.output import UNUSABLE, fail, warn

PROMPTS = "prompts"
SUFFIX = ".prompt.yaml"
MAX_READ_BYTES = 16 * 1024 * 1024
"""Files above this are not templates and not looked into; the gate's own limit is far lower."""


@dataclass(slots=True)
class FoundFiles:
    """The files of a checkout by path, None for symbolic links, and those of them that were asked about."""

    root: Path
    files: dict[str, bytes | None]
    wanted: list[str] = field(default_factory=list)

    def shown(self, path: str) -> str:
        """A path as the caller can open it from where they are."""
        place = self.root / path
        here = Path.cwd()
        return str(place.relative_to(here)) if place.is_relative_to(here) else str(place)

    def placed(self) -> dict[str, bytes | None]:
        """The files; a template outside ``prompts/`` (a lone file somewhere) is taken as if it lay there."""
        return {_place(path): data for path, data in self.files.items()}

    def placed_wanted(self) -> list[str]:
        """What was asked about, in the same places."""
        return [_place(path) for path in self.wanted]

    def own_path(self, path: str) -> str:
        """The path in the checkout of a file that was placed so."""
        lone = path.removeprefix(f"{PROMPTS}/")
        return path if path in self.files or lone not in self.files else lone

    def repository_path(self, path: str) -> str:
        """The path, with slashes, from the root of the Git repository around the checkout."""
        root = next((place for place in (self.root, *self.root.parents) if (place / ".git").exists()), self.root)
        return (self.root.relative_to(root) / path).as_posix() if path else ""


def find_checkouts(paths: Iterable[Path]) -> list[FoundFiles]:
    """The checkouts that the paths lie in, each read once. Ends the program where one is not there or not readable."""
    checkouts: dict[Path, FoundFiles] = {}
    paths = list(paths)
    for path in paths:
        if not path.exists() and not path.is_symlink():
            fail(f"{path}: there is no such file or folder", UNUSABLE)
        place = path.parent.resolve() / path.name if path.is_symlink() else path.resolve()
        root = find_root(place)
        if root not in checkouts:
            checkouts[root] = FoundFiles(root, read_files(root, [path.resolve() for path in paths if path.exists()]))
        found = checkouts[root]
        inside = place.relative_to(root).as_posix()
        chosen = [p for p in found.files if inside in {".", p} or p.startswith(f"{inside}/")]
        if not chosen and place.is_file():
            try:
                found.files[inside] = _read(place)
            except OSError as error:
                fail(f"{path}: cannot be read: {error.strerror}", UNUSABLE)
            chosen = [inside]
        found.wanted.extend(chosen)
    return list(checkouts.values())


def is_stray(path: Path) -> bool:
    """Whether a file that was named is none that the gate looks into: no template, labels, rules or owners."""
    known = path.name.endswith(SUFFIX) or path.name in {".registry.yaml", "CODEOWNERS"} or path.is_symlink()
    return path.is_file() and not known and "labels" not in path.resolve().parts


def find_root(place: Path) -> Path:
    """The checkout's root: the folder that holds ``prompts/`` above a template, a Git folder, or the folder itself."""
    folders = [place, *place.parents] if place.is_dir() else list(place.parents)
    for folder in folders:
        if folder.name == PROMPTS:
            return folder.parent
        if (folder / PROMPTS).is_dir() or (folder / ".git").exists() or (folder / ".registry.yaml").is_file():
            return folder
    return folders[0]


def read_files(root: Path, asked: Sequence[Path] = ()) -> dict[str, bytes | None]:
    """Every file below the root that Git would take, by its path with slashes.

    One that cannot be read is left out; where it is, or lies in, what was ``asked`` about (whole paths), the program
    ends: nobody should take what was not looked at for faultless.
    """
    found: dict[str, bytes | None] = {}
    for path in sorted(set(_git_files(root) or _walk(root))):
        try:
            found[path] = _read(root / path)
        except OSError as error:
            if any((root / path).is_relative_to(each) for each in asked):
                fail(f"{root / path}: cannot be read: {error.strerror}", UNUSABLE)
            warn(f"{root / path}: cannot be read, so it is left out: {error.strerror}")
    return found


def _place(path: str) -> str:
    lone = path.endswith(SUFFIX) and not path.startswith(f"{PROMPTS}/")
    return f"{PROMPTS}/{path}" if lone and "/" not in path else path


def _read(place: Path) -> bytes | None:
    if place.is_symlink():
        return None
    with place.open("rb") as file:
        return file.read(MAX_READ_BYTES)


def _git_files(root: Path) -> list[str]:
    """What Git tracks or would add, empty where this is no checkout of Git or there is no git."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return []
    paths = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return [path for path in paths if path and ((root / path).is_file() or (root / path).is_symlink())]


def _walk(root: Path) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name != ".git"]
        places = (Path(folder) / name for name in files)
        yield from (p.relative_to(root).as_posix() for p in places if p.is_file() or p.is_symlink())
