"""Remainders: what an exported prompt carries of its template that the format cannot say, for its way back.

A remainder stands where the format leaves room, under the key ``promptuary``; the readers find it in the metadata. It
knows by digests what the format itself said when it was exported, so that what was changed there since counts.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from registry.domain.importing.imported import Imported, ImportedVersion, Item, Reading, Remainder, Slot, Speech
from registry.domain.importing.prompt_files import read_marked
from registry.domain.includes import raw_includes
from registry.domain.template import Json, TemplateType

KEY = "promptuary"
FORMAT = "remainder/v1"
BODY = "body"
"""Among what was seen: all texts together, where they do not stand for one message each."""
TEMPLATED = ("text", "content", "url")
"""Fields of messages and parts that are template text."""

Unit = Speech | Slot


def digest_of(value: Json) -> str:
    """Equal for equal values; of what a format says, to see whether it was changed."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def digest_of_unit(unit: Unit) -> str:
    """The same for a message; white space around a text plays no part."""
    return digest_of([unit.variable] if isinstance(unit, Slot) else [unit.role, unit.text.strip()])


def units_of(version: ImportedVersion, kind: Json) -> tuple[Unit, ...]:
    """The messages of a version; a text is one without a role, unless it stands for messages of a chat template."""
    if not isinstance(version.body, str):
        return version.body
    return (Speech("", version.body),) if kind == TemplateType.TEXT else tuple(read_marked(version.body))


def said_fields(version: ImportedVersion, tags: tuple[str, ...]) -> dict[str, Json]:
    """What a format says besides the texts, by the fields of a template that it becomes."""
    fields: dict[str, Json] = {
        "description": version.description or None,
        "tags": list(tags) or None,
        "defaults": dict(version.defaults) or None,
        **version.settings,
        **{f"metadata.{key}": value for key, value in version.metadata.items()},
    }
    return {key: value for key, value in fields.items() if value is not None}


def take_remainder(prompt: Imported) -> Imported:
    """The prompt with the remainders of its versions taken out of their metadata, under its own name."""
    if not any(KEY in version.metadata for version in prompt.versions):
        return prompt
    versions = tuple(_taken(version) for version in prompt.versions)
    last = next((each.remainder for each in reversed(versions) if each.remainder is not None), None)
    name = last.name if last is not None and last.name and last.exported == prompt.name else prompt.name
    return replace(prompt, name=name, versions=versions)


def _taken(version: ImportedVersion) -> ImportedVersion:
    remainder = read_remainder(version.metadata.get(KEY))
    if remainder is None:
        return version
    kept = {key: value for key, value in version.metadata.items() if key != KEY}
    return replace(version, metadata=kept, remainder=remainder)


def write_remainder(remainder: Remainder) -> dict[str, Json]:
    """The remainder as JSON."""
    said: dict[str, Json] = {"format": FORMAT, "template": dict(remainder.template)}
    if remainder.name:
        said["name"] = {remainder.exported: remainder.name}
    if remainder.seen:
        said["seen"] = dict(remainder.seen)
    if remainder.items is not None:
        said["texts"] = [_written(item) for item in remainder.items]
    return said


def _written(item: Item) -> Json:
    said: dict[str, Json] = {} if item.seen is None else {"seen": item.seen}
    if item.own is not None:
        return said | {"is": item.own}
    said["as"] = item.reading.value
    return said | ({"around": list(item.around)} if any(item.around) else {})


def read_remainder(said: Json) -> Remainder | None:
    """A remainder from what stands in a file, None where it is none of ours."""
    if not isinstance(said, Mapping) or said.get("format") != FORMAT or not isinstance(said.get("template"), Mapping):
        return None
    seen, texts, names = said.get("seen", {}), said.get("texts"), said.get("name", {})
    if not (_is_words(seen) and _is_words(names) and (texts is None or isinstance(texts, list))):
        return None
    items = None if texts is None else [_item(each) for each in texts]
    if items is not None and None in items:
        return None
    exported, name = next(iter(names.items()), ("", ""))
    kept = None if items is None else tuple(item for item in items if item is not None)
    return Remainder(dict(said["template"]), dict(seen), kept, exported, name)


def _is_words(said: Json) -> bool:
    return isinstance(said, Mapping) and all(isinstance(each, str) for pair in said.items() for each in pair)


def _item(said: Json) -> Item | None:
    if not isinstance(said, Mapping) or not isinstance(said.get("seen", ""), str):
        return None
    if "is" in said:
        own = said["is"]
        return Item(said.get("seen"), own) if isinstance(own, str | Mapping) else None
    around, reading = said.get("around", ["", ""]), said.get("as")
    sound = isinstance(around, list) and len(around) == 2 and all(isinstance(each, str) for each in around)
    if not sound or reading not in set(Reading) or "seen" not in said:
        return None
    return Item(said["seen"], None, Reading(reading), (around[0], around[1]))


def carried_includes(remainder: Remainder) -> frozenset[str]:
    """The names that the texts in a remainder include."""
    own = [item.own for item in remainder.items or ()]
    own += [remainder.template.get("text"), *_listed(remainder.template.get("messages"))]
    return frozenset(name for each in own for name in included_in(each))


def texts_in(said: Json) -> Iterator[str]:
    """The template texts of a message, or of a text."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, Mapping):
        for key in TEMPLATED:
            if isinstance(said.get(key), list):
                for part in said[key]:
                    yield from texts_in(part)
            else:
                yield from texts_in(said.get(key))


def map_texts(said: Json, change: Callable[[str], str]) -> Json:
    """A message or a text with its template texts changed."""
    if isinstance(said, str):
        return change(said)
    if not isinstance(said, Mapping):
        return said
    changed = dict(said)
    for key in TEMPLATED:
        if isinstance(said.get(key), list):
            changed[key] = [map_texts(part, change) for part in said[key]]
        elif isinstance(said.get(key), str):
            changed[key] = change(said[key])
    return changed


def included_in(said: Json) -> frozenset[str]:
    """The names that a message or a text includes."""
    return frozenset(str(name) for text in texts_in(said) for name in raw_includes(text.encode("utf-8", "replace")))


def _listed(said: Json) -> list[Json]:
    return said if isinstance(said, list) else []
