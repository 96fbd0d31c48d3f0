"""Where an export goes: a file or a folder, in which nothing is ever half written."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from api.commands.output import UNUSABLE, fail

FORCE = "give another, or --force to write over"


@contextmanager
def told_faults(target: Path, changed: str = "Nothing was changed") -> Iterator[None]:
    """What the disk refuses ends the program with the place, the reason, and what was changed."""
    try:
        yield
    except OSError as error:
        fail(f"{target} cannot be written: {error.strerror or error}. {changed}", UNUSABLE)


def check_file(target: Path, *, force: bool) -> None:
    """Ends the program where a file cannot or may not be put there, before anything is read for it."""
    if target.is_dir():
        fail(f"{target} is a folder: name a file in it", UNUSABLE)
    if target.exists() and not force:
        fail(f"{target} is there already: {FORCE} it", UNUSABLE)
    _check_parent(target)


def check_folder(target: Path, *, force: bool) -> None:
    """The same for a folder: it is not there yet or empty, unless forced."""
    with told_faults(target):
        if target.exists() and not target.is_dir():
            fail(f"{target} is a file: this format needs a folder", UNUSABLE)
        if target.is_dir() and not force and any(target.iterdir()):
            fail(f"{target} is not empty: {FORCE} its files of the same names", UNUSABLE)
    if not target.exists():
        _check_parent(target)


def _check_parent(target: Path) -> None:
    parent = target.absolute().parent
    if not parent.is_dir():
        fail(f"there is no folder {parent} to put {target.name} into: make it first", UNUSABLE)
    if not os.access(parent, os.W_OK | os.X_OK):
        fail(f"{parent} cannot be written to: choose another place, or ask for the right to write there", UNUSABLE)


@contextmanager
def staged(near: Path) -> Iterator[Path]:
    """A folder on the same disk to write in first; it goes away whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=".promptuary-", dir=near))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_file(target: Path, data: bytes) -> None:
    """Puts one file there, whole or not at all."""
    with told_faults(target), staged(target.absolute().parent) as stage:
        file = stage / "file"
        _write(file, data)
        file.replace(target)


def put_files(target: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Writes all files apart, then puts them into the folder; what fails before that leaves it as it is.

    Ends the program where something stands in the way of one, before any is put.
    """
    there = target.is_dir()
    with told_faults(target), staged(target if there else target.absolute().parent) as stage:
        whole = stage / "whole"
        whole.mkdir()
        paths = []
        for path, data in files:
            paths.append(path)
            file = whole.joinpath(*path.split("/"))
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, data)
        if not there:
            whole.rename(target)
            return
        places = [target.joinpath(*path.split("/")) for path in paths]
        for place in places:
            _check_place(place, target)
        for path, place in zip(paths, places, strict=True):
            with told_faults(place, "Other files may be written already: export again with --force"):
                place.parent.mkdir(parents=True, exist_ok=True)
                whole.joinpath(*path.split("/")).replace(place)


def _check_place(place: Path, target: Path) -> None:
    """Ends the program where a file cannot be put at a place in the folder ``target``."""
    if place.is_dir():
        fail(f"{place} is a folder where a file has to be: move it away. Nothing was changed", UNUSABLE)
    above = place.parent
    while above != target and not os.path.lexists(above):
        above = above.parent
    if not above.is_dir():
        fail(f"{above} is a file where a folder has to be: move it away. Nothing was changed", UNUSABLE)
    if not os.access(above, os.W_OK | os.X_OK):
        fail(f"{above} cannot be written to: ask for the right to write there. Nothing was changed", UNUSABLE)


def _write(file: Path, data: bytes) -> None:
    with file.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
