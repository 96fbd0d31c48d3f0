"""Files as prompts: which format a file is in, by the ending of its name, and what it holds."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from registry.domain.importing.imported import Found, Imported, LeftOut, SourceUnreadable
from registry.domain.importing.langfuse import read_export
from registry.domain.importing.project_files import is_project_file
from registry.domain.importing.prompt_files import read_dotprompt, read_github, read_prompty, read_text
from registry.domain.importing.promptfoo import FileRead, read_promptfoo
from registry.domain.importing.templates import is_label_file, is_template, read_template_file
from registry.domain.limits import MAX_FILE_BYTES
from registry.domain.prompt_formats import PromptFormat
from registry.domain.wording import shown

ENDINGS: Mapping[str, PromptFormat] = {
    ".prompt.yml": PromptFormat.GITHUB,
    ".prompt.yaml": PromptFormat.GITHUB,
    ".prompty": PromptFormat.PROMPTY,
    ".prompt": PromptFormat.DOTPROMPT,
    ".jsonl": PromptFormat.LANGFUSE,
    ".ndjson": PromptFormat.LANGFUSE,
    ".json": PromptFormat.LANGFUSE,
    ".md": PromptFormat.TEXT,
    ".txt": PromptFormat.TEXT,
}
"""The longest comes first, where one is the end of another."""
_ONE_PROMPT: Mapping[PromptFormat, Callable[[bytes, str, str], Imported]] = {
    PromptFormat.PROMPTY: read_prompty,
    PromptFormat.DOTPROMPT: read_dotprompt,
    PromptFormat.GITHUB: read_github,
    PromptFormat.TEXT: read_text,
}
_PROMPTFOO = re.compile(r"(?:.*/)?[^/]*promptfooconfig[^/]*\.(?:ya?ml|json)", re.IGNORECASE)
_CONFIGURATION = (".yaml", ".yml", ".json")
_ASIDE = (".yaml", ".yml", ".csv", ".j2")
"""Files that others may refer to."""
_SKIPPED = frozenset({"node_modules", "__pycache__"})
MOST_FILE_BYTES = 16 * 1024 * 1024
"""Of a file that holds several prompts, or what others refer to."""
_PROJECT_FILE = "is about a project and no prompt: import it by itself if it is one"
_APART = "import it into a folder of its own"
_LABELS = "labels name versions, which only the repository has: import it with --from git"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: ``name`` is its path below the source with ``/``, ``where`` what messages call it."""

    name: str
    data: bytes
    where: str


def recognise(name: str) -> PromptFormat | None:
    """The format of a file, by its name."""
    if _PROMPTFOO.fullmatch(name):
        return PromptFormat.PROMPTFOO
    return next((kind for ending, kind in ENDINGS.items() if name.lower().endswith(ending)), None)


def is_wanted(name: str) -> bool:
    """Whether a file of a folder may matter: it, or what refers to it, may hold prompts."""
    return not is_hidden(name) and (recognise(name) is not None or name.lower().endswith(_ASIDE))


def is_hidden(name: str) -> bool:
    """Whether a file or folder holds nothing that somebody wrote to be read."""
    return any(part.startswith(".") or part in _SKIPPED for part in name.split("/"))


def most_bytes(name: str) -> int:
    """How many bytes of a file may matter: those of one prompt are a template's at most."""
    one = recognise(name) in _ONE_PROMPT or is_label_file(name)
    return MAX_FILE_BYTES if one else MOST_FILE_BYTES


def read_file(file: SourceFile, files: Mapping[str, bytes]) -> FileRead:
    """The prompts of one file, in the format that it says; it may refer to ``files``. Raises SourceUnreadable."""
    return _read(file, format_of(file), files, alone=True)


def format_of(file: SourceFile) -> PromptFormat | None:
    """The format of a file, by its name and, where that leaves a choice, by what it says."""
    kind = recognise(file.name)
    return PromptFormat.PROMPTUARY if kind is PromptFormat.GITHUB and is_template(file.data) else kind


def read_files(
    files: Iterable[SourceFile], form: PromptFormat | None, beside: Mapping[str, bytes] | None = None
) -> Found:
    """The prompts of all files; each is in the format ``form``, or in the one that its name says.

    They may refer to what is ``beside`` them, by its path, or where that is None to each other. A file that holds none
    is left out, and so are those about a project (README.md) that do not come alone. What a configuration of
    promptfoo's refers to belongs to it. Raises SourceUnreadable, with the way out, where no file holds a prompt.
    """
    given = list(files)
    asked = _configurations(given) if form is PromptFormat.PROMPTFOO else given
    referred = {file.name: file.data for file in given} if beside is None else beside
    found: dict[str, Imported] = {}
    left_out: list[LeftOut] = []
    used: set[str] = set()
    kinds = {file.name: form or format_of(file) for file in asked}
    for file in sorted(asked, key=lambda each: kinds[each.name] is not PromptFormat.PROMPTFOO):
        if file.name in used or is_label_file(file.name):
            continue
        try:
            reading = _read(file, kinds[file.name], referred, alone=len(asked) == 1)
        except SourceUnreadable as error:
            left_out.append(LeftOut(file.name, str(error)))
            continue
        used |= reading.used
        left_out += reading.left_out
        left_out += [
            LeftOut(file.name, f"another file holds a prompt {shown(prompt.name)} too: {_APART}")
            for prompt in reading.prompts
            if found.setdefault(prompt.name, prompt) is not prompt
        ]
    if not found:
        raise SourceUnreadable(left_out[0].why if left_out else "there is no file that can be imported")
    own = any(each.source == PromptFormat.PROMPTUARY for each in found.values())
    names = dict.fromkeys([*(file.name for file in given), *(referred if own else ())])
    left_out += [LeftOut(name, _LABELS) for name in names if is_label_file(name)]
    return Found(tuple(found.values()), tuple(left_out))


def _configurations(files: list[SourceFile]) -> list[SourceFile]:
    """Those that are called as promptfoo's are, else all that may be one."""
    called = [file for file in files if recognise(file.name) is PromptFormat.PROMPTFOO]
    return called or [file for file in files if file.name.lower().endswith(_CONFIGURATION)]


def _read(file: SourceFile, kind: PromptFormat | None, files: Mapping[str, bytes], *, alone: bool) -> FileRead:
    if kind is PromptFormat.PROMPTFOO:
        return read_promptfoo(file.data, file.name, file.where, files)
    return FileRead(_prompts(file, kind, alone=alone))


def _prompts(file: SourceFile, kind: PromptFormat | None, *, alone: bool) -> list[Imported]:
    if kind is None:
        raise SourceUnreadable(f"{file.where} is in no known format: its name ends in {', '.join(ENDINGS)}")
    if kind is PromptFormat.TEXT and not alone and is_project_file(file.name):
        raise SourceUnreadable(f"{file.where} {_PROJECT_FILE}")
    if kind is PromptFormat.LANGFUSE:
        return read_export(file.data, file.where)
    if kind is PromptFormat.PROMPTUARY:
        return [read_template_file(file.data, file.name, file.where)]
    if kind not in _ONE_PROMPT:
        raise SourceUnreadable(f"{kind} is no format of files: its prompts come from an address")
    ending = next((each for each in ENDINGS if file.name.lower().endswith(each)), "")
    return [_ONE_PROMPT[kind](file.data, file.name[: len(file.name) - len(ending)], file.where)]
