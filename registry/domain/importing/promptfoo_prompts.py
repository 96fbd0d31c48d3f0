"""What stands under ``prompts:`` in a configuration of promptfoo's: texts, objects and files."""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.referred_files import ReferredFiles
from registry.domain.importing.source_values import decoded, mapping_of, read_rows, text_of, yaml_value
from registry.domain.wording import shown

_FILE = "file://"
_PROGRAM = re.compile(r".*\.(?:js|cjs|mjs|ts|cts|mts|py|rb|go|sh)(?::[\w.]+)?\Z", re.DOTALL)
_TEXT_FILE = (".txt", ".md", ".j2", ".json", ".jsonl", ".yaml", ".yml", ".csv")
_ELSEWHERE = re.compile(r"(?:exec|langfuse|portkey|helicone|huggingface)(?:://|:)")
_SEPARATOR = re.compile(r"^---[ \t]*$\n?", re.MULTILINE)
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt: its text, or a ``problem`` that says why it is left out."""

    name: str
    text: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    notes: tuple[str, ...] = ()


def read_prompts(said: Any, files: ReferredFiles) -> Iterator[Prompt]:
    """The prompts, in order. Those of a file are called as it is, others by their label, else by their place."""
    if isinstance(said, Mapping):  # an older form: files, each with its label
        said = [{"id": key, "label": label} for key, label in said.items()]
    if isinstance(said, str):
        said = [said]
    if not isinstance(said, list):
        yield Prompt("prompts", problem=f"{shown(said)} is no list of prompts")
        return
    for index, each in enumerate(said):
        yield from _entry(each, files, f"prompt-{index + 1}")


def _entry(said: Any, files: ReferredFiles, place: str) -> Iterator[Prompt]:
    entry = mapping_of(said)
    label = _label(entry, place)
    text = entry.get("raw", entry.get("id")) if isinstance(said, Mapping) else said
    if not isinstance(text, str) or "function" in entry:
        yield Prompt(
            label, problem="it is made by a program, which is not run" if "function" in entry else _no_text(said)
        )
        return
    config = mapping_of(entry.get("config"))
    path = text.removeprefix(_FILE).strip()
    if "\n" not in text and (_PROGRAM.match(path) or _ELSEWHERE.match(text)):
        what = (
            "made by a program, which is not run"
            if _PROGRAM.match(path) or text.startswith("exec")
            else "kept elsewhere"
        )
        yield Prompt(text.strip(), problem=f"it is {what}")
        return
    found = files.find(path) if text.startswith(_FILE) or _names_file(text) else []
    if not found and text.startswith(_FILE):
        yield Prompt(text.strip(), problem="there is no such file in the source: import the folder that holds it")
    elif not found:
        yield Prompt(files.name_beside(label), text, config)
    for name in found:
        named = label if len(found) == 1 and label != place else ""
        yield from _file(name, files, files.name_beside(named) if named else "", config)


def _label(entry: Mapping[str, Any], place: str) -> str:
    """What an entry is called: a short label, or an id that is no path."""
    said = (
        text_of(entry.get("label"))
        or text_of(entry.get("display"))
        or (text_of(entry.get("id")) if "raw" in entry else "")
    )
    fits = said and len(said) <= _LONGEST_NAME and "\n" not in said and "{{" not in said and not said.startswith(_FILE)
    return said if fits else place


def _names_file(text: str) -> bool:
    return "\n" not in text and len(text) < 400 and text.strip().endswith((*_TEXT_FILE, "*")) and "{{" not in text


def _no_text(said: Any) -> str:
    return f"{shown(said)} is no text, and names none with raw or id"


def _file(name: str, files: ReferredFiles, label: str, config: Mapping[str, Any]) -> Iterator[Prompt]:
    """The prompts of a file; called by its path without the ending where there is no label."""
    stem, ending = posixpath.splitext(name)
    called = label or stem
    if ending.lower() not in _TEXT_FILE:
        yield Prompt(name, problem="made by a program, which is not run" if _PROGRAM.match(name) else "it is no text")
        return
    try:
        for text in _texts(files.read(name), ending.lower(), name):
            if text.strip():
                yield Prompt(called, text, config)
    except SourceUnreadable as error:
        yield Prompt(name, problem=str(error))


def _texts(data: bytes, ending: str, name: str) -> Iterator[str]:
    text = decoded(data, name)
    if ending == ".txt":
        yield from (each.strip() for each in _SEPARATOR.split(text.replace("\r\n", "\n")))
    elif ending == ".jsonl":
        yield from text.split("\n")  # not splitlines: JSON may hold U+2028
    elif ending == ".csv":
        yield from _rows(text)
    elif ending in {".yaml", ".yml"}:
        value = yaml_value(data, name)
        yield text if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    else:
        yield text


def _rows(text: str) -> Iterator[str]:
    """The column ``prompt``, or the only one, of a table."""
    rows = [row for row in read_rows(text) if row]
    header = [each.strip().lower() for each in rows[0]] if rows else []
    column = header.index("prompt") if "prompt" in header else None
    yield from (row[column or 0] for row in rows[0 if column is None else 1 :] if len(row) > (column or 0))
