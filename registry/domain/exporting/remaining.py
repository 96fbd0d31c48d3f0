"""Makes the remainder of a rendition: what of the template cannot be read from what the format says."""

from collections.abc import Mapping

from registry.domain.exporting.states import Rendition
from registry.domain.importing.imported import Imported, ImportedVersion, Item, Reading, Remainder, Slot
from registry.domain.importing.remainders import (
    BODY,
    Unit,
    digest_of,
    digest_of_unit,
    said_fields,
    take_remainder,
    units_of,
)
from registry.domain.importing.restoring import restore
from registry.domain.importing.source_names import name_variables
from registry.domain.importing.texts_of_version import Naming, Texts, keys_of, role_of, write_text
from registry.domain.template import Json, TemplateType

_TEXTS = ("text", "messages")
_SAID_OF_OURS = ("schema", "type")
FIELDS = ("description", "tags", "model", "tools", "tool_choice", "output")
"""The fields that a format may say in its own words."""


def make_remainder(rendition: Rendition, reading: Imported) -> Remainder:
    """The remainder, where the format without it reads as ``reading``."""
    version = reading.versions[0]
    template = {key: value for key, value in rendition.state.document.items() if key not in _TEXTS}
    said = said_fields(version, reading.tags)
    seen: dict[str, str] = {}
    for field in dict.fromkeys([*FIELDS, *said]):
        if field not in said:
            continue
        digest = digest_of(said[field])
        if field in template and digest == digest_of(template[field]):
            del template[field]
        else:
            seen[field] = digest
    items = _items(rendition, reading)
    if items is None:
        template |= {key: rendition.state.document[key] for key in _TEXTS if key in rendition.state.document}
        seen[BODY] = digest_of([digest_of_unit(unit) for unit in units_of(version, template["type"])])
    renamed = reading.name != rendition.state.name
    return Remainder(template, seen, items, reading.name if renamed else "", rendition.state.name if renamed else "")


def carried_fields(remainder: Remainder) -> list[str]:
    """The fields of the template that the format has no place for."""
    return [key for key in remainder.template if key not in {*_SAID_OF_OURS, *_TEXTS}]


def lost_fields(rendition: Rendition, reading: Imported) -> list[str]:
    """The fields of the template that an import of what was written would give otherwise."""
    version = take_remainder(reading).versions[0]
    document = rendition.state.document
    if version.remainder is None:
        return sorted(document.keys() - set(_SAID_OF_OURS))
    naming = _naming(rendition, reading)
    restored = restore(version, reading.tags, naming, Texts()) or {}
    keys = document.keys() | restored.keys()
    return sorted(key for key in keys if digest_of(document.get(key)) != digest_of(restored.get(key)))


def _items(rendition: Rendition, reading: Imported) -> tuple[Item, ...] | None:
    """An item for each message; None where what is read does not stand for one message each."""
    document, version = rendition.state.document, reading.versions[0]
    units = iter(found := units_of(version, document["type"]))
    if len(found) != len(rendition.shown):
        return None
    own = [document["text"]] if document["type"] == TemplateType.TEXT else document["messages"]
    naming = _naming(rendition, reading)
    return tuple(
        Item(None, message) if turn is None else _item(message, next(units), version, naming)
        for message, turn in zip(own, rendition.turns, strict=True)
    )


def _item(own: Json, unit: Unit, version: ImportedVersion, naming: Naming) -> Item:
    seen = digest_of_unit(unit)
    if isinstance(unit, Slot):
        return Item(seen) if own == {"placeholder": unit.variable} else Item(seen, own)
    text = own
    if isinstance(own, Mapping):
        if own.keys() != {"role", "content"} or own["role"] != role_of(unit):
            return Item(seen, own)
        text = own["content"]
    if not isinstance(text, str) or not text.strip():
        return Item(seen, own)
    begin = len(text) - len(text.lstrip())
    around = (text[:begin], text[len(text.rstrip()) :])
    if unit.text == text:
        around = ("", "")
    bare = unit.text.strip()
    if any(around) or unit.text in {bare, text}:
        if write_text(bare, version.syntax, naming, Texts()) == text.strip():
            return Item(seen, None, Reading.PLAIN, around)
        if bare == text.strip():
            return Item(seen, None, Reading.JINJA, around)
    return Item(seen, own)


def _naming(rendition: Rendition, reading: Imported) -> Naming:
    """The naming of an import: only what the template declares is sure to keep its name."""
    declared = rendition.state.document.get("variables") or {}
    own = {(messages, name): name for name in declared for messages in (True, False)}
    return Naming(name_variables(keys_of(reading)) | own, {str(name): name for name in rendition.state.partials})
