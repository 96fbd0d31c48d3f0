"""Where imported prompts come from: files, folders and servers."""

from collections.abc import Iterator
from pathlib import Path

from registry.domain.importing.files import ENDINGS, SourceFile, read_files, recognise
from registry.domain.importing.formats import SourceFormat
from registry.domain.importing.imported import Imported, SourceUnreadable

MAX_FILE_BYTES = 256 * 1024 * 1024


def read_source(source: str, form: SourceFormat | None) -> list[Imported]:
    """All prompts of a source. With ``form`` only that format's files of a folder are read, and a single file so.

    Raises SourceUnreadable, with the way out.
    """
    if source.startswith(("http://", "https://")):
        from api.commands.langfuse_server import read_langfuse

        if form not in {None, SourceFormat.LANGFUSE}:
            raise SourceUnreadable(f"{form} is read from files: an address is that of a Langfuse server")
        return read_langfuse(source)
    path = Path(source)
    if not path.is_dir():
        return read_files([SourceFile(path.name, _read(path), str(path))], form)
    return read_files(_files_below(path, form), None)


def _files_below(folder: Path, form: SourceFormat | None) -> Iterator[SourceFile]:
    """The files of a folder that are recognised, in order. Raises SourceUnreadable where there is none."""
    none = True
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        kind = recognise(name)
        hidden = any(part.startswith(".") for part in name.split("/"))
        if kind is None or form not in {None, kind} or hidden or not file.is_file():
            continue
        none = False
        yield SourceFile(name, _read(file), str(file))
    if none:
        raise SourceUnreadable(f"{folder} holds nothing that can be imported: give {', '.join(ENDINGS)}, or an address")


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise SourceUnreadable(f"{file} is larger than {MAX_FILE_BYTES:,} bytes: split it")
        return file.read_bytes()
    except OSError as error:
        raise SourceUnreadable(f"{file} cannot be read: {error.strerror}") from None
