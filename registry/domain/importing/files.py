"""Files as prompts: which format a file is in, by the ending of its name, and what it holds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from registry.domain.importing.formats import SourceFormat
from registry.domain.importing.imported import Imported, SourceUnreadable
from registry.domain.importing.langfuse import read_export
from registry.domain.importing.prompt_files import read_dotprompt, read_github, read_prompty, read_text

ENDINGS: Mapping[str, SourceFormat] = {
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
"""The longest comes first, where one is the end of another."""
_ONE_PROMPT: Mapping[SourceFormat, Callable[[bytes, str, str], Imported]] = {
    SourceFormat.PROMPTY: read_prompty,
    SourceFormat.DOTPROMPT: read_dotprompt,
    SourceFormat.GITHUB: read_github,
    SourceFormat.TEXT: read_text,
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: ``name`` is its path below the source with ``/``, ``where`` what messages call it."""

    name: str
    data: bytes
    where: str


def recognise(name: str) -> SourceFormat | None:
    """The format of a file, by the ending of its name."""
    return next((kind for ending, kind in ENDINGS.items() if name.lower().endswith(ending)), None)


def read_files(files: Iterable[SourceFile], form: SourceFormat | None) -> list[Imported]:
    """The prompts of all files; each is in the format ``form``, or in the one that its name says.

    Raises SourceUnreadable, with the way out; also where two files hold prompts of one name.
    """
    found: dict[str, Imported] = {}
    for file in files:
        for prompt in _prompts(file, form):
            if prompt.name in found:
                raise SourceUnreadable(
                    f"two files hold a prompt {prompt.name!r}: import them into folders of their own"
                )
            found[prompt.name] = prompt
    return list(found.values())


def _prompts(file: SourceFile, form: SourceFormat | None) -> list[Imported]:
    kind = form or recognise(file.name)
    if kind is None:
        raise SourceUnreadable(f"{file.where} is in no known format: its name ends in {', '.join(ENDINGS)}")
    if kind is SourceFormat.LANGFUSE:
        return read_export(file.data, file.where)
    ending = next((each for each in ENDINGS if file.name.lower().endswith(each)), "")
    return [_ONE_PROMPT[kind](file.data, file.name[: len(file.name) - len(ending)], file.where)]
