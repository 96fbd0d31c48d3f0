"""Where imported prompts come from: files, folders and servers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from api.commands.importing.folder_files import MAX_BYTES, FolderFiles, read_bounded, unreadable
from registry.domain.importing.files import ENDINGS, SourceFile, format_of, read_files, recognise
from registry.domain.importing.imported import Found, SourceUnreadable
from registry.domain.names import MAX_PATH_BYTES
from registry.domain.prompt_formats import PromptFormat

_OF_ONE_ENDING = {PromptFormat.GITHUB: PromptFormat.PROMPTUARY}
"""What a file's name leaves open."""


def read_source(source: str, form: PromptFormat | None, branch: str | None = None) -> Found:
    """All prompts of a source. With ``form`` only that format's files of a folder are read, and a single file so.

    ``branch`` is that of a Git repository. Raises SourceUnreadable, with the way out.
    """
    from api.commands.importing.git_source import is_repository, read_git

    if "\0" in source or len(source) > MAX_PATH_BYTES:
        raise SourceUnreadable(f"no source is called so: its name has more than {MAX_PATH_BYTES:,} signs, or a NUL")
    if form is PromptFormat.GIT or (form is None and is_repository(source)):
        return read_git(source, branch)
    if branch is not None:
        raise SourceUnreadable("--branch is one of a Git repository: say --from git")
    if source.startswith(("http://", "https://")):
        return _read_server(source, form)
    path = Path(source)
    if not _is_folder(path):
        file = SourceFile(path.name, read_bounded(path, MAX_BYTES), str(path))
        refers = PromptFormat.PROMPTFOO in {form, recognise(path.name)}
        return read_files([file], form, FolderFiles(path.parent) if refers else None)
    return _read_folder(FolderFiles(path), form)


def _is_folder(path: Path) -> bool:
    """Whether there is a folder. Raises SourceUnreadable where nobody can know."""
    try:
        return path.is_dir()
    except OSError as error:
        raise SourceUnreadable(unreadable(path, error)) from None


def _read_folder(below: FolderFiles, form: PromptFormat | None) -> Found:
    files = list(_asked(below, form))
    if not files:
        nothing = f"{below.folder} holds nothing that can be imported: give {', '.join(ENDINGS)}, or an address"
        raise SourceUnreadable(below.left_out[0].why if below.left_out else nothing)
    found = read_files(files, None, below)
    return replace(found, left_out=(*found.left_out, *below.left_out))


def _asked(below: FolderFiles, form: PromptFormat | None) -> Iterator[SourceFile]:
    """The files that are in a format, or in any."""
    for name in below:
        kind = recognise(name)
        if kind is None or form not in {None, kind, _OF_ONE_ENDING.get(kind)}:
            continue
        file = SourceFile(name, below[name], str(below.folder / name))
        if form in {None, format_of(file)}:
            yield file


def _read_server(source: str, form: PromptFormat | None) -> Found:
    from api.commands.importing.fetched_file import fetch_file, is_file_address
    from api.commands.importing.langfuse_server import read_langfuse
    from api.commands.importing.mlflow_server import read_mlflow
    from api.commands.importing.source_server import looks_like_mlflow, plain_address

    if form is not PromptFormat.MLFLOW and is_file_address(source):
        return read_files([fetch_file(source)], form, {})
    if form not in {None, PromptFormat.LANGFUSE, PromptFormat.MLFLOW}:
        raise SourceUnreadable(
            f"{form} is read from files: an address is that of a file, whose name ends in {', '.join(ENDINGS)}, of a "
            "Langfuse or MLflow server, or of a Git repository"
        )
    if form is PromptFormat.MLFLOW or (form is None and looks_like_mlflow(plain_address(source))):
        return read_mlflow(source)
    return Found(tuple(read_langfuse(source, named=form is PromptFormat.LANGFUSE)))
