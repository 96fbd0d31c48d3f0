"""Langfuse's prompts, in the shapes of its REST API (``/api/public/v2/prompts``), alone or many in a file."""

import json
from collections.abc import Iterable, Iterator, Mapping

from registry.domain.importing.imported import Imported, ImportedVersion, Slot, SourceUnreadable, Speech, Syntax
from registry.domain.importing.model_settings import read_settings
from registry.domain.importing.source_values import (
    MOST_VERSION,
    decoded,
    number_of,
    read_message,
    text_of,
    time_of,
    words_of,
)
from registry.domain.json_faults import json_fault
from registry.domain.template import Json
from registry.domain.wording import shown

SOURCE = "langfuse"


def read_export(data: bytes, where: str) -> list[Imported]:
    """The prompts of a JSON or JSON Lines file: prompts as the API answers them, in a list or under ``data``.

    Raises SourceUnreadable, naming ``where``.
    """
    return gather(_entries(data, where), where)


def gather(entries: Iterable[Json], where: str) -> list[Imported]:
    """Versions, in any order, as prompts; of a version that comes twice the last counts. Raises SourceUnreadable."""
    versions: dict[str, dict[int, ImportedVersion]] = {}
    tags: dict[str, tuple[str, ...]] = {}
    for index, entry in enumerate(entries):
        name, version = _read(entry, f"{where}, entry {index + 1}")
        versions.setdefault(name, {})[version.number] = version
        tags[name] = words_of(entry.get("tags")) or tags.get(name, ())
    return [
        Imported(SOURCE, name, tuple(found[number] for number in sorted(found)), tags[name])
        for name, found in sorted(versions.items())
    ]


def is_prompt(entry: Json) -> bool:
    """Whether something looks like one of Langfuse's prompt versions."""
    return isinstance(entry, Mapping) and {"name", "prompt", "version"} <= entry.keys()


def _lines(text: str, whole: json.JSONDecodeError) -> list[Json]:
    """What each line says. Raises JSONDecodeError; where no line is JSON by itself ``whole``, the text's own fault."""
    found: list[Json] = []
    start = 0
    for line in text.split("\n"):
        try:
            found += [json.loads(line)] if line.strip() else []
        except json.JSONDecodeError as error:
            raise json.JSONDecodeError(error.msg, text, start + error.pos) if found else whole from None
        start += len(line) + 1
    if not found:
        raise whole
    return found


def _entries(data: bytes, where: str) -> Iterator[Json]:
    text = decoded(data, where)
    try:
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            found = _lines(text, error)
    except json.JSONDecodeError as error:
        raise SourceUnreadable(f"{where} is no JSON and no JSON Lines: {json_fault(error)}") from None
    except (ValueError, RecursionError):
        raise SourceUnreadable(f"{where} nests too deeply, or holds a number with too many digits") from None
    if isinstance(found, Mapping):
        inner = found.get("data", found.get("prompts"))
        found = inner if isinstance(inner, list) else [found]
    if not isinstance(found, list):
        raise SourceUnreadable(f"{where} holds no prompts: a list of them is needed, as Langfuse's API answers them")
    yield from found


def _read(entry: Json, where: str) -> tuple[str, ImportedVersion]:
    if not is_prompt(entry):
        raise SourceUnreadable(f"{where} is no prompt of Langfuse's: it needs name, version and prompt")
    name, number, prompt = entry["name"], number_of(entry["version"]), entry["prompt"]
    if not isinstance(name, str) or not name or number is None:
        raise SourceUnreadable(f"{where}: name is a text and version a number from 1 to {MOST_VERSION}")
    where = f"{where} ({shown(name)})"
    notes: list[str] = []
    if isinstance(prompt, str):
        body: str | tuple[Speech | Slot, ...] = prompt
    elif isinstance(prompt, list):
        body = tuple(read_message(each, where, notes) for each in prompt)
    else:
        raise SourceUnreadable(f"{where}: prompt is a text or a list of messages")
    config = entry.get("config")
    settings, rest = read_settings(config) if isinstance(config, Mapping) else ({}, {})
    if config not in (None, {}) and not isinstance(config, Mapping):
        rest = {"value": config}
    return name, ImportedVersion(
        number,
        body,
        Syntax.LANGFUSE,
        settings=settings,
        metadata=rest,
        labels=words_of(entry.get("labels")),
        author=text_of(entry.get("createdBy")),
        time=time_of(entry.get("createdAt")),
        message=text_of(entry.get("commitMessage")),
        notes=tuple(notes),
    )
