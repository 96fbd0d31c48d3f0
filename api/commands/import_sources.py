"""Where imported prompts come from: files, folders and servers."""

from collections.abc import Iterator
from pathlib import Path

from registry.domain.importing.files import ENDINGS, SourceFile, format_of, is_wanted, read_files, recognise
from registry.domain.importing.formats import SourceFormat
from registry.domain.importing.imported import Found, SourceUnreadable

MAX_BYTES = 256 * 1024 * 1024
"""Bytes of a file, or of all files of a folder together."""


def read_source(source: str, form: SourceFormat | None, branch: str | None = None) -> Found:
    """All prompts of a source. With ``form`` only that format's files of a folder are read, and a single file so.

    ``branch`` is that of a Git repository. Raises SourceUnreadable, with the way out.
    """
    from api.commands.git_source import is_repository, read_git

    if form is SourceFormat.GIT or (form is None and is_repository(source)):
        return read_git(source, branch)
    if branch is not None:
        raise SourceUnreadable("--branch is one of a Git repository: say --from git")
    if source.startswith(("http://", "https://")):
        return _read_server(source, form)
    path = Path(source)
    if not path.is_dir():
        file = SourceFile(path.name, _read(path, MAX_BYTES), str(path))
        return read_files([file, *_neighbours(path, form)], form)
    files = list(_files_below(path, form))
    if all(file.aside for file in files):
        raise SourceUnreadable(f"{path} holds nothing that can be imported: give {', '.join(ENDINGS)}, or an address")
    return read_files(files, None)


def _neighbours(path: Path, form: SourceFormat | None) -> Iterator[SourceFile]:
    """What the file at a path may refer to: the files beside it and below."""
    if SourceFormat.PROMPTFOO in {form, recognise(path.name)}:
        for file in _files_below(path.parent, None):
            if file.name != path.name:
                yield SourceFile(file.name, file.data, file.where, aside=True)


def _read_server(source: str, form: SourceFormat | None) -> Found:
    from api.commands.langfuse_server import read_langfuse
    from api.commands.mlflow_server import read_mlflow
    from api.commands.source_server import looks_like_mlflow, plain_address

    if form not in {None, SourceFormat.LANGFUSE, SourceFormat.MLFLOW}:
        raise SourceUnreadable(
            f"{form} is read from files: an address is that of a Langfuse or MLflow server, or of a Git repository"
        )
    if form is SourceFormat.MLFLOW or (form is None and looks_like_mlflow(plain_address(source))):
        return read_mlflow(source)
    return Found(tuple(read_langfuse(source)))


def _files_below(folder: Path, form: SourceFormat | None) -> Iterator[SourceFile]:
    """The files of a folder that are recognised, in order, and those that they may refer to."""
    left = MAX_BYTES
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not is_wanted(name) or not path.is_file():
            continue
        data = _read(path, left)
        left -= len(data)
        file = SourceFile(name, data, str(path))
        known = recognise(name) is not None
        yield file if known and form in {None, format_of(file)} else SourceFile(name, data, str(path), aside=True)


def _read(file: Path, most: int) -> bytes:
    try:
        if file.stat().st_size > most:
            raise SourceUnreadable(f"{file} makes it more than {MAX_BYTES:,} bytes: split it")
        return file.read_bytes()
    except OSError as error:
        raise SourceUnreadable(f"{file} cannot be read: {error.strerror}") from None
