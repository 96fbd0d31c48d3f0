"""Where imported prompts come from: files, folders and servers."""

from pathlib import Path
from typing import TYPE_CHECKING

from api.commands.import_formats import SourceFormat
from registry.domain.importing.imported import Imported, SourceUnreadable
from registry.domain.importing.langfuse import read_export

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FILE_BYTES = 256 * 1024 * 1024
_EXPORTS = (".json", ".jsonl", ".ndjson")


def read_source(source: str, form: SourceFormat | None) -> list[Imported]:
    """All prompts of a source; ``form`` is how files are read, whatever they are called.

    Raises SourceUnreadable, with the way out.
    """
    if source.startswith(("http://", "https://")):
        from api.commands.langfuse_server import read_langfuse

        return read_langfuse(source)
    path = Path(source)
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    known = files if form is not None else [each for each in files if each.suffix.lower() in _EXPORTS]
    if not known:
        raise SourceUnreadable(
            f"{source} holds nothing that can be imported: give {', '.join(_EXPORTS)}, or an address"
        )
    return list(_distinct(prompt for file in known for prompt in read_export(_read(file), str(file))))


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise SourceUnreadable(f"{file} is larger than {MAX_FILE_BYTES:,} bytes: split it")
        return file.read_bytes()
    except OSError as error:
        raise SourceUnreadable(f"{file} cannot be read: {error.strerror}") from None


def _distinct(prompts: "Iterable[Imported]") -> list[Imported]:
    """The prompts, where no two have one name. Raises SourceUnreadable."""
    found: dict[str, Imported] = {}
    for each in prompts:
        if each.name in found:
            raise SourceUnreadable(f"two files hold a prompt {each.name!r}: import them into folders of their own")
        found[each.name] = each
    return list(found.values())
