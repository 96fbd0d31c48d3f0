"""Finding and reading the files of a checkout on this disk."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.commands.output import UNUSABLE, fail, warn

PROMPTS = "prompts"
LABELS = "labels"
SUFFIX = ".prompt.yaml"
RULES = frozenset({".registry.yaml", "CODEOWNERS"})
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
    for path, root in find_roots(paths).items():
        place = _place_of(path)
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


def find_roots(paths: Iterable[Path]) -> dict[Path, Path]:
    """The root of each path's checkout; nothing is read. Ends the program where a path is not there."""
    roots: dict[Path, Path] = {}
    for path in paths:
        if not path.exists() and not path.is_symlink():
            fail(f"{path}: there is no such file or folder", UNUSABLE)
        roots[path] = find_root(_place_of(path))
    return roots


def without_strays(paths: Sequence[Path]) -> list[Path]:
    """What was named without the files that the gate does not look into, of which each is told."""
    faults = {path: fault for path in paths if (fault := _stray_fault(path)) is not None}
    for path, fault in faults.items():
        warn(f"{path} {fault}")
    return [path for path in paths if path not in faults]


def _stray_fault(path: Path) -> str | None:
    """Why a file is no template, labels, rules or owners to the gate; None where it is, or is no file."""
    if not path.is_file() or path.is_symlink() or path.name in RULES:
        return None
    if not path.name.endswith(SUFFIX):
        return None if LABELS in path.resolve().parts else f"is no template: name it *{SUFFIX}"
    folder, *rest = path.resolve().relative_to(find_root(path.resolve())).parts
    outside = rest and folder.casefold() not in {PROMPTS, LABELS}
    return f"is outside {PROMPTS}/, so no template" if outside else None


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

    One that is gone meanwhile is none. One that cannot be read is left out; where it is, or lies in, what was ``asked``
    about (whole paths), the program ends: nobody should take what was not looked at for faultless.
    """
    found: dict[str, bytes | None] = {}
    listed = _git_files(root)
    for path in sorted(set(_walk(root) if listed is None else listed)):
        try:
            found[path] = _read(root / path)
        except FileNotFoundError:
            continue
        except OSError as error:
            if any((root / path).is_relative_to(each) for each in asked):
                fail(f"{root / path}: cannot be read: {error.strerror}", UNUSABLE)
            warn(f"{root / path}: cannot be read, so it is left out: {error.strerror}")
    return found


def _place_of(path: Path) -> Path:
    """Where a path leads, without following a link that it is itself."""
    return path.parent.resolve() / path.name if path.is_symlink() else path.resolve()


def _place(path: str) -> str:
    lone = path.endswith(SUFFIX) and not path.startswith(f"{PROMPTS}/")
    return f"{PROMPTS}/{path}" if lone and "/" not in path else path


def _read(place: Path) -> bytes | None:
    if place.is_symlink():
        return None
    with place.open("rb") as file:
        return file.read(MAX_READ_BYTES)


def _git_files(root: Path) -> list[str] | None:
    """What Git tracks, and what of the rest is meant to be pushed; None where this is no checkout of Git, or no git.

    Other untracked files are those of tools: caches and reports, which jobs of CI have in their checkout.
    """
    command = ["git", "-C", str(root), "ls-files", "-tz", "--cached", "--others", "--exclude-standard", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)  # nosec B603  # git, with a list of our own
    except (OSError, subprocess.SubprocessError):
        return None
    listed = (line.split(" ", 1) for line in done.stdout.decode("utf-8", "surrogateescape").split("\0") if line)
    paths = [path for mark, path in listed if mark != "?" or _is_ours(path)]
    return [path for path in paths if (root / path).is_file() or (root / path).is_symlink()]


def _is_ours(path: str) -> bool:
    """Whether a file is a template, of labels or of rules by its place; lone templates lie at the top."""
    top, slash, _ = path.partition("/")
    return top.casefold() in {PROMPTS, LABELS} if slash else path in RULES or path.endswith(SUFFIX)


def _walk(root: Path) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name != ".git"]
        places = (Path(folder) / name for name in files)
        yield from (p.relative_to(root).as_posix() for p in places if p.is_file() or p.is_symlink())
