"""Where imported prompts come from: files, folders and servers."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from api.commands.import_formats import SourceFormat
from registry.domain.importing.imported import Imported, SourceUnreadable
from registry.domain.importing.langfuse import read_export
from registry.domain.importing.prompt_files import read_dotprompt, read_github, read_prompty, read_text

MAX_FILE_BYTES = 256 * 1024 * 1024

_ENDINGS: Mapping[str, SourceFormat] = {
    ".prompt.yml": SourceFormat.GITHUB,
    ".prompt.yaml": SourceFormat.GITHUB,
    ".prompty": SourceFormat.PROMPTY,
    ".prompt": SourceFormat.DOTPROMPT,
    ".jsonl": SourceFormat.LANGFUSE,
    ".ndjson": SourceFormat.LANGFUSE,
    ".json": SourceFormat.LANGFUSE,
    ".md": SourceFormat.TEXT,
    ".txt": SourceFormat.TEXT,
}
_READERS = {
    SourceFormat.PROMPTY: read_prompty,
    SourceFormat.DOTPROMPT: read_dotprompt,
    SourceFormat.GITHUB: read_github,
    SourceFormat.TEXT: read_text,
}


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
    if path.is_dir():
        found = [(each, _recognised(each)) for each in sorted(path.rglob("*")) if not _hidden(each, path)]
        known = [(each, kind) for each, kind in found if kind is not None and form in {None, kind} and each.is_file()]
    else:
        kind = form or _recognised(path)
        known = [(path, kind)] if kind is not None else []
    if not known:
        raise SourceUnreadable(
            f"{source} holds nothing that can be imported: give {', '.join(_ENDINGS)}, or an address"
        )
    root = path if path.is_dir() else path.parent
    return list(_distinct(prompt for file, kind in known for prompt in _prompts(file, kind, root)))


def _prompts(file: Path, kind: SourceFormat, root: Path) -> Iterable[Imported]:
    data = _read(file)
    if kind is SourceFormat.LANGFUSE:
        return read_export(data, str(file))
    name = file.relative_to(root).as_posix()
    ending = next((each for each in _ENDINGS if name.lower().endswith(each)), "")
    return [_READERS[kind](data, name[: len(name) - len(ending)], str(file))]


def _recognised(file: Path) -> SourceFormat | None:
    return next((kind for ending, kind in _ENDINGS.items() if file.name.lower().endswith(ending)), None)


def _hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise SourceUnreadable(f"{file} is larger than {MAX_FILE_BYTES:,} bytes: split it")
        return file.read_bytes()
    except OSError as error:
        raise SourceUnreadable(f"{file} cannot be read: {error.strerror}") from None


def _distinct(prompts: Iterable[Imported]) -> list[Imported]:
    """The prompts, where no two have one name. Raises SourceUnreadable."""
    found: dict[str, Imported] = {}
    for each in prompts:
        if each.name in found:
            raise SourceUnreadable(f"two files hold a prompt {each.name!r}: import them into folders of their own")
        found[each.name] = each
    return list(found.values())
